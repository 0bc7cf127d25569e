/**
 * The other side of the control socket. Requests may be sent ahead; answers come in their order.
 *
 *   const client = await Client.connect(path);
 *   client.send('fdb show', { dev: 'vx0' });
 *   for await (const answer of client.answers()) ...
 */

import { createConnection, type Socket } from 'node:net';
import { LINE_MOST } from './lines.ts';
import { type Answer, PROTOCOL, type Request, type Verb, type Verbs } from './protocol.ts';

/** Written as one, so that many small requests do not cost a system call each. */
const CHUNK = 1 << 16;

/** Requests that go as one: the daemon is to begin with them soon. */
const TOGETHER = 256;

/** In characters, of which each may take three bytes. */
const LONGEST = LINE_MOST >> 2;

/** No daemon is there, or it does not speak as we do: a sentence. */
export class NoDaemon extends Error {
  /** Of the command that needed one. */
  readonly exitStatus = 1;
}

interface Greeting {
  protocol?: unknown;
  /** Why it does not listen to us. */
  error?: { message: string };
}

export class Client {
  private readonly socket: Socket;
  private readonly chunks: AsyncGenerator<string[]>;
  private waiting = '';
  /** To go as one with what follows. */
  private run?: Required<Omit<Request, 'args'>>;
  private flushing = false;
  private last = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
    this.chunks = readLines(socket);
  }

  /** `patience`: milliseconds that it may keep silent, until `waitOn`; as if it had closed then. */
  static async connect(path: string, patience = 0): Promise<Client> {
    const socket = await connected(path);
    socket.setTimeout(patience, () => socket.destroy());
    const client = new Client(socket);
    const { value, done } = await client.chunks.next();
    const greeting = done ? undefined : (parsed(value[0]) as Greeting);
    if (greeting?.protocol === PROTOCOL) return client;
    socket.destroy();
    if (greeting?.error) throw new NoDaemon(greeting.error.message);
    throw new NoDaemon(
      greeting?.protocol === undefined
        ? `who listens at ${path} is no vtep daemon`
        : `the daemon at ${path} speaks protocol ${greeting.protocol}, this is ${PROTOCOL}: one of the two is older`,
    );
  }

  /** Returns the request's id. `chained`: only if the request before it was carried out. */
  send<V extends Verb>(verb: V, args: Verbs[V]['args'], chained = false): number {
    this.endRun();
    const id = ++this.last;
    this.put(JSON.stringify(chained ? { id, verb, args, chained } : { id, verb, args }));
    return id;
  }

  /**
   * The same for one of many of a verb that shows nothing. They go together: only those which are refused, and any
   * that was the last of its message, are answered.
   */
  sendAmong<V extends Verb>(verb: V, args: Verbs[V]['args'], chained = false): number {
    let { run } = this;
    if (run?.verb !== verb || run.chained !== chained || run.each.length === TOGETHER) {
      this.endRun();
      run = { id: this.last + 1, verb, each: [], chained };
      this.run = run;
    }
    run.each.push(args);
    this.flushSoon();
    return ++this.last;
  }

  private endRun(): void {
    const { run } = this;
    if (!run) return;
    this.run = undefined;
    const { id, verb, each, chained } = run;
    const together = each.length > 1 ? JSON.stringify(run) : undefined;
    if (together !== undefined && together.length <= LONGEST) return this.put(together);
    for (let at = 0; at < each.length; at++) {
      this.put(JSON.stringify({ id: id + at, verb, args: each[at], chained }));
    }
  }

  private put(line: string): void {
    this.waiting += `${line}\n`;
    if (this.waiting.length >= CHUNK) this.flush();
    else this.flushSoon();
  }

  private flushSoon(): void {
    if (this.flushing) return;
    this.flushing = true;
    setImmediate(() => this.flush());
  }

  /** What comes, some at a time; ends when the daemon has closed. Nothing is read ahead of who takes them. */
  async *someAnswers(): AsyncGenerator<Answer[]> {
    for await (const lines of this.chunks) yield lines.map((line) => parsed(line) as Answer);
  }

  /** One after the other, where there are not many. */
  async *answers(): AsyncGenerator<Answer> {
    for await (const some of this.someAnswers()) yield* some;
  }

  /** From here on it may take its time. */
  waitOn(): void {
    this.socket.setTimeout(0);
  }

  close(): void {
    this.socket.destroy();
  }

  private flush(): void {
    this.flushing = false;
    this.endRun();
    if (this.waiting !== '') this.socket.write(this.waiting);
    this.waiting = '';
  }
}

function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      // an end by the other side is seen by who reads
      socket.on('error', () => {});
      resolve(socket);
    });
    socket.once('error', (error) => reject(new NoDaemon(whyNot(path, (error as { code?: string }).code))));
  });
}

function whyNot(path: string, code = ''): string {
  if (code === 'ENOENT' || code === 'ECONNREFUSED') {
    return `no daemon listens at ${path} (${code}): start one by \`vtep daemon\`, or say --start`;
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return `the control socket ${path} may not be used by you (${code}): its group and root may`;
  }
  return `the control socket ${path} cannot be used (${code})`;
}

/** The lines that end in each chunk. */
async function* readLines(socket: Socket): AsyncGenerator<string[]> {
  socket.setEncoding('utf8');
  let rest = '';
  try {
    for await (const chunk of socket as AsyncIterable<string>) {
      const lines = chunk.split('\n');
      lines[0] = rest + lines[0];
      rest = lines.pop() as string;
      if (lines.length > 0) yield lines;
    }
  } catch {
    // reset by the daemon's end: the same as its end
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new NoDaemon('what came from the control socket is no JSON: no vtep daemon listens there');
  }
}
