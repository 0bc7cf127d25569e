/** Starts the daemon for a verb that found none, and waits until it answers. */

import {
  appendFileSync,
  closeSync,
  existsSync,
  fstatSync,
  futimesSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client, NoDaemon } from '../control/client.ts';
import { logPath } from '../control/socket-path.ts';

const PATIENCE_MS = 20_000;
const BETWEEN_TRIES_MS = 10;

export interface Starting {
  /** A command before it: another namespace's. */
  within?: readonly string[];
  /** Further words of `vtep daemon`. */
  words?: readonly string[];
}

/** What it says on stderr goes to a file beside the socket. */
export async function startDaemon(path: string, { within = [], words = [] }: Starting = {}): Promise<Client> {
  const { spawn } = await import('node:child_process'); // costs a millisecond, and is seldom needed
  const log = logPath(path);
  const file = openLog(log);
  const begin = fstatSync(file).size;
  const [command, ...rest] = [...within, process.execPath, main(), 'daemon', '--socket', path, ...words];
  const daemon = spawn(command, rest, {
    detached: true,
    stdio: ['ignore', file, file],
    cwd: '/',
  });
  closeSync(file);
  daemon.unref();
  let ended = false;
  daemon.once('exit', () => {
    ended = true;
  });
  daemon.once('error', ({ message }) => {
    appendFileSync(log, `${command} cannot be run: ${message}\n`);
    ended = true;
  });
  for (const until = Date.now() + PATIENCE_MS; Date.now() < until; await pause(BETWEEN_TRIES_MS)) {
    // another verb may have started one in the same moment: then ours ends, and that one answers
    const isLastTry = ended;
    try {
      return await Client.connect(path);
    } catch (error) {
      if (!(error instanceof NoDaemon)) throw error;
      if (isLastTry) throw new NoDaemon(`the daemon did not start: ${lastWords(log, begin)}`);
    }
  }
  throw new NoDaemon(`the daemon did not answer at ${path} within ${PATIENCE_MS / 1000} s; see ${log}`);
}

/**
 * Two that start at once write to the same file, one line after the other, and so does one whose socket was deleted: what
 * is there is taken out by who comes to have the path (`daemon.ts`).
 */
function openLog(path: string): number {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    const file = openSync(path, 'a', 0o640);
    futimesSync(file, new Date(), new Date()); // nobody takes it for one that was left behind
    return file;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new NoDaemon(`the daemon cannot be started: its log ${path} cannot be written (${code})`);
  }
}

function main(): string {
  return fileURLToPath(new URL('main.js', import.meta.url));
}

/** The log goes with them, unless the one that has the path already writes there too. */
function lastWords(log: string, begin: number): string {
  const text = existsSync(log) ? readFileSync(log).subarray(begin).toString().trim() : '';
  if (!text.includes('(EADDRINUSE)')) rmSync(log, { force: true });
  return text === '' ? 'it ended without a word' : text.replace(/^vtep: /gm, '');
}
