/**
 * The daemon that carries this namespace's links, as one who asks it many things at once: each verb is a promise. A
 * connection is made when it is needed, and again after one was lost.
 */

import { type Client, NoDaemon } from '../../control/client.ts';
import type { Answer, Verb, Verbs } from '../../control/protocol.ts';
import { sentenceOf } from '../../control/refusal.ts';
import type { Clock } from '../clock.ts';
import { Away } from './programmer.ts';

/** A daemon that says nothing at all for so long is none. */
const PATIENCE_MS = 30_000;

/** Its No to one verb, as a sentence; `code`: the name of its errno. */
export class DaemonRefusal extends Error {
  readonly code: string;

  constructor(error: { code: string; message: string }) {
    super(sentenceOf(error));
    this.code = error.code;
  }
}

interface Pending {
  readonly items: unknown[];
  readonly resolve: (items: never[]) => void;
  readonly reject: (why: Error) => void;
}

interface Line {
  readonly client: Client;
  /** By the request's id. */
  readonly pending: Map<number, Pending>;
  callOff: () => void;
  /** Why nothing more comes. */
  ended?: Away;
}

export class VtepDaemon {
  /** The daemon has gone, or its connection: what was made in it may be gone too. */
  onGone: () => void = () => {};
  private readonly connect: () => Promise<Client>;
  private readonly clock: Clock;
  private line: Promise<Line> | undefined;
  private isClosed = false;

  /** `connect`: starts a daemon where none is. */
  constructor(connect: () => Promise<Client>, clock: Clock) {
    this.connect = connect;
    this.clock = clock;
  }

  /** The items that it answers with. Fails with `DaemonRefusal`, or with `Away` when there is no daemon. */
  async ask<V extends Verb>(verb: V, args: Verbs[V]['args']): Promise<Verbs[V]['items'][]> {
    this.line ??= this.open();
    const line = await this.line;
    if (line.ended) throw line.ended;
    return new Promise((resolve, reject) => {
      if (line.pending.size === 0) this.beginToWait(line);
      line.pending.set(line.client.send(verb, args), { items: [], resolve, reject });
    });
  }

  close(): void {
    this.isClosed = true;
    this.line?.then(
      ({ client }) => client.close(),
      () => {},
    );
  }

  private async open(): Promise<Line> {
    try {
      if (this.isClosed) throw new NoDaemon('the connection to the daemon was closed');
      const line: Line = { client: await this.connect(), pending: new Map(), callOff: () => {} };
      this.read(line);
      return line;
    } catch (error) {
      this.line = undefined;
      throw new Away((error as Error).message);
    }
  }

  private async read(line: Line): Promise<void> {
    let why = 'the daemon has closed the connection (ECONNRESET)';
    try {
      for await (const answers of line.client.someAnswers()) {
        for (const answer of answers) settle(line, answer);
        line.callOff();
        if (line.pending.size > 0) this.beginToWait(line);
      }
    } catch (error) {
      why = (error as Error).message;
    }
    line.callOff();
    this.line = undefined;
    line.ended = new Away(why);
    for (const { reject } of line.pending.values()) reject(line.ended);
    if (!this.isClosed) this.onGone();
  }

  private beginToWait(line: Line): void {
    line.callOff = this.clock.after(PATIENCE_MS, () => line.client.close());
  }
}

function settle({ pending }: Line, answer: Answer): void {
  const one = pending.get(answer.id);
  if (!one) return;
  if ('items' in answer) {
    for (const item of answer.items) one.items.push(item);
    return;
  }
  pending.delete(answer.id);
  if ('error' in answer) one.reject(new DaemonRefusal(answer.error));
  else one.resolve(one.items as never[]);
}
