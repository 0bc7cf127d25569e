/**
 * Remotes: the peer VTEPs, each interned once per link, at an index that stays. The records are read by the
 * addon as they lie here (`native/udp.c`), which makes the socket address of a datagram from them.
 *
 *   words 0-3  address, IPv4 mapped into IPv6      word 5  VNI
 *   word 4     UDP port                            word 6  link
 *                                                  word 7  scope of a link-local address
 */

import { isIpv4Mapped } from '../wire/address.ts';
import { OpenTable, type OpenTableMemory } from './open-table.ts';

export const REMOTE_WORDS = 8;
const PORT = 4;
const VNI = 5;
const LINK = 6;
const SCOPE = 7;

/** Index table: address, port and link, VNI -> index + 1. */
const KEY_WIDTH = 6;

export const REMOTE_COUNTERS = ['txFrames', 'txErrors', 'rxErrors'] as const;
const COUNTERS = REMOTE_COUNTERS.length;
export const REMOTE_TX_FRAMES = 0;
export const REMOTE_TX_ERRORS = 1;

export interface RemotesMemory {
  readonly index: OpenTableMemory;
  readonly records: Int32Array;
  /** How many table entries name the remote; one that nobody names may be given away. */
  readonly references: Int32Array;
  readonly counters: Float64Array;
  /** [next never used index] */
  readonly next: Int32Array;
}

export class Remotes {
  readonly records: Int32Array;
  readonly counters: Float64Array;
  private readonly index: OpenTable;
  private readonly memory: RemotesMemory;

  constructor(memory: RemotesMemory) {
    this.memory = memory;
    this.records = memory.records;
    this.counters = memory.counters;
    this.index = new OpenTable(memory.index, KEY_WIDTH + 1, KEY_WIDTH);
  }

  static allocate(capacity: number): RemotesMemory {
    const words = (count: number) => new Int32Array(new SharedArrayBuffer(4 * count));
    return {
      index: OpenTable.allocate(capacity, KEY_WIDTH + 1),
      records: words(capacity * REMOTE_WORDS),
      references: words(capacity),
      counters: new Float64Array(new SharedArrayBuffer(8 * capacity * COUNTERS)),
      next: words(1),
    };
  }

  get capacity(): number {
    return this.index.capacity;
  }

  address(remote: number, word: number): number {
    return this.records[remote * REMOTE_WORDS + word];
  }

  port(remote: number): number {
    return this.records[remote * REMOTE_WORDS + PORT];
  }

  vni(remote: number): number {
    return this.records[remote * REMOTE_WORDS + VNI];
  }

  link(remote: number): number {
    return this.records[remote * REMOTE_WORDS + LINK];
  }

  isIpv4(remote: number): boolean {
    const at = remote * REMOTE_WORDS;
    return isIpv4Mapped(this.records[at], this.records[at + 1], this.records[at + 2]);
  }

  hasAddress(remote: number, a0: number, a1: number, a2: number, a3: number): boolean {
    const at = remote * REMOTE_WORDS;
    const r = this.records;
    return r[at + 3] === a3 && r[at + 2] === a2 && r[at + 1] === a1 && r[at] === a0;
  }

  /** The index of a remote, or -1. */
  find(link: number, a0: number, a1: number, a2: number, a3: number, port: number, vni: number): number {
    this.setKey(link, a0, a1, a2, a3, port, vni);
    const at = this.index.find();
    return at < 0 ? -1 : this.index.words[at + KEY_WIDTH] - 1;
  }

  /** The index of a remote, made when it is new; -1: no room for another, or another thread is writing. */
  intern(link: number, a0: number, a1: number, a2: number, a3: number, port: number, vni: number, scope = 0): number {
    const known = this.find(link, a0, a1, a2, a3, port, vni);
    if (known >= 0) return known;
    if (!this.index.tryLock()) return -1;
    const remote = this.allocateIndex();
    const at = remote < 0 ? -1 : this.index.insert();
    if (at >= 0) {
      const record = remote * REMOTE_WORDS;
      for (let i = 0; i < 4; i++) this.records[record + i] = this.index.key[i];
      this.records[record + PORT] = port;
      this.records[record + VNI] = vni;
      this.records[record + LINK] = link;
      this.records[record + SCOPE] = scope;
      Atomics.store(this.index.words, at + KEY_WIDTH, remote + 1);
    }
    this.index.unlock();
    return at < 0 ? -1 : remote;
  }

  /** Entries that name a remote say so, and say when they no longer do. */
  hold(remote: number): void {
    Atomics.add(this.memory.references, remote, 1);
  }

  release(remote: number): void {
    Atomics.sub(this.memory.references, remote, 1);
  }

  /**
   * Control thread, after every worker has passed a quiescent point since the last release: takes a remote that
   * nobody names out of the index, so that its place can be used again. False: it is still named.
   */
  forget(remote: number): boolean {
    if (Atomics.load(this.memory.references, remote) !== 0) return false;
    const at = remote * REMOTE_WORDS;
    const r = this.records;
    this.setKey(r[at + LINK], r[at], r[at + 1], r[at + 2], r[at + 3], r[at + PORT], r[at + VNI]);
    this.index.lock();
    const found = this.index.find();
    if (found >= 0) this.index.remove(found);
    r.fill(0, at, at + REMOTE_WORDS);
    this.counters.fill(0, remote * COUNTERS, (remote + 1) * COUNTERS);
    this.index.unlock();
    return true;
  }

  /** Indices in use, for tables shown and for giving away what nobody names. */
  *all(): Generator<number> {
    const end = Atomics.load(this.memory.next, 0);
    for (let remote = 0; remote < end; remote++) if (this.link(remote) !== 0) yield remote;
  }

  isNamed(remote: number): boolean {
    return Atomics.load(this.memory.references, remote) !== 0;
  }

  count(remote: number, counter: number, by: number): void {
    this.counters[remote * COUNTERS + counter] += by;
  }

  counter(remote: number, counter: number): number {
    return this.counters[remote * COUNTERS + counter];
  }

  private setKey(link: number, a0: number, a1: number, a2: number, a3: number, port: number, vni: number): void {
    const { key } = this.index;
    key[0] = a0;
    key[1] = a1;
    key[2] = a2;
    key[3] = a3;
    key[4] = (link << 16) | port;
    key[5] = vni;
  }

  private allocateIndex(): number {
    const next = Atomics.load(this.memory.next, 0);
    if (next < this.capacity) {
      Atomics.store(this.memory.next, 0, next + 1);
      return next;
    }
    for (let remote = 0; remote < next; remote++) if (this.link(remote) === 0) return remote;
    return -1;
  }
}
