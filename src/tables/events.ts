/**
 * What the data path tells the control thread: learned, moved, aged, missed. A ring of fixed records in shared
 * memory, several writers and one reader; when it is full the event is lost and counted, never waited for.
 *
 *   word 0  kind; 0 until the record is whole     word 1  link     words 2-3  MAC     words 4-7  IP, or remote in word 4
 */

export const EVENT = { learn: 1, move: 2, expire: 3, l2miss: 4, l3miss: 5 } as const;

const RECORD = 8;
const HEADER = 8;
const HEAD = 0;
const TAIL = 1;
const LOST = 2;
const ASLEEP = 3;

export class Events {
  readonly words: Int32Array;
  /** A power of two, as HEAD and TAIL run on for ever. */
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
    const at = this.claim();
    if (at < 0) return void Atomics.add(words, LOST, 1);
    words[at + 1] = link;
    words[at + 2] = high;
    words[at + 3] = low;
    words[at + 4] = w0;
    words[at + 5] = w1;
    words[at + 6] = w2;
    words[at + 7] = w3;
    Atomics.store(words, at, kind);
    if (Atomics.exchange(words, ASLEEP, 0) === 1) this.ring();
  }

  /** Control thread: gives every record to `take` (words and offset, borrowed), then asks for a ring. */
  drain(take: (words: Int32Array, at: number) => void): void {
    const { words } = this;
    Atomics.store(words, ASLEEP, 1);
    for (let tail = words[TAIL]; ; tail = (tail + 1) | 0) {
      const at = this.place(tail);
      // nothing more, or a record whose writer will ring when it is whole
      if (Atomics.load(words, at) === 0) return;
      take(words, at);
      Atomics.store(words, at, 0);
      Atomics.store(words, TAIL, (tail + 1) | 0);
    }
  }

  get lost(): number {
    return Atomics.load(this.words, LOST);
  }

  /** A record of the caller's own, or -1: the ring is full. */
  private claim(): number {
    const { words, size } = this;
    for (;;) {
      const head = Atomics.load(words, HEAD);
      if (((head - Atomics.load(words, TAIL)) | 0) >= size) return -1;
      if (Atomics.compareExchange(words, HEAD, head, (head + 1) | 0) === head) return this.place(head);
    }
  }

  private place(count: number): number {
    return HEADER + (count & (this.size - 1)) * RECORD;
  }
}
