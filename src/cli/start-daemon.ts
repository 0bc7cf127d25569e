/** Starts the daemon for a verb that found none, and waits until it answers. */

import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
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
    writeFileSync(log, `${command} cannot be run: ${message}\n`);
    ended = true;
  });
  for (const until = Date.now() + PATIENCE_MS; Date.now() < until; await pause(BETWEEN_TRIES_MS)) {
    // another verb may have started one in the same moment: then ours ends, and that one answers
    const isLastTry = ended;
    try {
      return await Client.connect(path);
    } catch (error) {
      if (!(error instanceof NoDaemon)) throw error;
      if (isLastTry) throw new NoDaemon(`the daemon did not start: ${lastWords(log)}`);
    }
  }
  throw new NoDaemon(`the daemon did not answer at ${path} within ${PATIENCE_MS / 1000} s; see ${log}`);
}

/** Two that start at once write to the same file, one line after the other. */
function openLog(path: string): number {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_APPEND } = constants;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    return openSync(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0o640);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new NoDaemon(`the daemon cannot be started: its log ${path} cannot be written (${code})`);
  }
}

function main(): string {
  return fileURLToPath(new URL('main.js', import.meta.url));
}

/** The log goes with them, unless the one that has the path already writes there too. */
function lastWords(log: string): string {
  const text = existsSync(log) ? readFileSync(log, 'utf8').trim() : '';
  if (!text.includes('(EADDRINUSE)')) rmSync(log, { force: true });
  return text === '' ? 'it ended without a word' : text.replace(/^vtep: /gm, '');
}
