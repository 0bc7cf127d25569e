/**
 * `vtep exec -- CMD...`: runs CMD with shells of ours before the real `ip` and `bridge` in its PATH
 * (`drop-in/shim.ts`), and ends as it does. They stand in a folder beside the control sockets, as long as CMD runs, or
 * anything that it has left running.
 */

import { spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { constants as os } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { environmentOf, folderOfUser, runFolder } from '../control/socket-path.ts';
import { shimFolder, sweep } from './drop-in/left-behind.ts';
import { pathPastShims, shim } from './drop-in/shim.ts';
import { FormError } from './grammar.ts';

const TOOLS = ['ip', 'bridge'] as const;
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

export async function exec(words: readonly string[]): Promise<number> {
  const [command, ...rest] = words[0] === '--' ? words.slice(1) : words;
  if (command === undefined) throw new FormError('the command is missing', 'vtep exec -- CMD...');
  const path = pathPastShims(process.env.PATH ?? '');
  const run = runFolder();
  const folder = makeShims(path, run);
  const child = spawn(command, rest, {
    stdio: [0, 1, 2, ...furtherDescriptors()],
    env: { ...process.env, ...environmentOf(), PATH: `${folder}${delimiter}${path}` },
  });
  for (const signal of FORWARDED) process.on(signal, () => child.kill(signal));
  const status = await new Promise<number>((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      process.stderr.write(`vtep: "${command}" cannot be run (${error.code})\n`);
      resolve(error.code === 'ENOENT' ? 127 : 126);
    });
    child.once('exit', (status, signal) => resolve(status ?? 128 + os.signals[signal ?? 'SIGKILL']));
  });
  await sweep(run).catch(() => {}); // whatever is left there, the status is CMD's
  return status;
}

/** Those that a shell opens by a digit (`3<FILE`) are CMD's too; Node's own, which lie among them, are not. */
function furtherDescriptors(): (number | 'ignore')[] {
  const open = new Map(readdirSync('/proc/self/fd').map((fd) => [Number(fd), whatIs(fd)]));
  const all = [...open.values()];
  const isNodes = (what: string) =>
    /^anon_inode:/.test(what) || all.filter((each) => each === what).length > 1;
  return [3, 4, 5, 6, 7, 8, 9].map((fd) => (isNodes(open.get(fd) ?? 'anon_inode:none') ? 'ignore' : fd));
}

function whatIs(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return 'anon_inode:gone';
  }
}

function makeShims(path: string, run: string): string {
  const [main, beside] = ['drop-in', 'beside'].map((name) =>
    fileURLToPath(new URL(`${name}.js`, import.meta.url)),
  );
  const folder = shimFolder(run);
  const { execPath: node } = process;
  try {
    makeFolder(folder);
    for (const tool of TOOLS) {
      const real = realOf(tool, path);
      const text = shim({ tool, real, node, main, beside, run, sockets: folderOfUser() });
      writeFileSync(join(folder, tool), text, { mode: 0o755 });
    }
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw new Error(`the folder ${folder} cannot be made (${(error as NodeJS.ErrnoException).code})`);
  }
  return folder;
}

/** Ours alone: whoever can write there would choose what CMD runs. */
function makeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true }); // of one who had this number before
  mkdirSync(dirname(folder), { recursive: true, mode: 0o755 });
  mkdirSync(folder, { mode: 0o755 });
}

/** As a shell would find it; empty: there is none. */
function realOf(tool: string, path: string): string {
  for (const folder of path.split(delimiter)) {
    const file = join(folder || '.', tool);
    if (isProgram(file)) return file;
  }
  return '';
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
