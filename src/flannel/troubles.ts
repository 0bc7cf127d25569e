/** What is wrong with a node just now: each is said once when it begins, and once when it is over. */

import type { Log } from '../control/log.ts';

export class Troubles {
  private readonly log: Log;
  private readonly known = new Map<string, string>();

  constructor(log: Log) {
    this.log = log;
  }

  /** `what`: that which does not work, as the beginning of `... works again`. */
  begin(what: string, sentence: string): void {
    if (this.known.get(what) !== sentence) this.log('warn', sentence);
    this.known.set(what, sentence);
  }

  over(what: string): void {
    if (this.known.delete(what)) this.log('info', `${what} is as it should be again`);
  }

  /** True: it did not fail. What is thrown is a sentence. */
  async guard(what: string, work: () => Promise<void> | void): Promise<boolean> {
    try {
      await work();
      this.over(what);
      return true;
    } catch (error) {
      this.begin(what, (error as Error).message);
      return false;
    }
  }

  get any(): boolean {
    return this.known.size > 0;
  }

  list(): string[] {
    return [...this.known.values()];
  }
}
