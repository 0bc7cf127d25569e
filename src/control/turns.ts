/** Changes are carried out one after the other: a port that is being closed cannot be opened yet, an index not given away. */

import { setTimeout as pause } from 'node:timers/promises';
import type { Say } from './link-options.ts';
import { Refusal } from './refusal.ts';

/** For a change that was begun, before all ends. */
const SETTLE_MS = 3_000;

export class Turns {
  private readonly say: Say;
  private last: Promise<unknown> = Promise.resolve();
  private isEnding = false;

  constructor(say: Say) {
    this.say = say;
  }

  take<T>(change: () => Promise<T>): Promise<T> {
    const result = this.last.then(() => {
      if (this.isEnding) throw new Refusal('ECANCELED', 'vtep ends, and changes nothing more');
      return change();
    });
    this.last = result.catch(() => {});
    return result;
  }

  /** The same for what nobody waits for: what goes wrong is said, but not of what comes too late. */
  takeAlone(name: string, change: () => Promise<void>): void {
    this.take(change).catch((error) => {
      if (!this.isEnding) this.say('warn', `${name}: ${error.message}`);
    });
  }

  /** Nothing more is begun. Resolves when what was begun is done: without a worker it never would be. */
  async end(): Promise<void> {
    this.isEnding = true;
    await Promise.race([this.last, pause(SETTLE_MS, undefined, { ref: false })]);
  }
}
