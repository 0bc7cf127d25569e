/**
 * Requests go to the daemon ahead of its answers, as many as the window has room for; answers are shown in their
 * order. One verb is a conversation of one job, a batch one of many.
 */

import type { Client } from '../control/client.ts';
import type { Answer } from '../control/protocol.ts';
import { sentenceOf } from '../control/refusal.ts';
import type { Plan } from './plan.ts';
import { Printer, type Show, type Write } from './printer.ts';

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
  job: Job;
  /** The last request of its job, or what never became one. */
  isLast: boolean;
  printer?: Printer;
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
  private sent = 0;
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
  private take(job: Job): boolean {
    const { show, force, write } = this.terms;
    const { plan } = job;
    if (typeof plan === 'string') this.pending.push({ job, isLast: true });
    else {
      const { requests, kind, isOfOne = false } = plan;
      const printer = kind && new Printer(kind, show, isOfOne, write);
      for (let at = 0; at < requests.length; at++) {
        const { verb, args } = requests[at];
        this.client.send(verb, args as never, this.sent++ > 0 && !force);
        this.pending.push({ job, isLast: at === requests.length - 1, printer });
      }
    }
    this.wakeReader?.();
    return force || typeof plan !== 'string';
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
      const { job, isLast, printer } = this.pending[this.done];
      if (typeof job.plan === 'string') this.fail(job, job.plan);
      else {
        let ended = false;
        while (!ended) {
          if (this.settled === this.some.length) await this.more();
          const answer = this.some[this.settled++];
          ended = answer === undefined || !('items' in answer);
          const writing = this.settle(job, answer, printer, isLast);
          if (writing) await writing;
        }
      }
      this.done++;
      if (this.isStopped) return;
      this.forget();
    }
  }

  private async more(): Promise<void> {
    const { value, done } = await this.answers.next();
    this.some = done ? [] : value;
    this.settled = 0;
  }

  /** `answer` undefined: there will be none. */
  private settle(
    job: Job,
    answer: Answer | undefined,
    printer: Printer | undefined,
    isLast: boolean,
  ): Promise<void> | void {
    if (answer === undefined) return this.fail(job, 'the daemon has closed the connection (ECONNRESET)');
    if ('error' in answer) return this.fail(job, sentenceOf(answer.error));
    if (!('items' in answer)) return isLast ? printer?.end() : undefined;
    const { pick } = job.plan as Plan;
    return printer?.add(pick ? answer.items.filter((item) => pick(item as never)) : answer.items);
  }

  /** What is done with, now and then; and there is room again. */
  private forget(): void {
    if (this.done < WINDOW / 2) return;
    this.pending.splice(0, this.done);
    this.done = 0;
    this.wakeFeeder?.();
  }

  private fail(job: Job, why: string): void {
    this.failures++;
    this.terms.complain(`${job.where}${why}`);
    this.wakeFeeder?.();
  }
}
