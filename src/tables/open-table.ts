/**
 * A hash table of int32 words in shared memory: open addressing with linear probing, fixed capacity, no rehash.
 * An entry is `width` words, the first `keyWidth` of them its key; a key whose words are all zero means "empty".
 *
 * One writer at a time (`tryLock`), readers take no lock. An entry appears whole. While entries are moved or rewritten
 * the version is odd, and another one after: a reader that missed looks again by itself, one that found its key reads
 * what it wants and then asks `isStill`. Words that are written without the lock (when an entry was last used) may
 * meanwhile have become another entry's; they must be such that this does no harm.
 * The hash is seeded per table and a probe ends after PROBES entries, so that chosen keys cannot make a
 * look-up long: what finds no place is refused and counted by the caller.
 */

const HEADER_WORDS = 16;
const LOCK = 0;
const VERSION = 1;
const COUNT = 2;
const SEED = 3;

/** Tables stay emptier than this, which keeps a look-up within one or two cache lines. */
const LOAD = 0.625;
const PROBES = 128;
/** How often a reader looks again while another thread changes the table: longer, and that one has been put aside. */
export const TRIES = 1000;

export interface OpenTableMemory {
  readonly words: Int32Array;
  readonly capacity: number;
}

/**
 * How hashes find their places: there are `eighths` / 8 times a power of two of them, so that a hash becomes a place by
 * a shift and a product of small integers. (A product with places / 2^32 goes by way of a double, and costs as much as
 * the probe.)
 */
function spreadOver(capacity: number): { places: number; shift: number; eighths: number } {
  const least = Math.ceil(capacity / LOAD);
  const bits = Math.floor(Math.log2(least));
  const eighths = Math.ceil((8 * least) / 2 ** bits);
  return { places: Math.ceil((2 ** bits * eighths) / 8), shift: 29 - bits, eighths };
}

export class OpenTable {
  readonly width: number;
  readonly keyWidth: number;
  readonly capacity: number;
  readonly memory: OpenTableMemory;
  /** Entries that there is room for in the array; `capacity` of them may be used. */
  readonly places: number;
  readonly words: Int32Array;
  /** What `insert` writes: a key, and the words behind it. */
  readonly entry: Int32Array;
  /** The key in it, that the general look-ups work with; set before each. */
  readonly key: Int32Array;
  private readonly header: Int32Array;
  /** The version at the last look-up. */
  private seen = 0;
  private readonly shift: number;
  private readonly eighths: number;
  private readonly seed: number;

  constructor(memory: OpenTableMemory, width: number, keyWidth: number) {
    this.memory = memory;
    this.capacity = memory.capacity;
    this.width = width;
    this.keyWidth = keyWidth;
    this.header = memory.words.subarray(0, HEADER_WORDS);
    this.words = memory.words.subarray(HEADER_WORDS);
    const { places, shift, eighths } = spreadOver(memory.capacity);
    this.places = places;
    this.shift = shift;
    this.eighths = eighths;
    this.seed = this.header[SEED];
    this.entry = new Int32Array(width);
    this.key = this.entry.subarray(0, keyWidth);
  }

  /** Memory for `capacity` entries; pages are touched only when entries come. */
  static allocate(capacity: number, width: number): OpenTableMemory {
    const places = spreadOver(capacity).places + PROBES;
    const words = new Int32Array(new SharedArrayBuffer(4 * (HEADER_WORDS + places * width)));
    words[SEED] = (Math.random() * 2 ** 32) | 0;
    return { words, capacity };
  }

  get count(): number {
    return Atomics.load(this.header, COUNT);
  }

  /** True when the caller now is the only writer. Nobody ever waits on the hot path. */
  tryLock(): boolean {
    return Atomics.compareExchange(this.header, LOCK, 0, 1) === 0;
  }

  /** For the control thread: the holder is a worker between two frames, never for long. */
  lock(): void {
    for (let spins = 0; !this.tryLock(); spins++) {
      if (spins > 1e8) this.unlock(); // its holder died with the lock
    }
  }

  unlock(): void {
    Atomics.store(this.header, LOCK, 0);
  }

