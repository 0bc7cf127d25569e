/**
 * A hash table of int32 words in shared memory: open addressing with linear probing, fixed capacity, no rehash.
 * An entry is `width` words, the first `keyWidth` of them its key; a key whose words are all zero means "empty".
 *
 * One writer at a time (`tryLock`), readers take no lock. A reader that finds its key has an entry that was
 * whole when written; one that misses while an entry was being moved sees the version change and looks again.
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
  /** The key that the general look-ups work with; set before each. */
  readonly key: Int32Array;
  private readonly header: Int32Array;
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
    this.key = new Int32Array(keyWidth);
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
    for (;;) {
      // read plainly, as a call to Atomics costs as much as the look-up; a miss alone needs to be sure
      const version = header[VERSION];
      let at = this.home2(k0, k1);
      const end = at + PROBES * width;
      for (; at < end; at += width) {
        const w0 = words[at];
        const w1 = words[at + 1];
        if (w0 === k0 && w1 === k1) return at;
        if (w0 === 0 && w1 === 0) break;
      }
      if (Atomics.load(header, VERSION) === version) return -1;
    }
  }

  /** Word index of the entry whose key stands in `key`, or -1. */
  find(): number {
    for (;;) {
      const version = this.header[VERSION];
      let at = this.home(this.key, 0);
      const end = at + PROBES * this.width;
      for (; at < end; at += this.width) {
        if (this.holdsKey(at)) return at;
        if (this.isEmpty(at)) break;
      }
      if (Atomics.load(this.header, VERSION) === version) return -1;
    }
  }

  /** Makes an entry for the key in `key` and returns its word index, or -1: full. Locked; the key is not there yet. */
  insert(): number {
    if (this.header[COUNT] >= this.capacity) return -1;
    let at = this.home(this.key, 0);
    const end = at + PROBES * this.width;
    while (at < end && !this.isEmpty(at)) at += this.width;
    if (at >= end) return -1;
    for (let i = this.keyWidth; i < this.width; i++) this.words[at + i] = 0;
    // the key goes in from its end: a reader that sees the first word sees a whole entry, or none
    for (let i = this.keyWidth - 1; i >= 0; i--) Atomics.store(this.words, at + i, this.key[i]);
    this.header[COUNT]++;
    return at;
  }

  /** Removes the entry at a word index, and moves up those behind it that would be cut off. Locked. */
  remove(at: number): void {
    const words = this.words;
    const width = this.width;
    let hole = at;
    Atomics.add(this.header, VERSION, 1);
    for (let next = hole + width; next < words.length && !this.isEmpty(next); next += width) {
      if (this.home(words, next) > hole) continue;
      words.copyWithin(hole, next, next + width);
      hole = next;
    }
    words.fill(0, hole, hole + width);
    this.header[COUNT]--;
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
