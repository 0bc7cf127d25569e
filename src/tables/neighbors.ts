/**
 * Neighbours: (link, IP) -> MAC, what the proxy answers from, for ARP and neighbour discovery.
 *
 *   words 0-3  IP, IPv4 mapped into IPv6     word 5  first two bytes of the MAC, flags above them
 *   word 4     link                          word 6  last four bytes     word 7  when confirmed, in seconds
 */

import { OpenTable, type OpenTableMemory, TRIES } from './open-table.ts';

const WIDTH = 8;
const KEY_WIDTH = 5;
const LINK = 4;
const MAC_HIGH = 5;
const MAC_LOW = 6;
const UPDATED = 7;

/** Seen in ARP or neighbour discovery out of the tunnel: ages. The others were set, or stand in the kernel's own table. */
export const NEIGHBOR_SNOOPED = 1;
/**
 * An address that the kernel is resolving, or has not heard of lately: known, not answered. Its MAC is the last that was
 * heard, or zero.
 */
export const NEIGHBOR_UNRESOLVED = 2;
/** Stands in the kernel's own table. Entries without this and the two above were set by hand, and win over all others. */
export const NEIGHBOR_KERNEL = 4;
/** A router: the proxy says so. */
export const NEIGHBOR_ROUTER = 8;
const HEARD = NEIGHBOR_SNOOPED | NEIGHBOR_UNRESOLVED | NEIGHBOR_KERNEL;

export class Neighbors {
  /** What the last look-up found. */
  macHigh = 0;
  macLow = 0;
  flags = 0;
  private readonly table: OpenTable;

  constructor(memory: OpenTableMemory) {
    this.table = new OpenTable(memory, WIDTH, KEY_WIDTH);
  }

  static allocate(capacity: number): OpenTableMemory {
    return OpenTable.allocate(capacity, WIDTH);
  }

  /** Whether there is an entry: its MAC and flags stand in `macHigh`, `macLow`, `flags` until the next look-up. */
  lookUpIp(link: number, i0: number, i1: number, i2: number, i3: number): boolean {
    this.setKey(link, i0, i1, i2, i3);
    return this.lookUp() >= 0;
  }

  lookUpIpv4(link: number, ip: number): boolean {
    return this.lookUpIp(link, 0, 0, 0xffff, ip);
  }

  /** The same for the control thread, which is sure to find what is there. */
  get(link: number, ip: Int32Array): boolean {
    this.table.lock();
    const found = this.lookUpIp(link, ip[0], ip[1], ip[2], ip[3]);
    this.table.unlock();
    return found;
  }

  /**
   * Sets an entry, as the control thread does; what was told by the kernel never over one set by hand, an unresolved
   * one never over a snooped one. False: the table is full.
   */
  set(link: number, ip: Int32Array, high: number, low: number, flags: number, now: number): boolean {
    this.table.lock();
    this.setKey(link, ip[0], ip[1], ip[2], ip[3]);
    const known = this.table.find();
    const stays = known < 0 || (flags & HEARD) === 0 ? false : outranks(this.flagsOf(known), flags);
    const done = stays || this.write(known, high, low, flags, now);
    this.table.unlock();
    return done;
  }

  snoopIpv4(link: number, ip: number, high: number, low: number, now: number): void {
    this.setKey(link, 0, 0, 0xffff, ip);
    this.snoop(high, low, now);
  }

  snoopIpv6(
    link: number,
    i0: number,
    i1: number,
    i2: number,
    i3: number,
    high: number,
    low: number,
    now: number,
  ): void {
    this.setKey(link, i0, i1, i2, i3);
    this.snoop(high, low, now);
  }

  /** The key is set. Takes up what was said; never over an entry that was set, never waiting for the lock. */
  private snoop(high: number, low: number, now: number): void {
    const seen = this.lookUp();
    if (seen >= 0 && !maySnoopOver(this.flags)) return;
    if (seen >= 0 && this.macLow === low && this.macHigh === high) {
      this.table.words[seen + UPDATED] = now;
      return;
    }
    if (!this.table.tryLock()) return;
    // it may have been set since
    const known = this.table.find();
    if (known < 0 || maySnoopOver(this.flagsOf(known))) this.write(known, high, low, NEIGHBOR_SNOOPED, now);
    this.table.unlock();
  }

