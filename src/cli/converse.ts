/**
 * Requests go to the daemon ahead of its answers, as many as the window has room for; answers are shown in their
 * order. One verb is a conversation of one job, a batch one of many.
 */

import type { Client } from '../control/client.ts';
import type { Answer } from '../control/protocol.ts';
import { sentenceOf } from '../control/refusal.ts';
import type { Plan } from './plan.ts';
import { type Kind, Printer, type Show, type Write } from './printer.ts';

/** Requests without an answer, at most. */
const WINDOW = 4096;

export interface Job {
  /** Before its errors: `FILE:LINE: `. */
  where: string;
  /** What is to be done, or why its words are none: a sentence. */
  plan: Plan | string;
}

/** As they come: some at a time. */
export type Jobs = AsyncIterable<Iterable<Job>> | Iterable<Iterable<Job>>;

interface Pending {
  where: string;
  /** Of the request; 0: there is none. */
  id: number;
  /** Why there is none: a sentence. */
  why?: string;
  pick?: Plan['pick'];
  /** For what comes; at the last request of its job it ends. */
  printer?: Printer;
  isLast?: boolean;
}

export interface Terms {
  show: Show;
  /** Go on after a failure. */
  force: boolean;
  write: Write;
  complain: (sentence: string) => void;
}

export class Conversation {
  private readonly client: Client;
  private readonly terms: Terms;
  private readonly answers: AsyncGenerator<Answer[]>;
  /** What has come, and how much of it is settled. */
  private some: Answer[] = [];
  private settled = 0;
  private readonly pending: Pending[] = [];
  /** Of `pending`: those before are done with. */
  private done = 0;
  private isFed = false;
  private failures = 0;
  private wakeFeeder?: () => void;
  private wakeReader?: () => void;

  constructor(client: Client, terms: Terms) {
    this.client = client;
    this.terms = terms;
    this.answers = client.someAnswers();
  }

  /** Returns how many jobs failed. */
  async carryOut(jobs: Jobs): Promise<number> {
    const feeding = this.feed(jobs);
    // a failure of the feeder is told by `await feeding`
    feeding.catch(() => {}).finally(() => this.wakeReader?.());
    await this.read();
    // without -force what is left of the jobs is not waited for
    if (!this.isStopped) await feeding;
    this.client.close();
    return this.failures;
  }

  private get isStopped(): boolean {
    return this.failures > 0 && !this.terms.force;
  }

  private async feed(jobs: Jobs): Promise<void> {
    try {
      for await (const some of jobs) {
        for (const job of some) {
          if (this.isStopped || !this.take(job)) return;
          if (this.pending.length - this.done >= WINDOW) await this.room();
        }
      }
    } finally {
      this.isFed = true;
    }
  }

  /** False: nothing may follow. */
  private take({ where, plan }: Job): boolean {
    const { force } = this.terms;
    if (typeof plan === 'string') this.pending.push({ where, id: 0, why: plan });
    else if (plan.kind) this.ask(where, plan, plan.kind);
    else {
      for (const { verb, args } of plan.requests) {
        this.pending.push({ where, id: this.client.sendAmong(verb, args as never, !force) });
      }
    }
    this.wakeReader?.();
    return force || typeof plan !== 'string';
  }

  private ask(where: string, { requests, isOfOne = false, pick }: Plan, kind: Kind): void {
    const { show, force, write } = this.terms;
    const printer = new Printer(kind, show, isOfOne, write);
    for (const [at, { verb, args }] of requests.entries()) {
      const id = this.client.send(verb, args as never, !force);
      this.pending.push({ where, id, printer, pick, isLast: at === requests.length - 1 });
    }
  }

  private room(): Promise<void> {
    return new Promise((resolve) => {
      this.wakeFeeder = resolve;
    });
  }

  private async read(): Promise<void> {
    for (;;) {
      while (this.done === this.pending.length && !this.isFed) {
        await new Promise<void>((resolve) => {
          this.wakeReader = resolve;
        });
      }
      if (this.done === this.pending.length) return;
      const one = this.pending[this.done];
      if (one.id === 0) this.fail(one, one.why);
      else if (!this.isPassed(one)) await this.settle(one);
      this.done++;
      if (this.isStopped) return;
      this.forget();
    }
  }

  /** It was carried out, and one that went with it and came after it is answered. */
  private isPassed({ id }: Pending): boolean {
    return this.settled < this.some.length && this.some[this.settled].id > id;
  }

  private async settle(one: Pending): Promise<void> {
    for (;;) {
      if (this.settled === this.some.length) await this.more();
      if (this.isPassed(one)) return;
      const answer: Answer | undefined = this.some[this.settled++];
      if (answer === undefined) return this.fail(one, 'the daemon has closed the connection (ECONNRESET)');
      if ('error' in answer) return this.fail(one, sentenceOf(answer.error));
      if (!('items' in answer)) return one.isLast ? one.printer?.end() : undefined;
      const { pick } = one;
      await one.printer?.add(pick ? answer.items.filter((item) => pick(item as never)) : answer.items);
    }
  }

  private async more(): Promise<void> {
    const { value, done } = await this.answers.next();
    this.some = done ? [] : value;
    this.settled = 0;
  }

  /** What is done with, now and then; and there is room again. */
  private forget(): void {
    if (this.done < WINDOW / 2) return;
    this.pending.splice(0, this.done);
    this.done = 0;
    this.wakeFeeder?.();
  }

  private fail({ where }: Pending, why: string | undefined): void {
    this.failures++;
    this.terms.complain(`${where}${why}`);
    this.wakeFeeder?.();
  }
}
