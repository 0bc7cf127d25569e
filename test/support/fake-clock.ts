/** A clock that a test turns: what is due is done in its order, each with the time that it was due at. */

import type { Clock } from '../../src/flannel/clock.ts';

export class FakeClock implements Clock {
  private time = 0;
  private readonly due = new Set<{ at: number; work: () => void }>();

  now(): number {
    return this.time;
  }

  after(milliseconds: number, work: () => void): () => void {
    const one = { at: this.time + milliseconds, work };
    this.due.add(one);
    return () => this.due.delete(one);
  }

  /** How many wait to be done. */
  get waiting(): number {
    return this.due.size;
  }

  /** `settle`: between two that are due, and at the end. */
  async turn(milliseconds: number, settle: () => Promise<void> = async () => {}): Promise<void> {
    const until = this.time + milliseconds;
    for (;;) {
      const [next] = [...this.due].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.due.delete(next);
      this.time = Math.max(this.time, next.at);
      next.work();
      await settle();
    }
    this.time = until;
    await settle();
  }
}
