/**
 * Who the shells before `ip` and `bridge` ask: TOOL REAL WORDS... It carries out what is meant for links of ours, with
 * the kernel's answers and exit statuses, and ends with HAND_OVER where the real tool is to be run.
 */

import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { NoDaemon } from '../../control/client.ts';
import { Refusal } from '../../control/refusal.ts';
import { RefusedWord, UsageError } from '../grammar.ts';
import { NoAddress } from '../values.ts';
import { mindWhatIsWritten } from '../written.ts';
import { type CommandLine, type Tool, takeApart } from './command-line.ts';
import { Daemon } from './daemon.ts';
import { Misspoken } from './kernel-link.ts';
import { meant } from './meant.ts';
import { capture, run } from './real.ts';
import { HAND_OVER, pathPastShims } from './shim.ts';

/** What the kernel's errors are called in C, and so by iproute2. */
const SAID: Record<string, string> = {
  EACCES: 'Permission denied',
  EADDRINUSE: 'Address already in use',
  EADDRNOTAVAIL: 'Cannot assign requested address',
  EAFNOSUPPORT: 'Address family not supported by protocol',
  EBUSY: 'Device or resource busy',
  EEXIST: 'File exists',
  EINVAL: 'Invalid argument',
  ENODEV: 'No such device',
  ENOENT: 'No such file or directory',
  ENOSPC: 'No space left on device',
  EOPNOTSUPP: 'Operation not supported',
  EPERM: 'Operation not permitted',
  ERANGE: 'Numerical result out of range',
};

async function carryOut(tool: Tool, real: string, words: readonly string[]): Promise<number> {
  const line = takeApart(tool, words);
  try {
    return await doWhatIsMeant(line, real, words);
  } catch (error) {
    return complain(error as Error, line);
  }
}

/** As iproute2 ends: with 2 where the kernel said no to `ip`, or would if it had no more than we; at once: with -1. */
function complain(error: Error, { tool }: CommandLine): number {
  const code = error instanceof RefusedWord ? 'EOPNOTSUPP' : error instanceof Refusal ? error.code : '';
  if (error instanceof UsageError && code === '') {
    process.stderr.write(`${error instanceof Misspoken ? '' : 'Error: '}${error.message}\n`);
    return error instanceof Misspoken || error instanceof NoAddress ? 1 : -1;
  }
  if (code in SAID) process.stderr.write(`RTNETLINK answers: ${SAID[code]}\n`);
  process.stderr.write(`vtep: ${error.message}\n`);
  return error instanceof NoDaemon ? 1 : tool === 'ip' ? 2 : 255;
}

async function doWhatIsMeant(line: CommandLine, real: string, words: readonly string[]): Promise<number> {
  // the real tool says so
  if (line.netns !== undefined && !isNamespace(line.netns)) return HAND_OVER;
  const what = meant(line);
  const where = { ip: real, netns: line.netns };
  switch (what.kind) {
    case 'add':
      return (await import('./links.ts')).add(where, what);
    case 'change':
      return (await import('./links.ts')).change(where, what);
    case 'delete':
      return (await import('./links.ts')).remove(where, what);
    case 'rename':
      return (await import('./links.ts')).rename(where, words, what);
    case 'links':
      return (await import('./shown.ts')).show(real, line, words, what);
    case 'fdb':
      return (await import('./entries.ts')).act(real, line, what);
    case 'entries':
      return (await import('./entries.ts')).show(real, line, words, what);
    case 'vni':
      return what.verb === 'show'
        ? (await import('./vnis.ts')).show(real, line, words, what)
        : (await import('./vnis.ts')).act(line, what);
    case 'batch':
      return (await import('./batch.ts')).batch({
        real,
        line,
        file: what.file,
        carryOut: (each) => carryOut(line.tool, real, each),
      });
    case 'refused':
      return (await import('./links.ts')).refuse(line, what);
    case 'namespace':
      return deleteNamespaces(real, words, what.names);
    default:
      return HAND_OVER;
  }
}

function isNamespace(name: string): boolean {
  return name !== '' && statSync(resolve('/run/netns', name), { throwIfNoEntry: false }) !== undefined;
}

/** Kernel links go with their namespace; a daemon that is alone in one would hold it for ever. */
async function deleteNamespaces(
  ip: string,
  words: readonly string[],
  names: readonly string[],
): Promise<number> {
  const daemons: Daemon[] = [];
  for (const name of names) {
    if (!isNamespace(name)) continue;
    const pids = capture(ip, ['netns', 'pids', name]).out.trim().split('\n');
    const daemon = pids.length === 1 ? await Daemon.find(name) : undefined;
    if (daemon) daemons.push(daemon);
  }
  if (daemons.length === 0) return HAND_OVER;
  const status = run(ip, words);
  for (const daemon of daemons) {
    if (status === 0) await daemon.ask('stop', undefined);
    daemon.close();
  }
  return status;
}

mindWhatIsWritten();
process.env.PATH = pathPastShims(process.env.PATH ?? '');
const [tool, real, ...words] = process.argv.slice(2);
carryOut(tool as Tool, real, words).then((status) => {
  process.exitCode = status;
});
