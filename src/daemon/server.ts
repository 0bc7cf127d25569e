/**
 * The control socket (`control/protocol.ts`): takes requests, has them carried out one after the other, answers. Only
 * root, the daemon's own user and those of the socket's group are listened to.
 */

import { chmodSync, mkdirSync, statSync, unlinkSync } from 'node:fs';
import net from 'node:net';
import { dirname } from 'node:path';
import { Lines } from '../control/lines.ts';
import { type Answer, PROTOCOL, type Request } from '../control/protocol.ts';
import { Refusal } from '../control/refusal.ts';
import { native } from '../io/native.ts';

/** Items of one line; more would keep other connections waiting. */
const ITEMS_A_LINE = 256;

/** For one who is told why nothing more is read from him, and still writes. */
const PATIENCE_MS = 1000;

/** Of a path: what a socket's address has room for, less what stands before it in the name that is claimed. */
const PATH_MOST = 100;

/** Carries a verb out. What it returns is shown: items, as they come. `gone` aborts when nobody listens any more. */
export type Dispatch = (verb: string, args: unknown, gone: AbortSignal) => unknown;

export interface ControlServer {
  readonly path: string;
  close(): Promise<void>;
}

export async function serve(path: string, version: string, dispatch: Dispatch): Promise<ControlServer> {
  const guard = await claim(path);
  const conversations = new Set<Conversation>();
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    if (!isWelcome(socket, path)) return refuse(socket);
    const conversation = new Conversation(socket, dispatch);
    conversations.add(conversation);
    socket.on('close', () => conversations.delete(conversation));
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
    throw new Refusal('EADDRINUSE', `a daemon of this network namespace listens at ${path} already`);
  }
  return guard;
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
  const group = statSync(path).gid;
  const [uid, ...gids] = peer.subarray(0, 1 + groups);
  return uid === 0 || uid === process.getuid?.() || gids.includes(group);
}

function refuse(socket: net.Socket): void {
  const message = 'this daemon listens to root, to its own user and to the group of its socket (EPERM)';
  socket.end(`${JSON.stringify({ id: 0, error: { code: 'EPERM', message } })}\n`);
}

class Conversation {
  private readonly socket: net.Socket;
  private readonly dispatch: Dispatch;
  private readonly gone = new AbortController();
  /** Whether the request before was refused. */
  private failed = false;
  private isBusy = false;
  private isClosing = false;

  constructor(socket: net.Socket, dispatch: Dispatch) {
    this.socket = socket;
    this.dispatch = dispatch;
  }

  begin(version: string): void {
    const { socket } = this;
    socket.on('close', () => {
      this.gone.abort();
      this.drained();
    });
    socket.on('drain', () => this.drained());
    socket.write(`${JSON.stringify({ vtep: version, protocol: PROTOCOL })}\n`);
    this.converse().catch(() => socket.destroy());
  }

  /** What is being carried out is answered yet. */
  close(): void {
    this.isClosing = true;
    this.gone.abort();
    if (!this.isBusy) this.socket.end();
    setTimeout(() => this.socket.destroy(), PATIENCE_MS).unref();
  }

  private async converse(): Promise<void> {
    const { socket } = this;
    const lines = new Lines();
    try {
      for await (const piece of socket.iterator({ destroyOnReturn: false })) {
        this.isBusy = true;
        socket.cork(); // the answers to what came together go together
        for (const line of lines.add(piece)) {
          const waits = line.trim() === '' ? undefined : this.answer(line);
          if (waits) await waits;
          if (this.isClosing) break;
        }
        this.isBusy = false;
        socket.uncork();
        if (this.isClosing) break;
      }
    } catch (error) {
      this.say({ id: 0, error: describe(error) });
      socket.uncork();
      socket.resume(); // what is not read would take the answer with it when it closes
      setTimeout(() => socket.destroy(), PATIENCE_MS).unref();
    }
    socket.end();
  }

  /** Most verbs are done at once: a promise only for those which are not. */
  private answer(line: string): Promise<void> | undefined {
    let id = 0;
    try {
      const { verb, args, id: given, chained } = parse(line);
      id = given;
      if (chained && this.failed) throw new Refusal('ECANCELED', `"${verb}" was chained to what failed`);
      const result = this.dispatch(verb, args, this.gone.signal);
      if (result === undefined) return void this.succeed(id);
      return this.finish(id, result).catch((error) => this.fail(id, error));
    } catch (error) {
      return void this.fail(id, error);
    }
  }

  private async finish(id: number, result: unknown): Promise<void> {
    const made = await result;
    if (isItems(made)) await this.show(id, made);
    this.succeed(id);
  }

  private succeed(id: number): void {
    this.failed = false;
    this.say({ id, ok: null });
  }

  private fail(id: number, error: unknown): void {
    this.failed = true;
    this.say({ id, error: describe(error) });
  }

  private async show(id: number, all: Iterable<unknown> | AsyncIterable<unknown>): Promise<void> {
    let items: unknown[] = [];
    const isLive = Symbol.asyncIterator in all;
    if (isLive) await this.flush(id, items); // from here on it is watched
    for await (const item of all) {
      items.push(item);
      if (!isLive && items.length < ITEMS_A_LINE) continue;
      await this.flush(id, items);
      items = [];
    }
    if (items.length > 0) await this.flush(id, items);
  }

  /** As fast as they are read: a table of a million is never in memory. */
  private async flush(id: number, items: unknown[]): Promise<void> {
    const { socket } = this;
    this.say({ id, items });
    socket.uncork();
    if (socket.writableNeedDrain && !socket.destroyed) {
      await new Promise<void>((resolve) => {
        this.drained = resolve;
      });
    } else await new Promise(setImmediate);
    if (socket.destroyed) throw new Error('nobody listens any more');
    socket.cork();
  }

  private drained: () => void = () => {};

  private say(answer: Answer): void {
    if (!this.socket.destroyed) this.socket.write(`${JSON.stringify(answer)}\n`);
  }
}

function isItems(made: unknown): made is Iterable<unknown> | AsyncIterable<unknown> {
  return (
    typeof made === 'object' && made !== null && (Symbol.iterator in made || Symbol.asyncIterator in made)
  );
}

function parse(line: string): Required<Omit<Request, 'verb'>> & { verb: string } {
  let request: Partial<Request> | null;
  try {
    request = JSON.parse(line) as Partial<Request> | null;
  } catch {
    throw new Refusal(
      'EPROTO',
      `"${line.slice(0, 80)}" is no JSON: a request is {"id": 1, "verb": "link show"}`,
    );
  }
  if (typeof request !== 'object' || request === null || typeof request.verb !== 'string') {
    throw new Refusal(
      'EPROTO',
      `"${line.slice(0, 80)}" names no verb: a request is {"id": 1, "verb": "link show"}`,
    );
  }
  const id = typeof request.id === 'number' ? request.id : 0;
  return { id, verb: request.verb, args: request.args, chained: request.chained === true };
}

function describe(error: unknown): { code: string; message: string } {
  const { code, message } = error as NodeJS.ErrnoException;
  const named = /\((E[A-Z0-9]+)\)/.exec(message)?.[1];
  return { code: typeof code === 'string' ? code : (named ?? 'EINVAL'), message };
}
