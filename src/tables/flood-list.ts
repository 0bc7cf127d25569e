/**
 * Default destinations: the all-zero MAC's remotes, one list a link. A list is a run of words in one arena,
 * first its length; a change writes a new run and then turns the link's word to it, so a worker reads the old
 * list or the new one, never a mixture.
 */

export interface FloodMemory {
  readonly arena: Int32Array;
  /** Per link: where its run begins; 0 = no destinations. */
  readonly heads: Int32Array;
}

export class FloodLists {
  readonly arena: Int32Array;
  private readonly heads: Int32Array;
  /** Runs by link that a worker may still be reading, freed at the next change of that link. */
  private readonly runs = new Map<number, { at: number; size: number }[]>();
  private readonly free: { at: number; size: number }[] = [];
  private top = 1;

  constructor(memory: FloodMemory) {
    this.arena = memory.arena;
    this.heads = memory.heads;
  }

  static allocate(links: number, words: number): FloodMemory {
    return {
      arena: new Int32Array(new SharedArrayBuffer(4 * words)),
      heads: new Int32Array(new SharedArrayBuffer(4 * (links + 1))),
    };
  }

  /** Where the link's run begins: `arena[head]` remotes follow. `arena[0]` is 0: a link without any. */
  head(link: number): number {
    return this.heads[link];
  }

  list(link: number): number[] {
    const head = this.head(link);
    return Array.from(this.arena.subarray(head + 1, head + 1 + this.arena[head]));
  }

  /** Control thread only. */
  set(link: number, remotes: readonly number[]): void {
    const size = remotes.length + 1;
    const at = remotes.length === 0 ? 0 : this.take(size);
    if (at > 0) {
      this.arena[at] = remotes.length;
      this.arena.set(remotes, at + 1);
    }
    Atomics.store(this.heads, link, at);
    const runs = this.runs.get(link) ?? [];
    // two generations: the run before the last is read by nobody any more
    while (runs.length > 1) this.free.push(runs.shift() as { at: number; size: number });
    if (at > 0) runs.push({ at, size });
    this.runs.set(link, runs);
  }

  private take(size: number): number {
    const fitting = this.free.findIndex((run) => run.size >= size);
    if (fitting >= 0) return this.free.splice(fitting, 1)[0].at;
    if (this.top + size > this.arena.length) {
      throw new Error(
        `no room for ${size - 1} more default destinations (${this.arena.length} words are in use)`,
      );
    }
    const at = this.top;
    this.top += size;
    return at;
  }
}
