/** What the control thread does to the tables once a second, without holding a worker up. */

import { EVENT } from '../tables/events.ts';
import { FDB_FLAG } from '../tables/fdb.ts';
import type { Tables } from '../tables/tables.ts';

/** Snooped neighbours age as the kernel's own do not: nobody asks them again. */
const NEIGHBOR_AGEING = 600;

export class Housekeeping {
  private readonly tables: Tables;
  private readonly rounds: () => number;
  private seenRound = 0;
  /** Remotes that nobody held at the last tick. */
  private unheld: number[] = [];

  /** `rounds`: odd while a worker carries or holds frames, and another number at its next round. */
  constructor(tables: Tables, rounds: () => number) {
    this.tables = tables;
    this.rounds = rounds;
  }

  tick(now: number): void {
    this.expire(now);
    this.tables.neighbors.expire(now - NEIGHBOR_AGEING);
    this.giveAwayRemotes();
  }

  /** Forgets learned entries that no frame has confirmed for their link's ageing time. */
  private expire(now: number): void {
    const { fdb, links, remotes, events } = this.tables;
    for (const entry of fdb.entries()) {
      if (!this.isOld(entry, now)) continue;
      const link = fdb.link(entry);
      const remote = fdb.remote(entry);
      fdb.table.lock();
      const still = this.isOld(entry, now);
      if (still) events.push(EVENT.expire, link, fdb.macHigh(entry), fdb.macLow(entry), remote);
      if (still) fdb.remove(entry);
      fdb.table.unlock();
      if (!still) continue;
      remotes.release(remote);
      links.returnAddress(link);
    }
  }

  private isOld(entry: number, now: number): boolean {
    const { fdb, links } = this.tables;
    const ageing = links.ageing(fdb.link(entry));
    return (fdb.flags(entry) & FDB_FLAG.learned) !== 0 && ageing > 0 && now - fdb.updated(entry) > ageing;
  }

  /** A worker may still hold the index of a remote in a batch: its place is free after a quiescent point. */
  private giveAwayRemotes(): void {
    const { remotes } = this.tables;
    const round = this.rounds();
    if (this.seenRound % 2 === 0 || round !== this.seenRound) {
      for (const remote of this.unheld) remotes.forget(remote);
      this.unheld = [];
    }
    if (this.unheld.length > 0) return;
    this.unheld = [...remotes.all()].filter((remote) => !remotes.isHeld(remote));
    this.seenRound = round;
  }
}
