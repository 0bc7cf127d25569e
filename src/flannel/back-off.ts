/** What failed, why, and when it is tried again: later each time, and not everything at one moment. */

import type { Clock } from './clock.ts';

const FIRST_MS = 1000;
const MOST_MS = 60_000;

export interface Failure {
  readonly sentence: string;
  /** In a row. */
  readonly tries: number;
  /** By the clock. */
  readonly next: number;
}

export class BackOff {
  private readonly clock: Clock;
  private readonly random: () => number;
  private readonly failures = new Map<string, Failure & { what: string }>();

  constructor(clock: Clock, random: () => number = Math.random) {
    this.clock = clock;
    this.random = random;
  }

  /** What was never tried as it is now has no failure to wait for. */
  mayTry(key: string, what: string): boolean {
    const failure = this.failures.get(key);
    return failure === undefined || failure.what !== what || failure.next <= this.clock.now();
  }

  /** True: it did not fail in this way the last time. */
  failed(key: string, what: string, sentence: string): boolean {
    const before = this.failures.get(key);
    const tries = before?.what === what ? before.tries + 1 : 1;
    const pause = Math.min(MOST_MS, FIRST_MS * 2 ** (tries - 1)) * (0.5 + this.random() / 2);
    this.failures.set(key, { what, sentence, tries, next: this.clock.now() + pause });
    return before?.sentence !== sentence;
  }

  /** True: it had failed before. */
  succeeded(key: string): boolean {
    return this.failures.delete(key);
  }

  /** Nobody wants others any more. */
  keep(isWanted: (key: string) => boolean): void {
    for (const key of this.failures.keys()) if (!isWanted(key)) this.failures.delete(key);
  }

  get(key: string): Failure | undefined {
    return this.failures.get(key);
  }

  list(): (Failure & { key: string })[] {
    return Array.from(this.failures, ([key, { sentence, tries, next }]) => ({ key, sentence, tries, next }));
  }

  get isEmpty(): boolean {
    return this.failures.size === 0;
  }

  /** When the first of them is tried again, by the clock; infinite: there is none. */
  get next(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const { next } of this.failures.values()) least = Math.min(least, next);
    return least;
  }
}
