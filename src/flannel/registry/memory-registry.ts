/**
 * A registry in memory, for simulations and tests: many nodes of one process share one store. Its leases end by the
 * clock that the store was given, seen at the next call of any method, or of `expire`.
 */
import {
  type Change,
  type Entry,
  type Registry,
  RegistryError,
  type Snapshot,
  type Watching,
  type WatchListener,
} from './registry.ts';

interface Held {
  readonly entry: Entry;
  /** By the store's clock; Infinity: it does not end by itself. */
  readonly endsAt: number;
}

interface Watcher {
  readonly listener: WatchListener;
  /** How many changes of the store's whole history it was told, or does not want to be. */
  told: number;
}

export class MemoryStore {
  private readonly clock: { now(): number };
  private readonly held = new Map<string, Held>();
  private readonly watchers = new Set<Watcher>();
  private config: string | undefined;
  private revision = 1;
  /** When the first of them ends, or earlier: most calls need not look at all of them. */
  private firstEnd = Number.POSITIVE_INFINITY;
  private history: Change[] = [];
  /** How many changes were before those of `history`. */
  private forgotten = 0;
  private compacted = 0;
  private isTelling = false;

  /** `clock` tells milliseconds. */
  constructor(clock: { now(): number } = Date) {
    this.clock = clock;
  }

  /** As one more node sees it. */
  registry(name = 'the registry in memory'): MemoryRegistry {
    return new MemoryRegistry(this, name);
  }

  read(): Snapshot {
    this.expire();
    const entries = Array.from(this.held.values(), ({ entry }) => entry);
    return { revision: this.revision, config: this.config, entries };
  }

  /** Undefined: the key stands as at another revision; 0 is that of a key that is not there. */
  put(key: string, value: string, ttl: number, revision: number): number | undefined {
    this.expire();
    if ((this.held.get(key)?.entry.revision ?? 0) !== revision) return undefined;
    const entry = { key, value, revision: ++this.revision };
    const endsAt = this.clock.now() + ttl * 1000;
    this.held.set(key, { entry, endsAt });
    this.firstEnd = Math.min(this.firstEnd, endsAt);
    this.tell({ what: 'put', entry });
    return entry.revision;
  }

  remove(key: string, revision: number): boolean {
    this.expire();
    if (this.held.get(key)?.entry.revision !== revision) return false;
    this.drop(key);
    return true;
  }

  timeLeft(key: string): number | undefined {
    this.expire();
    const held = this.held.get(key);
    return held && Math.ceil((held.endsAt - this.clock.now()) / 1000);
  }

  writeConfig(value: string, force: boolean): boolean {
    if (this.config !== undefined && !force) return false;
    this.config = value;
    this.tell({ what: 'config', value, revision: ++this.revision });
    return true;
  }

  watch(revision: number, listener: WatchListener): Watching {
    let known = this.history.length;
    while (known > 0 && revisionOf(this.history[known - 1]) > revision) known--;
    const watcher = { listener, told: this.forgotten + known };
    this.watchers.add(watcher);
    const isLost = revision + 1 < this.compacted || revision > this.revision;
    if (isLost) setImmediate(() => this.end(watcher, `what came after revision ${revision} is not known`));
    else this.tellSoon();
    return { stop: () => void this.watchers.delete(watcher) };
  }

  /** The leases whose time is over go. */
  expire(): void {
    const now = this.clock.now();
    if (now < this.firstEnd) return;
    this.firstEnd = Number.POSITIVE_INFINITY;
    for (const [key, { endsAt }] of this.held) {
      if (endsAt <= now) this.drop(key);
      else this.firstEnd = Math.min(this.firstEnd, endsAt);
    }
  }

  /** Forgets what was before now: who watches and is not there yet has to read again. */
  compact(): void {
    this.compacted = this.revision;
    this.forgotten += this.history.length;
    this.history = [];
    for (const watcher of [...this.watchers]) {
      if (watcher.told < this.forgotten) this.end(watcher, 'what came next was compacted');
    }
  }

