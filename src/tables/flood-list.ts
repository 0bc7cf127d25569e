/**
 * Lists of remotes that frames are flooded to: the default destinations, list `link` of each link, and those of group
 * MACs, which the forwarding table points to. A list is a run of words in one arena, first its length. What is appended
 * is written behind the end, then the length; any other change writes a new run and then turns the list's word to it. So
 * a worker reads the old list or the new one, never a mixture.
 */

import type { Rounds } from './rounds.ts';

export interface FloodMemory {
  readonly arena: Int32Array;
  /** Per list: where its run begins; 0 = no destinations. */
  readonly heads: Int32Array;
  readonly links: number;
}

interface Run {
  at: number;
  /** A power of two. */
  size: number;
}

/** What a worker may still be reading: a run, or the number of a list. */
type Left = { since: number[] } & ({ run: Run } | { list: number });

export class FloodLists {
  readonly arena: Int32Array;
  private readonly heads: Int32Array;
  private readonly rounds: Rounds;
  /** By list: the run in use. */
  private readonly runs = new Map<number, Run>();
  /** The oldest first. */
  private readonly left: Left[] = [];
  /** By size. */
  private readonly free = new Map<number, number[]>();
  private readonly freeLists: number[] = [];
  private top = 1;
  private readonly links: number;
  private nextList: number;

  constructor(memory: FloodMemory, rounds: Rounds) {
    this.arena = memory.arena;
    this.heads = memory.heads;
    this.rounds = rounds;
    this.links = memory.links;
    this.nextList = memory.links + 1;
  }

  /** Lists of `links` links and of `groups` group MACs, in `words` words. */
  static allocate(links: number, words: number, groups = 0): FloodMemory {
    return {
      arena: new Int32Array(new SharedArrayBuffer(4 * words)),
      heads: new Int32Array(new SharedArrayBuffer(4 * (links + groups + 1))),
      links,
    };
  }

  /** Where a list's run begins: `arena[head]` remotes follow. `arena[0]` is 0: a list without any. */
  head(list: number): number {
    return this.heads[list];
  }

  list(list: number): number[] {
    const head = this.head(list);
    return Array.from(this.arena.subarray(head + 1, head + 1 + this.arena[head]));
  }

  /** Control thread only, as all below. The number of an empty list for a group MAC, or -1: there are no more. */
  open(): number {
    this.collect();
    return this.freeLists.shift() ?? (this.nextList < this.heads.length ? this.nextList++ : -1);
  }

  /** Nothing leads there any more. */
  close(list: number): void {
    this.set(list, []);
    if (list > this.links) this.left.push({ list, since: this.rounds.now() });
  }

  /** False: there is no room. */
  set(list: number, remotes: readonly number[]): boolean {
    const run = remotes.length === 0 ? undefined : this.take(remotes.length + 1);
    if (!run && remotes.length > 0) return false;
    if (run) {
      this.arena[run.at] = remotes.length;
      this.arena.set(remotes, run.at + 1);
    }
    Atomics.store(this.heads, list, run?.at ?? 0);
    const before = this.runs.get(list);
    if (before) this.left.push({ run: before, since: this.rounds.now() });
    if (run) this.runs.set(list, run);
    else this.runs.delete(list);
    return true;
  }

  /** False: there is no room. */
  append(list: number, remote: number): boolean {
    const run = this.runs.get(list);
    const length = run ? this.arena[run.at] + 1 : 0;
    if (!run || length === run.size) return this.set(list, [...this.list(list), remote]);
    this.arena[run.at + length] = remote;
    Atomics.store(this.arena, run.at, length);
    return true;
  }

  /** Needs no room: without any, a worker in the midst of the list may send to its last remote twice. */
  remove(list: number, remote: number): void {
    const now = this.list(list);
    const run = this.runs.get(list);
    const at = now.indexOf(remote);
    if (!run || at < 0 || this.set(list, now.toSpliced(at, 1))) return;
    Atomics.store(this.arena, run.at + 1 + at, now[now.length - 1]);
    Atomics.store(this.arena, run.at, now.length - 1);
  }

  /** Of a size that leaves a list room to grow. */
  private take(words: number): Run | undefined {
    this.collect();
    const size = 2 ** Math.ceil(Math.log2(words));
    const used = this.places(size).shift();
    if (used !== undefined) return { at: used, size };
    if (this.top + size > this.arena.length) return undefined;
    const at = this.top;
    this.top += size;
    return { at, size };
  }

  /** Free runs of a size. */
  private places(size: number): number[] {
    const places = this.free.get(size) ?? [];
    this.free.set(size, places);
    return places;
  }

  /** What no worker can be reading any more is free. */
  private collect(): void {
    for (let next = this.left[0]; next && this.rounds.havePassed(next.since); next = this.left[0]) {
      this.left.shift();
      if ('list' in next) this.freeLists.push(next.list);
      else this.places(next.run.size).push(next.run.at);
    }
  }
}
