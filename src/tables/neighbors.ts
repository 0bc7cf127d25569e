/**
 * Neighbours: (link, IP) -> MAC, what the proxy answers from, for ARP and neighbour discovery.
 *
 *   words 0-3  IP, IPv4 mapped into IPv6     word 5  first two bytes of the MAC, flags above them
 *   word 4     link                          word 6  last four bytes     word 7  when confirmed, in seconds
 */

import { OpenTable, type OpenTableMemory, TRIES } from './open-table.ts';

const WIDTH = 8;
const KEY_WIDTH = 5;
const MAC_HIGH = 5;
const MAC_LOW = 6;
const UPDATED = 7;

/** Seen in ARP or neighbour discovery out of the tunnel: ages. The others were set, or stand in the kernel's own table. */
export const NEIGHBOR_SNOOPED = 1;
/** The entry is there but not usable (an address that the kernel is resolving): known, not answered. */
export const NEIGHBOR_UNRESOLVED = 2;

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

  /** Sets an entry, as the control thread does; an unresolved one never over a snooped one. False: the table is full. */
  set(link: number, ip: Int32Array, high: number, low: number, flags: number, now: number): boolean {
    this.table.lock();
    this.setKey(link, ip[0], ip[1], ip[2], ip[3]);
    const known = this.table.find();
    const keeps = known >= 0 && flags & NEIGHBOR_UNRESOLVED && this.flagsOf(known) & NEIGHBOR_SNOOPED;
    const done = keeps ? true : this.write(known, high, low, flags, now);
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
    if (seen >= 0 && this.flags === 0) return;
    if (seen >= 0 && this.macLow === low && this.macHigh === high) {
      this.table.words[seen + UPDATED] = now;
      return;
    }
    if (!this.table.tryLock()) return;
    // it may have been set since
    const known = this.table.find();
    if (known < 0 || this.flagsOf(known) !== 0) this.write(known, high, low, NEIGHBOR_SNOOPED, now);
    this.table.unlock();
  }

  remove(link: number, ip: Int32Array, unlessSnooped = false): boolean {
    this.table.lock();
    this.setKey(link, ip[0], ip[1], ip[2], ip[3]);
    const entry = this.table.find();
    const goes = entry >= 0 && !(unlessSnooped && this.flagsOf(entry) & NEIGHBOR_SNOOPED);
    if (goes) this.table.remove(entry);
    this.table.unlock();
    return goes;
  }

  /** Removes snooped entries that nothing confirmed since `before`. */
  expire(before: number): void {
    this.table.lock();
    const { words } = this.table;
    for (let entry = 0; entry < words.length; ) {
      const old =
        !this.table.isEmpty(entry) &&
        this.flagsOf(entry) & NEIGHBOR_SNOOPED &&
        words[entry + UPDATED] < before;
      if (old) this.table.remove(entry);
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