  /** `isKernels`: only what stood in the kernel's own table. */
  remove(link: number, ip: Int32Array, isKernels = false): boolean {
    this.table.lock();
    this.setKey(link, ip[0], ip[1], ip[2], ip[3]);
    const entry = this.table.find();
    const goes = entry >= 0 && (!isKernels || (this.flagsOf(entry) & (HEARD & ~NEIGHBOR_SNOOPED)) !== 0);
    if (goes) this.table.remove(entry);
    this.table.unlock();
    return goes;
  }

  /** Removes snooped entries that nothing confirmed since `before`. */
  expire(before: number): void {
    const { words } = this.table;
    this.removeIf(
      (entry) => (this.flagsOf(entry) & NEIGHBOR_SNOOPED) !== 0 && words[entry + UPDATED] < before,
    );
  }

  /** Removes all of a link. */
  forget(link: number): void {
    this.removeIf((entry) => this.table.words[entry + LINK] === link);
  }

  /** Control thread: link and address of these links' entries; what each says stands where a look-up leaves it. */
  *entries(links: { has(link: number): boolean }): Generator<[link: number, ip: Int32Array]> {
    const { words } = this.table;
    for (let entry = words.length - WIDTH; entry >= 0; entry -= WIDTH) {
      const link = words[entry + LINK];
      if (!links.has(link)) continue;
      const ip = words.slice(entry, entry + LINK);
      // it may have moved up meanwhile, or gone
      if (this.get(link, ip)) yield [link, ip];
    }
  }

  private removeIf(goes: (entry: number) => boolean): void {
    if (this.count === 0) return;
    this.table.lock();
    for (let entry = 0; entry < this.table.words.length; ) {
      if (!this.table.isEmpty(entry) && goes(entry)) this.table.remove(entry);
      else entry += WIDTH; // a removal moves another entry here: look again
    }
    this.table.unlock();
  }

  get count(): number {
    return this.table.count;
  }

  /** The key is set. */
  private lookUp(): number {
    const { table } = this;
    for (let tries = 0; tries < TRIES; tries++) {
      const entry = table.find();
      if (entry < 0) return -1;
      this.macHigh = table.words[entry + MAC_HIGH] & 0xffff;
      this.macLow = table.words[entry + MAC_LOW];
      this.flags = this.flagsOf(entry);
      if (table.isStill()) return entry;
    }
    return -1;
  }

  private flagsOf(entry: number): number {
    return this.table.words[entry + MAC_HIGH] >>> 16;
  }

  /** Locked, the key is set; `known`: its entry, or negative. */
  private write(known: number, high: number, low: number, flags: number, now: number): boolean {
    const { table } = this;
    const { entry } = table;
    entry[MAC_HIGH] = (flags << 16) | high;
    entry[MAC_LOW] = low;
    entry[UPDATED] = now;
    if (known < 0) return table.insert() >= 0;
    table.beginChange();
    for (let i = MAC_HIGH; i <= UPDATED; i++) table.words[known + i] = entry[i];
    table.endChange();
    return true;
  }

  private setKey(link: number, i0: number, i1: number, i2: number, i3: number): void {
    const { key } = this.table;
    key[0] = i0;
    key[1] = i1;
    key[2] = i2;
    key[3] = i3;
    key[4] = link;
  }
}

/** Whether an entry stays although the kernel tells of another. */
function outranks(known: number, told: number): boolean {
  const isByHand = (known & HEARD) === 0;
  return isByHand || ((told & NEIGHBOR_UNRESOLVED) !== 0 && (known & NEIGHBOR_SNOOPED) !== 0);
}

function maySnoopOver(known: number): boolean {
  return (known & (NEIGHBOR_SNOOPED | NEIGHBOR_UNRESOLVED)) !== 0;
}
