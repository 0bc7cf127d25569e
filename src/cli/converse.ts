/**
 * Requests go to the daemon ahead of its answers, as many as the window has room for; answers are shown in their
 * order. One verb is a conversation of one job, a batch one of many.
 */

import type { Client } from '../control/client.ts';
import type { Answer } from '../control/protocol.ts';
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
  }

  /** Returns how many jobs failed. */
  async carryOut(jobs: AsyncIterable<Job> | Iterable<Job>): Promise<number> {
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

  private async feed(jobs: AsyncIterable<Job> | Iterable<Job>): Promise<void> {
    const { client, terms } = this;
    let sent = 0;
    try {
      for await (const job of jobs) {
        if (this.isStopped) break;
        if (typeof job.plan === 'string') this.expect({ job, isLast: true });
        else {
          const { requests, kind, isOfOne = false } = job.plan;
          const printer = kind && new Printer(kind, terms.show, isOfOne, terms.write);
          for (const [at, { verb, args }] of requests.entries()) {
            client.send(verb, args as never, sent++ > 0 && !terms.force);
            this.expect({ job, isLast: at === requests.length - 1, printer });
          }
        }
        if (typeof job.plan === 'string' && !terms.force) break;
        while (this.pending.length - this.done >= WINDOW && !this.isStopped) {
          await new Promise<void>((resolve) => {
            this.wakeFeeder = resolve;
          });
        }
      }
    } finally {
      this.isFed = true;
    }
  }

  private expect(pending: Pending): void {
    this.pending.push(pending);
    this.wakeReader?.();
  }

  private async read(): Promise<void> {
    const answers = this.client.answers();
    for (;;) {
      while (this.done === this.pending.length && !this.isFed) {
        await new Promise<void>((resolve) => {
          this.wakeReader = resolve;
        });
      }
      if (this.done === this.pending.length || this.isStopped) return;
      await this.settle(this.pending[this.done], answers);
      this.done++;
      if (this.done >= WINDOW) {
        this.pending.splice(0, this.done);
        this.done = 0;
      }
      if (this.pending.length - this.done < WINDOW / 2) this.wakeFeeder?.();
    }
  }

  private async settle({ job, isLast, printer }: Pending, answers: AsyncGenerator<Answer>): Promise<void> {
    const { plan } = job;
    if (typeof plan === 'string') return this.fail(job, plan);
    for (;;) {
      const { value: answer, done } = await answers.next();
      if (done) return this.fail(job, 'the daemon has closed the connection (ECONNRESET)');
      if ('items' in answer) {
        await printer?.add(
          plan.pick ? answer.items.filter((item) => plan.pick?.(item as never)) : answer.items,
        );
      } else {
        if ('error' in answer) this.fail(job, sentence(answer.error));
        else if (isLast) await printer?.end();
        return;
      }
    }
  }

  private fail(job: Job, why: string): void {
    this.failures++;
    this.terms.complain(`${job.where}${why}`);
    this.wakeFeeder?.();
  }
}

function sentence({ code, message }: { code: string; message: string }): string {
  return message.includes(code) ? message : `${message} (${code})`;
}
