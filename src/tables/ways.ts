/**
 * The ways that superframes leave by as they are (`native/outlet.h`): one for each remote, found by the control thread
 * when a worker wants it. When routes change, all of them are wanted anew.
 */

/** Words of the head, and of each row behind it. */
const HEAD = { now: 0, wanted: 1, outlet: 2, used: 3 } as const;
const HEAD_WORDS = 16;
const ROW = { asOf: 0, mtu: 1, device: 2, link: 3, scope: 4, to: 5, source: 9 } as const;
const ROW_WORDS = 16;
const WANTED = -1;
/** Wanted, and the control thread knows. */
const TOLD = 2;
/** In place of a descriptor. */
export const CLOSED = -1;

export interface Way {
  /** Index of the interface. */
  readonly device: number;
  readonly mtu: number;
  readonly source: Int32Array;
}

/** Whose way it is: places of remotes are given to others. */
export interface Owner {
  readonly link: number;
  readonly scope: number;
  readonly to: Int32Array;
}

export class Ways {
  readonly words: Int32Array;

  constructor(words: Int32Array) {
    this.words = words;
  }

  static allocate(remotes: number): Int32Array {
    const words = new Int32Array(new SharedArrayBuffer(4 * (HEAD_WORDS + ROW_WORDS * remotes)));
    words[HEAD.now] = 1; // rows begin with 0: they are of older routes
    words[HEAD.outlet] = CLOSED;
    return words;
  }

  /** The descriptor that superframes leave by. */
  get outlet(): number {
    return Atomics.load(this.words, HEAD.outlet);
  }

  set outlet(fd: number) {
    Atomics.store(this.words, HEAD.outlet, fd);
  }

  /** Whether any has left since this was asked last. */
  wereUsed(): boolean {
    return Atomics.exchange(this.words, HEAD.used, 0) !== 0;
  }

  /** The routes have changed. */
  forget(): void {
    Atomics.add(this.words, HEAD.now, 1);
  }

  /** The routes as they are now: to be taken before they are asked. */
  get now(): number {
    return Atomics.load(this.words, HEAD.now);
  }

  /** Worker: whether any is wanted, and nobody has told so. */
  areWanted(): boolean {
    const { words } = this;
    return words[HEAD.wanted] === 1 && Atomics.compareExchange(words, HEAD.wanted, 1, TOLD) === 1;
  }

  /** Control thread, before it looks which ones. */
  hear(): void {
    Atomics.store(this.words, HEAD.wanted, 0);
  }

  isWanted(remote: number): boolean {
    return Atomics.load(this.words, HEAD_WORDS + remote * ROW_WORDS + ROW.asOf) === WANTED;
  }

  /** Undefined: there is none, as the routes are. */
  put(remote: number, asOf: number, { link, scope, to }: Owner, way: Way | undefined): void {
    const { words } = this;
    const at = HEAD_WORDS + remote * ROW_WORDS;
    Atomics.store(words, at + ROW.asOf, 0);
    words[at + ROW.device] = way?.device ?? 0;
    words[at + ROW.mtu] = way?.mtu ?? 0;
    words[at + ROW.link] = link;
    words[at + ROW.scope] = scope;
    words.set(to, at + ROW.to);
    if (way) words.set(way.source, at + ROW.source);
    Atomics.store(words, at + ROW.asOf, asOf);
  }
}
