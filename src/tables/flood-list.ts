/**
 * Default destinations: the all-zero MAC's remotes, one list a link. A list is a run of words in one arena,
 * first its length; a change writes a new run and then turns the link's word to it, so a worker reads the old
 * list or the new one, never a mixture.
 */

import type { Rounds } from './rounds.ts';

export interface FloodMemory {
  readonly arena: Int32Array;
  /** Per link: where its run begins; 0 = no destinations. */
  readonly heads: Int32Array;
}

interface Run {
  at: number;
  size: number;
}

export class FloodLists {
  readonly arena: Int32Array;
  private readonly heads: Int32Array;
  private readonly rounds: Rounds;
  /** By link: the run in use. */
  private readonly runs = new Map<number, Run>();
  /** Runs that a worker may still be reading. */
  private left: { run: Run; since: number[] }[] = [];
  private readonly free: Run[] = [];
  private top = 1;

  constructor(memory: FloodMemory, rounds: Rounds) {
    this.arena = memory.arena;
    this.heads = memory.heads;
    this.rounds = rounds;
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
    const before = this.runs.get(link);
    if (before) this.left.push({ run: before, since: this.rounds.now() });
    if (at > 0) this.runs.set(link, { at, size });
    else this.runs.delete(link);
  }

  private take(size: number): number {
    this.left = this.left.filter(({ run, since }) => {
      const isFree = this.rounds.havePassed(since);
      if (isFree) this.free.push(run);
      return !isFree;
    });
    this.join();
    const fitting = this.free.findIndex((run) => run.size >= size);
    if (fitting >= 0) {
      const [run] = this.free.splice(fitting, 1);
      if (run.size > size) this.free.push({ at: run.at + size, size: run.size - size });
      return run.at;
    }
    if (this.top + size > this.arena.length) {
      throw new Error(
        `no room for ${size - 1} more default destinations (${this.arena.length} words are in use)`,
      );
    }
    const at = this.top;
    this.top += size;
    return at;
  }

  /** Free runs that lie side by side become one: a list that grows by one each time fits none of its old places. */
  private join(): void {
    const runs = this.free.splice(0).sort((a, b) => a.at - b.at);
    for (const run of runs) {
      const last = this.free.at(-1);
      if (last && last.at + last.size === run.at) last.size += run.size;
      else this.free.push(run);
    }
  }
}
