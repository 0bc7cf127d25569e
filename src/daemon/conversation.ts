/** What is said at one connection (`control/protocol.ts`): requests are carried out one after the other, and answered. */

import type net from 'node:net';
import { Lines } from '../control/lines.ts';
import { type Answer, EACH_MOST, PROTOCOL, type Request } from '../control/protocol.ts';
import { Refusal } from '../control/refusal.ts';

/** Items of one line; more would keep other connections waiting. */
const ITEMS_A_LINE = 256;

/** Characters of answers that go as one. */
const SAID_MOST = 1 << 16;

/** No verb is as long. Sentences say it, and one of many requests may be refused as often. */
const VERB_MOST = 40;

/** For one who is told why nothing more is read from him, and still writes. */
const PATIENCE_MS = 1000;

/** Carries a verb out. What it returns is shown: items, as they come. `gone` aborts when nobody listens any more. */
export type Dispatch = (verb: string, args: unknown, gone: AbortSignal) => unknown;

export class Conversation {
  private readonly socket: net.Socket;
  private readonly dispatch: Dispatch;
  private readonly gone = new AbortController();
  private readonly listening = this.gone.signal;
  /** Answers to what came together go together. */
  private said = '';
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
        for (const line of lines.add(piece)) {
          const waits = line.trim() === '' ? undefined : this.answer(line);
          if (waits) await waits;
          if (this.hasMuch) await this.pour();
          if (this.isClosing) break;
        }
        this.isBusy = false;
        this.write();
        if (this.isClosing) break;
      }
    } catch (error) {
      this.say({ id: 0, error: describe(error) });
      this.write();
      return letGo(socket);
    }
    socket.end();
  }

  private answer(line: string): Promise<void> | undefined {
    try {
      const request = parse(line);
      return request.each === undefined ? this.answerOne(request) : this.answerEach(request, request.each);
    } catch (error) {
      this.fail(0, error);
    }
  }

  /** Most verbs are done at once: a promise only for those which are not. */
  private answerOne(request: Parsed): Promise<void> | undefined {
    const { id, args } = request;
    try {
      const result = this.carryOut(request, args);
      if (result === undefined) return void this.succeed(id);
      return this.finish(id, result).catch((error) => this.fail(id, error));
    } catch (error) {
      this.fail(id, error);
    }
  }

  /** That the last was carried out tells of all before which were not refused. */
  private async answerEach(request: Parsed, each: unknown): Promise<void> {
    const { id: first, verb } = request;
    if (!Array.isArray(each) || each.length === 0 || each.length > EACH_MOST) {
      const form = `a list of 1 to ${EACH_MOST}, each of them args`;
      return this.fail(first, new Refusal('EPROTO', `each of "${verb}" is not ${form}`));
    }
    for (let at = 0; at < each.length; at++) {
      try {
        const result = this.carryOut(request, each[at]);
        if (result !== undefined && isItems(await result)) {
          throw new Refusal('EINVAL', `"${verb}" shows something: it takes args, and no each`);
        }
        this.failed = false;
        if (at === each.length - 1) this.succeed(first + at);
      } catch (error) {
        this.fail(first + at, error);
      }
      if (this.hasMuch) await this.pour();
    }
  }

  private carryOut({ verb, chained }: Parsed, args: unknown): unknown {
    if (chained && this.failed) throw new Refusal('ECANCELED', `"${verb}" was chained to what failed`);
    if (this.listening.aborted)
      throw new Refusal('ECANCELED', `"${verb}" came when the connection was closing`);
    return this.dispatch(verb, args, this.listening);
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

  private async flush(id: number, items: unknown[]): Promise<void> {
    this.say({ id, items });
    await this.pour();
    if (this.socket.destroyed) throw new Error('nobody listens any more');
  }

  /** As fast as it is read: neither a table of a million nor what is said to one who does not read is ever in memory. */
  private async pour(): Promise<void> {
    const { socket } = this;
    this.write();
    if (socket.writableNeedDrain && !socket.destroyed) {
      await new Promise<void>((resolve) => {
        this.drained = resolve;
      });
    } else await new Promise(setImmediate);
  }

  private drained: () => void = () => {};

  private get hasMuch(): boolean {
    return this.said.length >= SAID_MOST;
  }

  private say(answer: Answer): void {
    this.said += `${JSON.stringify(answer)}\n`;
  }

  private write(): void {
    const { said, socket } = this;
    this.said = '';
    if (said !== '' && !socket.destroyed) socket.write(said);
  }
}

/** What was said arrives, and then it ends, whatever the other side does. */
export function letGo(socket: net.Socket): void {
  socket.resume(); // what is not read would take the answer with it when it closes
  socket.end();
  setTimeout(() => socket.destroy(), PATIENCE_MS).unref();
}

function isItems(made: unknown): made is Iterable<unknown> | AsyncIterable<unknown> {
  return (
    typeof made === 'object' && made !== null && (Symbol.iterator in made || Symbol.asyncIterator in made)
  );
}

interface Parsed {
  id: number;
  verb: string;
  args?: unknown;
  each?: unknown;
  chained: boolean;
}

function parse(line: string): Parsed {
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
  const { args, each, chained } = request;
  const verb = request.verb.slice(0, VERB_MOST);
  return { id, verb, args, each, chained: chained === true };
}

function describe(error: unknown): { code: string; message: string } {
  const { code, message } = error as NodeJS.ErrnoException;
  const named = /\((E[A-Z0-9]+)\)/.exec(message)?.[1];
  return { code: typeof code === 'string' ? code : (named ?? 'EINVAL'), message };
}
