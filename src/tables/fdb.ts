/**
 * The forwarding table of all links: (link, MAC) -> remote, or for a group MAC and the all-zero one -> list of remotes.
 * One table, so that a thousand links cost no more than their entries.
 *
 *   word 0   link << 16 | first two bytes of the MAC     links start at 1, so no key is zero
 *   word 1   last four bytes of the MAC
 *   word 2   remote << 8 | flags; in the remote's place may be `~list`, which is negative
 *   word 3   when it was last confirmed by a received frame, in seconds of the engine's clock
 *   word 4   when a frame last went there
 *
 * Words 3 and 4 are written without the lock, by where the entry stood a moment before: one that has just taken its
 * place then looks as if it were in use, and ages a little later.
 */

import { OpenTable, type OpenTableMemory, TRIES } from './open-table.ts';

export const FDB_WIDTH = 5;
const VALUE = 2;
const UPDATED = 3;
const USED = 4;

export const FDB_FLAG = {
  /** Learned from a received frame, or made so by hand: ages, moves. */
  learned: 1,
  /** Never ages, and a frame from elsewhere with this source is dropped. */
  static: 2,
  /** As static; the state that `bridge fdb add` gives without a word. */
  permanent: 4,
  /** Who has this MAC is a router: the proxy says so, and `rsc` goes past it. */
  router: 8,
  /** Another program's: never ages, but moves if it was not made static. */
  externLearn: 16,
  /** Never moves; a frame from elsewhere with this source is carried all the same. */
  sticky: 32,
  /** Made by hand, whatever its state. */
  byHand: 64,
} as const;

/** What `lookUp` says of a MAC without an entry; other negative numbers are `~list` of a flood list. */
export const NOWHERE = -1;

export class Fdb {
  readonly table: OpenTable;
  /** Where `lookUpSource` found the last one. */
  private source = 0;

  constructor(memory: OpenTableMemory) {
    this.table = new OpenTable(memory, FDB_WIDTH, 2);
  }

  static allocate(capacity: number): OpenTableMemory {
    return OpenTable.allocate(capacity, FDB_WIDTH);
  }

  /** The entry's handle, or -1. Without the lock it may be another's at the next moment: entries move when others go. */
  find(link: number, high: number, low: number): number {
    return this.table.find2((link << 16) | high, low);
  }

  /** The remote that a frame to this MAC goes to, `~list` of its remotes, or NOWHERE. Says in the entry that one went there. */
  lookUp(link: number, high: number, low: number, now: number): number {
    const { table } = this;
    const { words } = table;
    const entry = table.find2((link << 16) | high, low);
    if (entry < 0) return NOWHERE;
    const remote = words[entry + VALUE] >> 8;
    if (!table.isStill()) return this.lookUpAgain(link, high, low) >> 8;
    // written only when it changes: a shared cache line that is only read stays cheap
    if (words[entry + USED] !== now) words[entry + USED] = now;
    return remote;
  }

  /** What is known of where a source is, `remote << 8 | flags`, or -1. */
  lookUpSource(link: number, high: number, low: number): number {
    const { table } = this;
    const entry = table.find2((link << 16) | high, low);
    if (entry < 0) return -1;
    const known = table.words[entry + VALUE];
    if (!table.isStill()) return this.lookUpAgain(link, high, low);
    this.source = entry;
    return known;
  }

  /** The same, after another thread was in the way. */
  private lookUpAgain(link: number, high: number, low: number): number {
    const { table } = this;
    for (let tries = 0; tries < TRIES; tries++) {
      const entry = this.find(link, high, low);
      if (entry < 0) return -1;
      const known = table.words[entry + VALUE];
      this.source = entry;
      if (table.isStill()) return known;
    }
    return -1;
  }

  /** A frame came from where the last source is known to be. */
  confirmSource(now: number): void {
    const at = this.source + UPDATED;
    if (this.table.words[at] !== now) this.table.words[at] = now;
  }

  /** Negative: `~list`. */
  remote(entry: number): number {
    return this.table.words[entry + VALUE] >> 8;
  }

  flags(entry: number): number {
    return this.table.words[entry + VALUE] & 0xff;
  }

  link(entry: number): number {
    return this.table.words[entry] >>> 16;
  }

  macHigh(entry: number): number {
    return this.table.words[entry] & 0xffff;
  }

  macLow(entry: number): number {
    return this.table.words[entry + 1];
  }

  updated(entry: number): number {
    return this.table.words[entry + UPDATED];
  }

  used(entry: number): number {
    return this.table.words[entry + USED];
  }

  /** Locked. Returns the handle, or -1 when the table is full. */
  insert(link: number, high: number, low: number, remote: number, flags: number, now: number): number {
    const { entry } = this.table;
    entry[0] = (link << 16) | high;
    entry[1] = low;
    entry[VALUE] = (remote << 8) | flags;
    entry[UPDATED] = now;
    entry[USED] = now;
    return this.table.insert();
  }

  /** Locked. */
  moveTo(entry: number, remote: number, now: number): void {
    this.table.words[entry + VALUE] = (remote << 8) | this.flags(entry);
    this.table.words[entry + UPDATED] = now;
  }

  /** Locked. */
  setFlags(entry: number, flags: number, now: number): void {
    this.table.words[entry + VALUE] = (this.remote(entry) << 8) | flags;
    this.table.words[entry + UPDATED] = now;
  }

  /** Locked. As if a frame had come from there. */
  confirm(entry: number, now: number): void {
    this.table.words[entry + UPDATED] = now;
  }

  /** Locked. */
  remove(entry: number): void {
    this.table.remove(entry);
  }

  /**
   * Handles of all entries, the last place first: whoever removes the one at hand moves only entries that have
   * passed. Cold: for tables shown, ageing, flushing.
   */
  *entries(): Generator<number> {
    for (let entry = this.table.words.length - FDB_WIDTH; entry >= 0; entry -= FDB_WIDTH) {
      if (!this.table.isEmpty(entry)) yield entry;
    }
  }
}
