/**
 * Quiescent points. A worker reads indices out of the tables (of a remote, of a flood list) and uses them until its
 * batch has left; the control thread gives such a place to something else only after every worker has passed a moment
 * at which it held none. A word for each worker: odd, and still, while it carries or holds frames.
 */

/** Each worker's word has cache lines of its own. */
const STRIDE = 32;

export class Rounds {
  private readonly words: Int32Array;
  private readonly own: number;

  constructor(memory: Int32Array, worker = 0) {
    this.words = memory;
    this.own = worker * STRIDE;
  }

  static allocate(workers: number): Int32Array {
    return new Int32Array(new SharedArrayBuffer(4 * STRIDE * workers));
  }

  /** The worker goes to the tables; no matter if it was there. */
  begin(): void {
    if (this.words[this.own] % 2 === 0) Atomics.add(this.words, this.own, 1);
  }

  /** The worker holds nothing any more. */
  end(): void {
    if (this.words[this.own] % 2 !== 0) Atomics.add(this.words, this.own, 1);
  }

  /** What `havePassed` is asked about: to be taken after the place can no longer be found. */
  now(): number[] {
    return Array.from({ length: this.words.length / STRIDE }, (_, worker) =>
      Atomics.load(this.words, worker * STRIDE),
    );
  }

  /** Whether no worker can hold any more what was taken out of the tables before. */
  havePassed(before: readonly number[]): boolean {
    return this.now().every((round, worker) => (before[worker] ?? 0) % 2 === 0 || round !== before[worker]);
  }
}