  /** All that it knows is lost. */
  wipe(): void {
    this.held.clear();
    this.config = undefined;
    this.revision = 1;
    this.compacted = 0;
    this.forgotten += this.history.length;
    this.history = [];
    for (const watcher of [...this.watchers]) this.end(watcher, 'all that was known is lost');
  }

  private drop(key: string): void {
    this.held.delete(key);
    this.tell({ what: 'gone', key, revision: ++this.revision });
  }

  private end(watcher: Watcher, reason: string): void {
    if (this.watchers.delete(watcher)) watcher.listener.ended(reason);
  }

  private tell(change: Change): void {
    this.history.push(change);
    this.tellSoon();
  }

  /** Later, as a network does; whatever was changed meanwhile is told in one piece, the same to all who are as far. */
  private tellSoon(): void {
    if (this.isTelling) return;
    this.isTelling = true;
    setImmediate(() => {
      this.isTelling = false;
      const whole = this.forgotten + this.history.length;
      const pieces = new Map<number, readonly Change[]>();
      for (const watcher of [...this.watchers]) {
        if (watcher.told >= whole || !this.watchers.has(watcher)) continue;
        const piece = pieces.get(watcher.told) ?? this.history.slice(watcher.told - this.forgotten);
        pieces.set(watcher.told, piece);
        watcher.told = whole;
        watcher.listener.changes(piece);
      }
    });
  }
}

const revisionOf = (change: Change) => (change.what === 'put' ? change.entry.revision : change.revision);

export class MemoryRegistry implements Registry {
  readonly name: string;
  private readonly store: MemoryStore;
  private readonly listeners = new Map<Watching, WatchListener>();
  /** Why this node does not reach it. */
  private reason: string | undefined;

  constructor(store: MemoryStore, name: string) {
    this.store = store;
    this.name = name;
  }

  async read(): Promise<Snapshot> {
    return this.reached().read();
  }

  async create(key: string, value: string, ttl: number): Promise<number | undefined> {
    return this.reached().put(key, value, ttl, 0);
  }

  async renew(key: string, value: string, ttl: number, revision: number): Promise<number | undefined> {
    return this.reached().put(key, value, ttl, revision);
  }

  async remove(key: string, revision: number): Promise<boolean> {
    return this.reached().remove(key, revision);
  }

  async timeLeft(key: string): Promise<number | undefined> {
    return this.reached().timeLeft(key);
  }

  async writeConfig(value: string, force: boolean): Promise<boolean> {
    return this.reached().writeConfig(value, force);
  }

  watch(revision: number, listener: WatchListener): Watching {
    const inner = this.store.watch(revision, {
      changes: (changes) => listener.changes(changes),
      ended: (reason) => {
        this.listeners.delete(watching);
        listener.ended(reason);
      },
    });
    const watching: Watching = {
      stop: () => {
        this.listeners.delete(watching);
        inner.stop();
      },
    };
    this.listeners.set(watching, listener);
    if (this.reason !== undefined) setImmediate(() => this.cut(watching));
    return watching;
  }

  /** As a partition of this node alone: nothing is answered, and its watches end. */
  goAway(reason: string): void {
    this.reason = reason;
    for (const watching of [...this.listeners.keys()]) this.cut(watching);
  }

  comeBack(): void {
    this.reason = undefined;
  }

  close(): void {
    for (const watching of [...this.listeners.keys()]) watching.stop();
    this.reason = 'it was closed';
  }

  private cut(watching: Watching): void {
    const listener = this.listeners.get(watching);
    watching.stop();
    listener?.ended(this.reason ?? 'it was away');
  }

  private reached(): MemoryStore {
    if (this.reason !== undefined) throw new RegistryError(`${this.name}: ${this.reason}`);
    return this.store;
  }
}
