/**
 * What stands beside the control sockets and belongs to nobody any more: folders of shells (`shim.ts`), pipes of
 * monitors, and sockets and logs of daemons that were killed. Each `vtep exec` takes it away when it ends; where
 * VTEP_SOCKET lies among files of others, only what it has made itself.
 */

import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createConnection } from 'node:net';
import { basename, join } from 'node:path';
import { folderOfUser, logPath } from '../../control/socket-path.ts';

/** A daemon that starts has a log and a socket before it listens there, and a monitor its pipe before it is open. */
const FRESH_MS = 60_000;

const FOLDER = /^exec-(\d+)-(\d+)$/;
const PIPE = /^\.monitor-\d+$/;
const SOCKET = /^\d+\.sock$/;

/** Of the `vtep exec` that this process is: where its shells stand. */
export function shimFolder(run: string): string {
  return join(run, `exec-${process.pid}-${pidNamespace()}`);
}

export async function sweep(run: string): Promise<void> {
  const names = run === folderOfUser() ? readdirSync(run) : [basename(shimFolder(run))];
  const called = (form: RegExp) => names.filter((name) => form.test(name)).map((name) => join(run, name));
  sweepFolders(called(FOLDER));
  called(PIPE).filter(isOldPipe).forEach(remove);
  await Promise.all(called(SOCKET).map(sweepSocket));
}

function sweepFolders(paths: readonly string[]): void {
  const left = paths.filter(isOfNobody);
  const environments = left.length > 0 ? environmentsOfAll() : [];
  const isUsed = (path: string) => environments.some((text) => text.includes(`${path}:`));
  for (const path of left) if (!isUsed(path)) remove(path);
}

/** Who made it has ended, and is one of those that we can see. */
function isOfNobody(path: string): boolean {
  const [, pid, namespace] = FOLDER.exec(basename(path)) ?? [];
  if (namespace !== `${pidNamespace()}`) return false;
  return Number(pid) === process.pid || !existsSync(`/proc/${pid}`);
}

function pidNamespace(): number {
  return statSync('/proc/self/ns/pid').ino;
}

/** What CMD has left running has its PATH. */
function environmentsOfAll(): string[] {
  const others = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  return others.map((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1');
    } catch {
      return ''; // it has ended, or is another user's
    }
  });
}

function isOldPipe(path: string): boolean {
  const isPipe = lstatSync(path, { throwIfNoEntry: false })?.isFIFO() === true;
  return isPipe && isOld(path);
}

/** Looked at again after it was asked: a daemon may have started there since. */
async function sweepSocket(path: string): Promise<void> {
  if (!isOldSocket(path) || !(await isDead(path)) || !isOldSocket(path)) return;
  for (const each of [path, logPath(path)]) remove(each);
}

/** With its log, which a start touches before there is another socket. */
function isOldSocket(path: string): boolean {
  const isSocket = lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true;
  return isSocket && isOld(path) && isOld(logPath(path));
}

/** So is what is not there. */
function isOld(path: string): boolean {
  const file = lstatSync(path, { throwIfNoEntry: false });
  return file === undefined || Date.now() - file.mtimeMs > FRESH_MS;
}

/** What cannot be removed stays: it holds up nothing else. */
function remove(path: string): void {
  try {
    rmSync(path, { recursive: FOLDER.test(basename(path)), force: true });
  } catch {
    // another user's, or no file
  }
}

function isDead(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    const answer = (dead: boolean) => {
      socket.destroy();
      resolve(dead);
    };
    socket.once('connect', () => answer(false));
    socket.once('error', (error) => answer((error as NodeJS.ErrnoException).code === 'ECONNREFUSED'));
  });
}
