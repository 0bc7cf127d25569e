/**
 * Chance with a seed, for more cases than fast-check makes in the time. A round has a seed of its own, so that the one
 * that failed can be run alone: VTEP_SEED=<what the failure says>. Without it the cases are the same each time, and
 * VTEP_SEED=$RANDOM brings others. VTEP_CASES is how many there are at most.
 */

export const FIRST_SEED = Number(process.env.VTEP_SEED ?? 1);
const CASES_MOST = Number(process.env.VTEP_CASES ?? Number.POSITIVE_INFINITY);

export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed | 0;
  }

  /** mulberry32, from 0 up to `end`, without it */
  below(end: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * end);
  }

  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** True once in `times`. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(all: readonly T[]): T {
    return all[this.below(all.length)];
  }

  list<T>(count: number, make: (i: number) => T): T[] {
    return Array.from({ length: count }, (_, i) => make(i));
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let i = 0; i < count; i++) bytes[i] = this.below(256);
    return bytes;
  }
}

/** Rounds until so many cases were seen; a round says how many it had. */
export async function rounds(
  cases: number,
  round: (random: Random) => number | Promise<number>,
): Promise<void> {
  const end = Math.min(cases, CASES_MOST);
  let seed = FIRST_SEED;
  try {
    for (let seen = 0; seen < end; seed++) seen += await round(new Random(seed));
  } catch (error) {
    throw new Error(`VTEP_SEED=${seed}: ${(error as Error).message}`, { cause: error });
  }
}
