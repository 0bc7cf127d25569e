/**
 * The control socket: one daemon has it, and what a killed one left of it is taken away. Only root, the daemon's own user
 * and those of the socket's group are listened to.
 */

import { chmodSync, existsSync, mkdirSync, statSync, unlinkSync } from 'node:fs';
import net from 'node:net';
import { dirname } from 'node:path';
import { Refusal } from '../control/refusal.ts';
import { native } from '../io/native.ts';
import { Conversation, type Dispatch, letGo } from './conversation.ts';

/** Of a path: what a socket's address has room for, less what stands before it in the name that is claimed. */
const PATH_MOST = 100;

export interface ControlServer {
  readonly path: string;
  close(): Promise<void>;
}

/** `unheard` is told that nobody is connected any more. */
export async function serve(
  path: string,
  version: string,
  dispatch: Dispatch,
  unheard = () => {},
): Promise<ControlServer> {
  const guard = await claim(path);
  const conversations = new Set<Conversation>();
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    if (!isWelcome(socket, path)) return refuse(socket);
    const conversation = new Conversation(socket, dispatch);
    conversations.add(conversation);
    socket.on('close', () => {
      conversations.delete(conversation);
      if (conversations.size === 0) unheard();
    });
    conversation.begin(version);
  });
  try {
    prepare(path);
    await listen(server, path);
    chmodSync(path, 0o660);
  } catch (error) {
    server.close();
    guard.close();
    if (error instanceof Refusal) throw error;
    throw cannotOpen(path, (error as NodeJS.ErrnoException).code ?? 'EIO');
  }
  return {
    path,
    async close() {
      for (const conversation of conversations) conversation.close();
      await new Promise((resolve) => server.close(resolve)); // takes its file away
      guard.close();
    },
  };
}

/**
 * One daemon to a path and a network namespace, and none is left behind: a name without a file (unix(7), abstract) is
 * gone with its process.
 */
async function claim(path: string): Promise<net.Server> {
  // Node would listen at the beginning of it
  if (Buffer.byteLength(path) > PATH_MOST)
    throw cannotOpen(path, 'ENAMETOOLONG', `: it is longer than ${PATH_MOST} bytes`);
  const guard = net.createServer((socket) => socket.destroy());
  try {
    await listen(guard, `\0vtep ${path}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new Refusal('EADDRINUSE', whoHasIt(path));
  }
  return guard;
}

function whoHasIt(path: string): string {
  if (existsSync(path)) return `a daemon of this network namespace listens at ${path} already`;
  return `a daemon of this network namespace runs, and somebody has deleted its socket ${path}: \`ss -xlp\` says which process it is`;
}

/** We have the name, so a socket that is there is one of a daemon that was killed. */
function prepare(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  const before = statSync(path, { throwIfNoEntry: false });
  if (before && !before.isSocket()) throw cannotOpen(path, 'EEXIST', ': a file that is no socket is there');
  if (before) unlinkSync(path);
}

function cannotOpen(path: string, code: string, why = ''): Refusal {
  return new Refusal(code, `the control socket ${path} cannot be opened${why}`);
}

function listen(server: net.Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}

function isWelcome(socket: net.Socket, path: string): boolean {
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
  const peer = new Int32Array(2 + 64);
  const groups = native().socketPeer(fd, peer);
  if (groups < 0) return false;
  const group = statSync(path, { throwIfNoEntry: false })?.gid; // none: somebody has deleted it
  const [uid, ...gids] = peer.subarray(0, 1 + groups);
  return uid === 0 || uid === process.getuid?.() || (group !== undefined && gids.includes(group));
}

function refuse(socket: net.Socket): void {
  const message = 'this daemon listens to root, to its own user and to the group of its socket (EPERM)';
  socket.write(`${JSON.stringify({ id: 0, error: { code: 'EPERM', message } })}\n`);
  letGo(socket);
}
