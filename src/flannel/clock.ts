/** Time as a node sees it, so that tests can turn it. */

export interface Clock {
  /** Milliseconds since some moment; it never jumps, whatever is done to the machine's clock. */
  now(): number;
  /** Returns what calls it off. */
  after(milliseconds: number, work: () => void): () => void;
}

export const MONOTONIC: Clock = {
  now: () => performance.now(),
  after(milliseconds, work) {
    const timer = setTimeout(work, milliseconds);
    return () => clearTimeout(timer);
  },
};
