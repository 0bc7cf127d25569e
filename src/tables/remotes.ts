/**
 * Remotes: the peer VTEPs, each interned once per link, at an index that stays (`memory/remote-record.ts`).
 */

import { REMOTE_RECORD, REMOTE_RECORD_WORDS } from '../memory/remote-record.ts';
import { isIpv4Mapped } from '../wire/address.ts';
import { MAX_VNI } from '../wire/vxlan.ts';
import { OpenTable, type OpenTableMemory, TRIES } from './open-table.ts';
import type { OwnAddresses } from './own-addresses.ts';

// Bound once: what is reached through an import is looked at again for every frame.
const WORDS = REMOTE_RECORD_WORDS;
const { vni: VNI } = REMOTE_RECORD;
/** In the word of the VNI, which has 24 bits: the address is this host's own. */
const HERE = 1 << 31;

/** Index table: address, port and link, VNI, scope -> index + 1. */
const KEY_WIDTH = 7;

/** In the place of a count of references. */
const FORGOTTEN = -1;

/** Why there is no remote: another thread is writing. -1: there is no room for another. */
export const REMOTES_BUSY = -2;

export const REMOTE_COUNTERS = ['txFrames', 'txErrors', 'rxErrors'] as const;
const COUNTERS = REMOTE_COUNTERS.length;
export const REMOTE_TX_FRAMES = 0;
export const REMOTE_TX_ERRORS = 1;

export interface RemotesMemory {
  readonly index: OpenTableMemory;
  readonly records: Int32Array;
  /** How many table entries name the remote; the place of one that nobody names may be given away. */
  readonly references: Int32Array;
  /** For each worker. */
  readonly counters: readonly Float64Array[];
  /** [next never used index] */
  readonly next: Int32Array;
  /** How many places were given back, then which. */
  readonly free: Int32Array;
}

export class Remotes {
  readonly records: Int32Array;
  private readonly counters: Float64Array;
  private readonly index: OpenTable;
  private readonly memory: RemotesMemory;
  private readonly own: OwnAddresses | undefined;

  /** `own`: the addresses of this host, where it matters which remotes have one. */
  constructor(memory: RemotesMemory, worker = 0, own?: OwnAddresses) {
    this.memory = memory;
    this.own = own;
    this.records = memory.records;
    this.counters = memory.counters[worker];
    this.index = new OpenTable(memory.index, KEY_WIDTH + 1, KEY_WIDTH);
  }

  static allocate(capacity: number, workers = 1): RemotesMemory {
    const words = (count: number) => new Int32Array(new SharedArrayBuffer(4 * count));
    const counters = () => new Float64Array(new SharedArrayBuffer(8 * capacity * COUNTERS));
    return {
      index: OpenTable.allocate(capacity, KEY_WIDTH + 1),
      records: words(capacity * WORDS),
      references: words(capacity),
      counters: Array.from({ length: workers }, counters),
      next: words(1),
      free: words(capacity + 1),
    };
  }

  get capacity(): number {
    return this.index.capacity;
  }

  address(remote: number, word: number): number {
    return this.records[remote * WORDS + word];
  }

  port(remote: number): number {
    return this.records[remote * WORDS + REMOTE_RECORD.port];
  }

  vni(remote: number): number {
    return this.records[remote * WORDS + VNI] & MAX_VNI;
  }

  /** As a header takes it; negative: the remote is this host itself. */
  vniWord(remote: number): number {
    return this.records[remote * WORDS + VNI];
  }

  /** The interface that its datagrams leave by; 0: the link's, or the route's. */
  scope(remote: number): number {
    return this.records[remote * WORDS + REMOTE_RECORD.scope];
  }

  link(remote: number): number {
    return this.records[remote * WORDS + REMOTE_RECORD.link];
  }

  isIpv4(remote: number): boolean {
    const at = remote * WORDS;
    return isIpv4Mapped(this.records[at], this.records[at + 1], this.records[at + 2]);
  }

  hasAddress(remote: number, a0: number, a1: number, a2: number, a3: number): boolean {
    const at = remote * WORDS;
    const r = this.records;
    return r[at + 3] === a3 && r[at + 2] === a2 && r[at + 1] === a1 && r[at] === a0;
  }

  /** The index of a remote, or -1. */
  find(
    link: number,
    a0: number,
    a1: number,
    a2: number,
    a3: number,
    port: number,
    vni: number,
    scope = 0,
  ): number {
    const { index } = this;
    this.setKey(link, a0, a1, a2, a3, port, vni, scope);
    for (let tries = 0; tries < TRIES; tries++) {
      const at = index.find();
      if (at < 0) return -1;
      const remote = index.words[at + KEY_WIDTH] - 1;
      if (index.isStill()) return remote;
    }
    return -1;
  }