  /** Word index of the entry with a two-word key, or -1. The hot look-up. */
  find2(k0: number, k1: number): number {
    const { words, width, header } = this;
    // read plainly, as a call to Atomics costs as much as the look-up
    this.seen = header[VERSION];
    let at = this.home2(k0, k1);
    const end = at + PROBES * width;
    for (; at < end; at += width) {
      const w0 = words[at];
      const w1 = words[at + 1];
      if (w0 === k0 && w1 === k1) return at;
      if (w0 === 0 && w1 === 0) break;
    }
    return this.isStill() ? -1 : this.find2Again(k0, k1);
  }

  /** Apart from `find2`, which is compiled into whatever calls it. */
  private find2Again(k0: number, k1: number): number {
    this.key[0] = k0;
    this.key[1] = k1;
    return this.find();
  }

  /**
   * Whether nothing was moved since the last look-up began: what was read at the place that it gave was that entry's,
   * and what it missed is not there. Reads in the order x86 keeps.
   */
  isStill(): boolean {
    const { seen } = this;
    return this.header[VERSION] === seen && (seen & 1) === 0;
  }

  /** Word index of the entry whose key stands in `key`, or -1. */
  find(): number {
    for (let tries = 0; tries < TRIES; tries++) {
      this.seen = this.header[VERSION];
      let at = this.home(this.key, 0);
      const end = at + PROBES * this.width;
      for (; at < end; at += this.width) {
        if (this.holdsKey(at)) return at;
        if (this.isEmpty(at)) break;
      }
      if (this.isStill()) return -1;
    }
    return -1;
  }

  /** Writes `entry` into the table and returns its word index, or -1: full. Locked; the key is not there yet. */
  insert(): number {
    if (this.header[COUNT] >= this.capacity) return -1;
    let at = this.home(this.key, 0);
    const end = at + PROBES * this.width;
    while (at < end && !this.isEmpty(at)) at += this.width;
    if (at >= end) return -1;
    // from its end: a reader that sees the whole key sees a whole entry
    for (let i = this.width - 1; i >= 0; i--) Atomics.store(this.words, at + i, this.entry[i]);
    this.header[COUNT]++;
    return at;
  }

  /** Removes the entry at a word index, and moves up those behind it that would be cut off. Locked. */
  remove(at: number): void {
    const words = this.words;
    const width = this.width;
    let hole = at;
    this.beginChange();
    for (let next = hole + width; next < words.length && !this.isEmpty(next); next += width) {
      if (this.home(words, next) > hole) continue;
      words.copyWithin(hole, next, next + width);
      hole = next;
    }
    words.fill(0, hole, hole + width);
    this.header[COUNT]--;
    this.endChange();
  }

  /** Around a change of words that readers must not see half of. Locked. */
  beginChange(): void {
    Atomics.add(this.header, VERSION, 1);
  }

  endChange(): void {
    Atomics.add(this.header, VERSION, 1);
  }

  isEmpty(at: number): boolean {
    for (let i = 0; i < this.keyWidth; i++) if (this.words[at + i] !== 0) return false;
    return true;
  }

  private holdsKey(at: number): boolean {
    for (let i = 0; i < this.keyWidth; i++) if (this.words[at + i] !== this.key[i]) return false;
    return true;
  }

  private home2(k0: number, k1: number): number {
    return this.place(scatter(scatter(this.seed, k0), k1));
  }

  private home(words: Int32Array, at: number): number {
    let hash = this.seed;
    for (let i = 0; i < this.keyWidth; i++) hash = scatter(hash, words[at + i]);
    return this.place(hash);
  }

  /** The word index of a hash's first place; the last product brings all of it into the high bits, which are used. */
  private place(hash: number): number {
    return (((Math.imul(hash, 0x846ca68b) >>> this.shift) * this.eighths) >>> 6) * this.width;
  }
}

/** One word more. A constant, as functions are looked at again for every key. */
const scatter = (hash: number, word: number): number => {
  const product = Math.imul(hash ^ word, 0x7feb352d);
  return product ^ (product >>> 15);
};
