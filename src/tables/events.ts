/**
 * What the data path tells the control thread: learned, moved, aged, missed. A ring of fixed records in shared
 * memory, one writer at a time; when it is full the event is lost and counted, never waited for.
 *
 *   word 0  kind    word 1  link    words 2-3  MAC    words 4-7  IP, or remote in word 4
 */

export const EVENT = { learn: 1, move: 2, expire: 3, l2miss: 4, l3miss: 5 } as const;

const RECORD = 8;
const HEADER = 8;
const HEAD = 0;
const TAIL = 1;
const LOST = 2;
const ASLEEP = 3;
const LOCK = 4;

export class Events {
  readonly words: Int32Array;
  private readonly size: number;
  /** Called by the writer when the reader has drained everything and waits for a ring. */
  ring: () => void = () => {};

  constructor(memory: Int32Array) {
    this.words = memory;
    this.size = (memory.length - HEADER) / RECORD;
  }

  static allocate(size: number): Int32Array {
    return new Int32Array(new SharedArrayBuffer(4 * (HEADER + size * RECORD)));
  }

  push(kind: number, link: number, high: number, low: number, w0: number, w1 = 0, w2 = 0, w3 = 0): void {
    const words = this.words;
    if (Atomics.compareExchange(words, LOCK, 0, 1) !== 0) return this.lose();
    const head = words[HEAD];
    if (head - Atomics.load(words, TAIL) >= this.size) {
      Atomics.store(words, LOCK, 0);
      return this.lose();
    }
    const at = HEADER + (head % this.size) * RECORD;
    words[at] = kind;
    words[at + 1] = link;
    words[at + 2] = high;
    words[at + 3] = low;
    words[at + 4] = w0;
    words[at + 5] = w1;
    words[at + 6] = w2;
    words[at + 7] = w3;
    Atomics.store(words, HEAD, head + 1);
    Atomics.store(words, LOCK, 0);
    if (Atomics.exchange(words, ASLEEP, 0) === 1) this.ring();
  }

  /** Control thread: gives every record to `take` (words and offset, borrowed), then asks for a ring. */
  drain(take: (words: Int32Array, at: number) => void): void {
    Atomics.store(this.words, ASLEEP, 1);
    for (let tail = this.words[TAIL]; tail !== Atomics.load(this.words, HEAD); tail++) {
      take(this.words, HEADER + (tail % this.size) * RECORD);
      Atomics.store(this.words, TAIL, tail + 1);
    }
  }

  get lost(): number {
    return Atomics.load(this.words, LOST);
  }

  private lose(): void {
    Atomics.add(this.words, LOST, 1);
  }
}
