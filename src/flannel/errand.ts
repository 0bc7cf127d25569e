/** Work that is done again whenever somebody asks for it, never twice at a time, and by itself after a while. */

import type { Clock } from './clock.ts';

export interface ErrandOptions {
  readonly clock: Clock;
  /** True: all of it was done. False: it is tried again later and later. */
  readonly work: () => Promise<boolean>;
  /** Of the pauses: after the first failure, and at most, which is also when it is done again though nothing failed. */
  readonly first: number;
  readonly every: number;
}

export class Errand {
  private readonly options: ErrandOptions;
  private running: Promise<void> | undefined;
  private isWanted = false;
  private isStopped = false;
  private failures = 0;
  private callOff: () => void = () => {};

  constructor(options: ErrandOptions) {
    this.options = options;
  }

  soon(): void {
    if (this.isStopped) return;
    this.isWanted = true;
    this.running ??= this.run();
  }

  /** Ends with the run that goes on. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.isWanted = false;
    this.callOff();
    await this.running;
  }

  private async run(): Promise<void> {
    this.callOff();
    await Promise.resolve(); // what is asked for in one moment is one run
    const { clock, work, first, every } = this.options;
    while (this.isWanted) {
      this.isWanted = false;
      this.failures = (await work()) ? 0 : this.failures + 1;
    }
    this.running = undefined;
    if (this.isStopped) return;
    const pause = this.failures === 0 ? every : Math.min(every, first * 2 ** (this.failures - 1));
    this.callOff = clock.after(pause, () => this.soon());
  }
}
