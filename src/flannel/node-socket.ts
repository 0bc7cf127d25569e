/**
 * Where a node's process can be asked, in its state folder: a line of JSON there, a line of JSON back.
 *
 *   to the node      {"verb": "status"}
 *   from the node    {"ok": ...}    or    {"error": "a sentence"}
 *
 * It is also what keeps a second process away from the same state folder.
 */

import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import net from 'node:net';
import { join, resolve } from 'node:path';
import { Lines } from '../control/lines.ts';
import { Refusal } from '../control/refusal.ts';

export const VERBS = ['status', 'leave'] as const;
export type NodeVerb = (typeof VERBS)[number];

export type Answering = (verb: NodeVerb) => Promise<unknown> | unknown;

type Reply = { ok: unknown } | { error: string };

const FULL = ['ENOSPC', 'EDQUOT', 'EROFS'];

/** For those who are still being answered when it closes, or have not asked to the end. */
const GRACE_MS = 1000;

/** Of an answer, for one who asks a process that hangs. */
const PATIENCE_MS = 60_000;

export class NodeSocket {
  /** Until then it has no answers. */
  answering: Answering = () => {
    throw new Error('this node has only just been started: ask again');
  };
  private readonly guard: net.Server;
  private readonly server: net.Server;
  private readonly open = new Set<net.Socket>();

  private constructor(guard: net.Server) {
    this.guard = guard;
    this.server = net.createServer((socket) => this.converse(socket));
  }

  /** Throws a sentence when another process has this folder. On a full disk the node does without. */
  static async open(state: string, warn: (sentence: string) => void): Promise<NodeSocket> {
    const path = socketOf(state);
    makeFolder(state);
    const guard = await claim(resolve(state));
    const node = new NodeSocket(guard);
    try {
      if (await isAlive(path)) throw taken(state);
      rmSync(path, { force: true }); // of a process that was killed
      await listen(node.server, path);
      chmodSync(path, 0o600);
      return node;
    } catch (error) {
      const { code = 'EIO', message } = error as NodeJS.ErrnoException;
      const sentence = `${path} cannot be listened at: ${message}`;
      if (FULL.includes(code)) {
        warn(`${sentence}; the node cannot be asked for its status`);
        return node;
      }
      guard.close();
      throw error instanceof Refusal ? error : new Refusal(code, sentence);
    }
  }

  /** What is being answered is answered yet. */
  async close(): Promise<void> {
    await new Promise((resolve) => {
      this.server.close(resolve); // takes its file away
      for (const socket of this.open) if (socket.bytesRead === 0) socket.destroy();
      setTimeout(() => this.cutAll(), GRACE_MS).unref();
    });
    this.guard.close();
  }

  private cutAll(): void {
    for (const socket of this.open) socket.destroy();
  }

  private converse(socket: net.Socket): void {
    const lines = new Lines();
    this.open.add(socket);
    socket.on('close', () => this.open.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.on('data', (piece) => {
      try {
        for (const line of lines.add(piece)) void this.reply(line).then((reply) => end(socket, reply));
      } catch (error) {
        end(socket, { error: (error as Error).message });
      }
    });
  }

  private async reply(line: string): Promise<Reply> {
    try {
      return { ok: (await this.answering(verbOf(line))) ?? null };
    } catch (error) {
      return { error: (error as Error).message };
    }
  }
}

function end(socket: net.Socket, reply: Reply): void {
  if (!socket.destroyed) socket.end(`${JSON.stringify(reply)}\n`);
}

function verbOf(line: string): NodeVerb {
  const { verb } = JSON.parse(line) as { verb?: unknown };
  if (VERBS.includes(verb as NodeVerb)) return verb as NodeVerb;
  throw new Error(`"${verb}" is not known; there is ${VERBS.join(', ')}`);
}

/** What the node says; undefined: no process runs there. Throws its sentence. */
export async function askNode(state: string, verb: NodeVerb): Promise<unknown> {
  const socket = await connected(socketOf(state));
  if (!socket) return undefined;
  socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('it does not answer (ETIMEDOUT)')));
  socket.write(`${JSON.stringify({ verb })}\n`);
  let text = '';
  for await (const piece of socket.setEncoding('utf8')) text += piece;
  if (!text.endsWith('\n')) throw new Error('the node ended before it answered (ECONNRESET)');
  const reply = JSON.parse(text) as Reply;
  if ('error' in reply) throw new Error(reply.error);
  return reply.ok;
}

function socketOf(state: string): string {
  return join(state, 'node.sock');
}

function makeFolder(state: string): void {
  try {
    mkdirSync(state, { recursive: true, mode: 0o700 });
  } catch (error) {
    const { code = 'EIO', message } = error as NodeJS.ErrnoException;
    throw new Refusal(code, `the state folder ${state} cannot be made: ${message}; --state names another`);
  }
}

function taken(state: string): Refusal {
  return new Refusal('EADDRINUSE', `a node of the state folder ${state} runs already; --state names another`);
}

/** Two that start at the same moment: a name without a file (unix(7), abstract) is gone with its process. */
async function claim(state: string): Promise<net.Server> {
  const guard = net.createServer((socket) => socket.destroy());
  try {
    await listen(guard, `\0vtep flannel ${state}`);
    return guard;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') throw taken(state);
    throw error;
  }
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

/** Abstract names are a network namespace's own: a process of another one is found by its file. */
async function isAlive(path: string): Promise<boolean> {
  const socket = await connected(path);
  socket?.destroy();
  return socket !== undefined;
}

/** Undefined: nobody listens there. */
function connected(path: string): Promise<net.Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = net.createConnection(path);
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED' || error.code === 'ENOTDIR')
        resolve(undefined);
      else reject(new Refusal(error.code ?? 'EIO', `${path} cannot be asked: ${error.message}`));
    });
  });
}
