/**
 * Follows a registry: reads all of it, then watches what changes, and reads all of it again whenever the watch has
 * ended. While the registry is away it is asked again later and later, never at the same moment as all others.
 */

import type { Clock } from '../clock.ts';
import type { Change, Registry, Snapshot, Watching } from './registry.ts';

const FIRST_MS = 500;
const MOST_MS = 30_000;
/** A watch that lived so long was a good one: what ended it is looked into at once. */
const LIVED_MS = 10_000;

export interface Following {
  /** All of it: at the beginning, and whenever changes may have been missed. */
  snapshot(snapshot: Snapshot): void;
  changes(changes: readonly Change[]): void;
}

export interface FollowerOptions {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly following: Following;
  readonly say: (level: 'warn' | 'info', sentence: string) => void;
  /** From 0 to 1; for the pauses. */
  readonly random?: () => number;
}

export class Follower {
  private readonly options: FollowerOptions;
  private readonly random: () => number;
  private watching: Watching | undefined;
  private callOff: () => void = () => {};
  /** Why it is away; undefined: it is not. */
  private why: string | undefined;
  private last: number | undefined;
  private tries = 0;
  private isStopped = false;

  constructor(options: FollowerOptions) {
    this.options = options;
    this.random = options.random ?? Math.random;
  }

  /** Undefined: the registry was heard when it was last asked. */
  get away(): string | undefined {
    return this.why;
  }

  /** When it was last heard, by the clock. */
  get lastContact(): number | undefined {
    return this.last;
  }

  start(): void {
    void this.readAll();
  }

  /** Whoever has seen by another way that it lives or not. */
  heard(): void {
    this.last = this.options.clock.now();
  }

  /** Reads all of it again now, whatever goes on. */
  again(): void {
    if (this.isStopped) return;
    this.rest();
    void this.readAll();
  }

  stop(): void {
    this.isStopped = true;
    this.rest();
  }

  private rest(): void {
    this.callOff();
    this.watching?.stop();
    this.watching = undefined;
  }

  private async readAll(): Promise<void> {
    const { registry, following } = this.options;
    try {
      const snapshot = await registry.read();
      if (this.isStopped || this.watching) return;
      this.back();
      following.snapshot(snapshot);
      this.watch(snapshot.revision);
    } catch (error) {
      if (!this.isStopped) this.fail((error as Error).message);
    }
  }

  private watch(revision: number): void {
    const { registry, clock, following } = this.options;
    const began = clock.now();
    this.watching = registry.watch(revision, {
      changes: (changes) => {
        this.heard();
        following.changes(changes);
      },
      heard: () => this.heard(),
      ended: () => {
        this.watching = undefined;
        if (this.isStopped) return;
        if (clock.now() - began > LIVED_MS) this.tries = 0;
        // why it ended is told if it cannot be read either: most ends are nobody's business
        this.later(this.tries++ === 0 ? 0 : this.pause());
      },
    });
  }

  private back(): void {
    const { registry, say } = this.options;
    this.heard();
    if (this.why === undefined) return;
    say('info', `${registry.name} answers again`);
    this.why = undefined;
    this.tries = 0;
  }

  private fail(sentence: string): void {
    const { say } = this.options;
    this.tries++;
    if (this.why === undefined)
      say('warn', `${sentence}; it is waited for, and all that is known stays as it is`);
    this.why = sentence;
    this.later(this.pause());
  }

  private pause(): number {
    return Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(this.tries - 1, 16)) * (0.5 + this.random() / 2);
  }

  private later(milliseconds: number): void {
    this.callOff();
    this.callOff = this.options.clock.after(milliseconds, () => void this.readAll());
  }
}
