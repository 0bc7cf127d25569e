/**
 * A worker that is behind goes first. The kernel's own vxlan works in the time of those who send, and before any other
 * process: who sends too much is slowed down by that. A worker at the level of all others would lose its turn to
 * them on a busy machine, and with it the frames that they send. One that keeps up is as nice as the others: woken for
 * each superframe it would only interrupt the one who is about to write the next.
 */

import { getPriority, setPriority } from 'node:os';

/** Full batches after which a worker is behind, if they come faster than they are forgotten. */
const BEHIND = 16;
/** Milliseconds after which a full batch is forgotten; the last of them, and it has caught up. */
const MEMORY = 4;

export class Urgency {
  private readonly urgent: number;
  private readonly usual = getPriority();
  private readonly setLevel: (level: number) => void;
  /** Milliseconds until all full batches are forgotten. */
  private weight = 0;
  private last = 0;
  private isUrgent = false;

  /** `urgent`: the priority while behind, as of nice(1). */
  constructor(urgent: number, setLevel: (level: number) => void = setPriority) {
    this.urgent = urgent;
    this.setLevel = setLevel;
  }

  /**
   * After each batch from the TAP, with the clock's milliseconds (the low 32 bits of them): whether it was full, so that
   * more may wait. True: it was, and the worker is behind.
   */
  note(isFull: boolean, milliseconds: number): boolean {
    const left = this.weight - ((milliseconds - this.last) >>> 0);
    this.last = milliseconds;
    this.weight = Math.min(Math.max(left, 0) + (isFull ? MEMORY : 0), BEHIND * MEMORY);
    if (!this.isUrgent && this.weight === BEHIND * MEMORY) this.become(true);
    else if (this.isUrgent && this.weight === 0) this.become(false);
    return this.isUrgent && isFull;
  }

  private become(urgent: boolean): void {
    this.isUrgent = urgent;
    try {
      this.setLevel(urgent ? this.urgent : this.usual);
    } catch {
      // an ordinary user may not rise above others; it works all the same
    }
  }
}
