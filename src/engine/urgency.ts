/**
 * A worker that is behind goes first. The kernel's own vxlan works in the time of those who send, and before any other
 * process: who sends too much is slowed down by that. A worker at the level of all others would lose its turn to
 * them on a busy machine, and with it the frames that they send. One that keeps up is as nice as the others: woken for
 * each superframe it would only interrupt the one who is about to write the next.
 */

import { getPriority, setPriority } from 'node:os';

/** Full batches, less those that were not, after which a worker is behind; none left, and it has caught up. */
const BEHIND = 16;

export class Urgency {
  private readonly urgent: number;
  private readonly usual = getPriority();
  private full = 0;
  private isUrgent = false;

  /** `urgent`: the priority while behind, as of nice(1); what this user may not have is left. */
  constructor(urgent: number) {
    this.urgent = urgent;
  }

  /** After each batch from the TAP: whether it was full, so that more may wait. True: it has just fallen behind. */
  note(isFull: boolean): boolean {
    this.full = isFull ? Math.min(this.full + 1, BEHIND) : Math.max(this.full - 1, 0);
    const wasUrgent = this.isUrgent;
    if (!wasUrgent && this.full === BEHIND) this.become(true);
    else if (wasUrgent && this.full === 0) this.become(false);
    return this.isUrgent && !wasUrgent;
  }

  private become(urgent: boolean): void {
    this.isUrgent = urgent;
    try {
      setPriority(urgent ? this.urgent : this.usual);
    } catch {
      // an ordinary user may not rise above others; it works all the same
    }
  }
}