  /**
   * The index of a remote, made when it is new, and held: it stays until every holder has released it.
   * Negative: why there is none.
   */
  acquire(
    link: number,
    a0: number,
    a1: number,
    a2: number,
    a3: number,
    port: number,
    vni: number,
    scope = 0,
  ): number {
    const known = this.find(link, a0, a1, a2, a3, port, vni, scope);
    if (known >= 0 && this.hold(known)) return known;
    if (!this.index.tryLock()) return REMOTES_BUSY;
    // who is found under the lock can be held, as whoever forgets one takes it out under the lock
    const again = this.find(link, a0, a1, a2, a3, port, vni, scope);
    const remote = again >= 0 ? again : this.make(link, port, vni, scope);
    if (again >= 0) this.hold(again);
    this.index.unlock();
    return remote;
  }

  release(remote: number): void {
    Atomics.sub(this.memory.references, remote, 1);
  }

  /**
   * Control thread: a remote that nobody holds is found no more. What stands there stays until `reuse`, as a worker
   * may have its index in a batch. False: it is held.
   */
  forget(remote: number): boolean {
    this.index.lock();
    const goes = Atomics.compareExchange(this.memory.references, remote, 0, FORGOTTEN) === 0;
    if (goes) this.takeOut(remote);
    this.index.unlock();
    return goes;
  }

  /** Control thread, after every worker has passed a quiescent point: the place of a forgotten remote is free. */
  reuse(remote: number): void {
    const { free, counters } = this.memory;
    this.index.lock();
    this.records.fill(0, remote * WORDS, (remote + 1) * WORDS);
    for (const each of counters) each.fill(0, remote * COUNTERS, (remote + 1) * COUNTERS);
    free[1 + free[0]++] = remote;
    this.index.unlock();
  }

  /** Control thread, when this host has got an address, or has lost it: after `own` says so. */
  markOwn(ip: Int32Array): void {
    this.index.lock();
    for (const remote of this.all())
      if (this.hasAddress(remote, ip[0], ip[1], ip[2], ip[3])) this.mark(remote);
    this.index.unlock();
  }

  /** Locked. */
  private mark(remote: number): void {
    const at = remote * WORDS;
    const r = this.records;
    const isHere = this.own?.has(r[at], r[at + 1], r[at + 2], r[at + 3]) ?? false;
    r[at + VNI] = isHere ? r[at + VNI] | HERE : r[at + VNI] & ~HERE;
  }

  /** Locked. */
  private takeOut(remote: number): void {
    const at = remote * WORDS;
    const r = this.records;
    this.setKey(
      r[at + REMOTE_RECORD.link],
      r[at],
      r[at + 1],
      r[at + 2],
      r[at + 3],
      r[at + REMOTE_RECORD.port],
      r[at + VNI] & MAX_VNI,
      r[at + REMOTE_RECORD.scope],
    );
    const found = this.index.find();
    if (found >= 0) this.index.remove(found);
  }

  /** Indices in use, for tables shown and for giving away what nobody holds. */
  *all(): Generator<number> {
    const end = Atomics.load(this.memory.next, 0);
    for (let remote = 0; remote < end; remote++) if (this.link(remote) !== 0) yield remote;
  }

  isHeld(remote: number): boolean {
    return Atomics.load(this.memory.references, remote) > 0;
  }

  count(remote: number, counter: number, by: number): void {
    this.counters[remote * COUNTERS + counter] += by;
  }

  counter(remote: number, counter: number): number {
    return this.memory.counters.reduce((sum, each) => sum + each[remote * COUNTERS + counter], 0);
  }

  private setKey(
    link: number,
    a0: number,
    a1: number,
    a2: number,
    a3: number,
    port: number,
    vni: number,
    scope: number,
  ): void {
    const { key } = this.index;
    key[0] = a0;
    key[1] = a1;
    key[2] = a2;
    key[3] = a3;
    key[4] = (link << 16) | port;
    key[5] = vni;
    key[6] = scope;
  }

  /** False: the control thread has just forgotten it. */
  private hold(remote: number): boolean {
    const { references } = this.memory;
    for (;;) {
      const count = Atomics.load(references, remote);
      if (count === FORGOTTEN) return false;
      if (Atomics.compareExchange(references, remote, count, count + 1) === count) return true;
    }
  }

  /** Locked, the key is set. The new one is held from its beginning. */
  private make(link: number, port: number, vni: number, scope: number): number {
    const { next, free, references } = this.memory;
    const reused = free[0] > 0;
    const remote = reused ? free[free[0]] : next[0];
    if (remote >= this.capacity) return -1;
    const record = remote * WORDS;
    for (let i = 0; i < 4; i++) this.records[record + i] = this.index.key[i];
    this.records[record + REMOTE_RECORD.port] = port;
    this.records[record + VNI] = vni;
    this.records[record + REMOTE_RECORD.scope] = scope;
    this.records[record + REMOTE_RECORD.link] = link;
    this.mark(remote);
    Atomics.store(references, remote, 1);
    // found from here on, so all that is above comes first
    this.index.entry[KEY_WIDTH] = remote + 1;
    if (this.index.insert() < 0) {
      this.records[record + REMOTE_RECORD.link] = 0;
      Atomics.store(references, remote, FORGOTTEN);
      return -1;
    }
    if (reused) free[0]--;
    else Atomics.store(next, 0, remote + 1);
    return remote;
  }
}
