/** What moves frames: the workers of the native transport, or Node's loop. Both come with the same handle. */

export interface Engine {
  /** Resolves when it has ended: with what went wrong, or undefined after `stop`. */
  readonly ended: Promise<string | undefined>;
  stop(): Promise<void>;
}

/** Seconds of the monotonic clock, as a worker's wait reports them. */
export function monotonicSeconds(): number {
  return Number(process.hrtime.bigint() / 1_000_000_000n);
}
