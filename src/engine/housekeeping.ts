/** What the control thread does to the tables once a second, without holding a worker up. */

import { EVENT } from '../tables/events.ts';
import { FDB_FLAG } from '../tables/fdb.ts';
import type { Tables } from '../tables/tables.ts';

/** Snooped neighbours age as the kernel's own do not: nobody asks them again. */
const NEIGHBOR_AGEING = 600;

export class Housekeeping {
  private readonly tables: Tables;
  /** Remotes forgotten at an earlier tick, and the rounds at that time. */
  private forgotten: number[] = [];
  private since: number[] = [];

  constructor(tables: Tables) {
    this.tables = tables;
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
      fdb.table.lock();
      const remote = fdb.remote(entry);
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
    const mayAge = (fdb.flags(entry) & (FDB_FLAG.learned | FDB_FLAG.externLearn)) === FDB_FLAG.learned;
    return mayAge && ageing > 0 && now - fdb.updated(entry) > ageing;
  }

  /** Remotes that nobody holds are forgotten; a worker may still have one in a batch, so its place is free later. */
  private giveAwayRemotes(): void {
    const { remotes, rounds } = this.tables;
    if (!rounds.havePassed(this.since)) return;
    for (const remote of this.forgotten) remotes.reuse(remote);
    this.forgotten = [...remotes.all()].filter((remote) => !remotes.isHeld(remote) && remotes.forget(remote));
    this.since = rounds.now();
  }
}
