/** Where the daemon of a network namespace listens: one path for each, so that none has to be named. */

import { accessSync, constants, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Of a network namespace that `ip netns` made, or of this process's own; in that of VTEP_SOCKET what it says. */
export function socketPath(namespace?: string): string {
  const inode = namespaceInode(namespace);
  const said = process.env.VTEP_SOCKET;
  return said && namespaceOf(said) === inode ? said : join(socketFolder(), `${inode}.sock`);
}

/**
 * For all that a program runs: VTEP_SOCKET is about the namespace that it was said in, and `ip netns exec` hands it on
 * into others.
 */
export function environmentOf(): Record<string, string> {
  const said = process.env.VTEP_SOCKET;
  return said ? { VTEP_SOCKET_OF: `${namespaceOf(said)} ${said}` } : {};
}

/** Whoever says another one, says it of where he is. */
function namespaceOf(said: string): number {
  const [inode, ...path] = (process.env.VTEP_SOCKET_OF ?? '').split(' ');
  return path.join(' ') === said ? Number(inode) : namespaceInode();
}

/** What a daemon says that a verb has started. */
export function logPath(socket: string): string {
  return `${socket.replace(/\.sock$/, '')}.log`;
}

/** Where our files may be, too, that stand beside the sockets. */
export function runFolder(): string {
  const own = process.env.VTEP_SOCKET;
  return own && folderOfUser() === undefined ? dirname(own) : socketFolder();
}

/** Of one that `ip netns` made, or of this process's own. */
export function namespaceInode(namespace?: string): number {
  if (namespace === undefined) return statSync('/proc/self/ns/net').ino;
  const file = namespace.includes('/') ? namespace : join('/run/netns', namespace);
  const found = namespace === '' ? undefined : statSync(file, { throwIfNoEntry: false });
  if (!found) throw new Error(`there is no network namespace "${namespace}" (ENOENT)`);
  return found.ino;
}

function socketFolder(): string {
  const folder = folderOfUser();
  if (folder !== undefined) return folder;
  throw new Error(
    'XDG_RUNTIME_DIR is not set, so the control socket has no place: say --socket PATH or VTEP_SOCKET=PATH',
  );
}

const OF_ROOT = '/run/vtep';

/** Root's, or the user's own: nothing else is there. Who is root by `unshare -r` alone has the user's. */
export function folderOfUser(): string | undefined {
  const { XDG_RUNTIME_DIR } = process.env;
  const own = XDG_RUNTIME_DIR ? join(XDG_RUNTIME_DIR, 'vtep') : undefined;
  return process.getuid?.() === 0 && (own === undefined || mayWrite(OF_ROOT)) ? OF_ROOT : own;
}

/** One that is not there yet is made where it is to be. */
function mayWrite(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch (error) {
    return (
      (error as NodeJS.ErrnoException).code === 'ENOENT' && (folder === '/' || mayWrite(dirname(folder)))
    );
  }
}
