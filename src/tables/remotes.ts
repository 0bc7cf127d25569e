/**
 * Remotes: the peer VTEPs, each interned once per link, at an index that stays (`memory/remote-record.ts`).
 */

import { REMOTE_RECORD, REMOTE_RECORD_WORDS } from '../memory/remote-record.ts';
import { isIpv4Mapped } from '../wire/address.ts';
import { OpenTable, type OpenTableMemory } from './open-table.ts';

const WORDS = REMOTE_RECORD_WORDS;

/** Index table: address, port and link, VNI -> index + 1. */
const KEY_WIDTH = 6;

/** In the place of a count of references. */
const FORGOTTEN = -1;

export const REMOTE_COUNTERS = ['txFrames', 'txErrors', 'rxErrors'] as const;
const COUNTERS = REMOTE_COUNTERS.length;
export const REMOTE_TX_FRAMES = 0;
export const REMOTE_TX_ERRORS = 1;

export interface RemotesMemory {
  readonly index: OpenTableMemory;
  readonly records: Int32Array;
  /** How many table entries name the remote; the place of one that nobody names may be given away. */
  readonly references: Int32Array;
  readonly counters: Float64Array;
  /** [next never used index] */
  readonly next: Int32Array;
  /** How many places were given back, then which. */
  readonly free: Int32Array;
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
      records: words(capacity * WORDS),
      references: words(capacity),
      counters: new Float64Array(new SharedArrayBuffer(8 * capacity * COUNTERS)),
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
    return this.records[remote * WORDS + REMOTE_RECORD.vni];
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
  find(link: number, a0: number, a1: number, a2: number, a3: number, port: number, vni: number): number {
    this.setKey(link, a0, a1, a2, a3, port, vni);
    const at = this.index.find();
    return at < 0 ? -1 : this.index.words[at + KEY_WIDTH] - 1;
  }

  /**
   * The index of a remote, made when it is new, and held: it stays until every holder has released it.
   * -1: there is no room for another, or another thread is writing.
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
    const known = this.find(link, a0, a1, a2, a3, port, vni);
    if (known >= 0 && this.hold(known)) return known;
    if (!this.index.tryLock()) return -1;
    const again = this.find(link, a0, a1, a2, a3, port, vni);
    const remote = again >= 0 ? again : this.make(link, port, vni, scope);
    const held = remote >= 0 && this.hold(remote);
    this.index.unlock();
    return held ? remote : -1;
  }

  release(remote: number): void {
    Atomics.sub(this.memory.references, remote, 1);
  }

  /**
   * Control thread, after every worker has passed a quiescent point since the last release: gives the place of a
   * remote that nobody holds to the next one. False: it is held.
   */
  forget(remote: number): boolean {
    if (Atomics.compareExchange(this.memory.references, remote, 0, FORGOTTEN) !== 0) return false;
    const at = remote * WORDS;
    const r = this.records;
    this.index.lock();
    this.setKey(
      r[at + REMOTE_RECORD.link],
      r[at],
      r[at + 1],
      r[at + 2],
      r[at + 3],
      r[at + REMOTE_RECORD.port],
      r[at + REMOTE_RECORD.vni],
    );
    const found = this.index.find();
    if (found >= 0) this.index.remove(found);
    r.fill(0, at, at + WORDS);
    this.counters.fill(0, remote * COUNTERS, (remote + 1) * COUNTERS);
    const { free } = this.memory;
    free[1 + free[0]++] = remote;
    this.index.unlock();
    return true;
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
    return this.counters[remote * COUNTERS + counter];
  }

  private setKey(
    link: number,
    a0: number,
    a1: number,
    a2: number,
    a3: number,
    port: number,
    vni: number,
  ): void {
    const { key } = this.index;
    key[0] = a0;
    key[1] = a1;
    key[2] = a2;
    key[3] = a3;
    key[4] = (link << 16) | port;
    key[5] = vni;
  }

  /** False: the control thread is just giving its place away. */
  private hold(remote: number): boolean {
    const { references } = this.memory;
    for (;;) {
      const count = Atomics.load(references, remote);
      if (count === FORGOTTEN) return false;
      if (Atomics.compareExchange(references, remote, count, count + 1) === count) return true;
    }
  }

  /** Locked, the key is set. */
  private make(link: number, port: number, vni: number, scope: number): number {
    const { next, free, references } = this.memory;
    const reused = free[0] > 0;
    const remote = reused ? free[free[0]] : next[0];
    if (remote >= this.capacity) return -1;
    const at = this.index.insert();
    if (at < 0) return -1;
    if (reused) free[0]--;
    else Atomics.store(next, 0, remote + 1);
    const record = remote * WORDS;
    for (let i = 0; i < 4; i++) this.records[record + i] = this.index.key[i];
    this.records[record + REMOTE_RECORD.port] = port;
    this.records[record + REMOTE_RECORD.vni] = vni;
    this.records[record + REMOTE_RECORD.scope] = scope;
    Atomics.store(references, remote, 0);
    Atomics.store(this.records, record + REMOTE_RECORD.link, link);
    Atomics.store(this.index.words, at + KEY_WIDTH, remote + 1);
    return remote;
  }
}
