/**
 * Where the nodes of a flannel network find each other, behind one narrow interface: a config, and a lease for each
 * subnet, in an order that one growing revision tells. What the values mean is nothing to a registry.
 */

/** A lease as it stands there. */
export interface Entry {
  /** The last part of its key: `10.5.52.0-24`, `10.5.52.0-24&2001:cafe:42:3::-64`. */
  readonly key: string;
  /** Undefined: it is there, but larger than anything that a node would write, and was not read. */
  readonly value: string | undefined;
  /** When it was last written. */
  readonly revision: number;
}

/** All of it, as it stood at one revision. */
export interface Snapshot {
  readonly revision: number;
  /** Undefined: nobody has written one yet. */
  readonly config: string | undefined;
  readonly entries: readonly Entry[];
}

export type Change =
  | { readonly what: 'config'; readonly value: string | undefined; readonly revision: number }
  | { readonly what: 'put'; readonly entry: Entry }
  /** Given back, or run out. */
  | { readonly what: 'gone'; readonly key: string; readonly revision: number };

export interface WatchListener {
  /** In order, each once. */
  changes(changes: readonly Change[]): void;
  /** The registry was asked and answers, though nothing may have changed. */
  heard?(): void;
  /** Nothing more comes, for whatever reason: read all of it again, then watch from there. Once; not after `stop`. */
  ended(reason: string): void;
}

export interface Watching {
  stop(): void;
}

/** A failure of the registry itself, in a sentence: it is away, it refused us. All methods may end with it. */
export class RegistryError extends Error {}

export interface Registry {
  /** What it is called in sentences: `etcd at http://10.0.0.1:2379`. */
  readonly name: string;
  read(): Promise<Snapshot>;
  /** A lease that ends by itself after `ttl` seconds. Its revision; undefined: somebody has that key. */
  create(key: string, value: string, ttl: number): Promise<number | undefined>;
  /** Writes it again with a new time, if it still stands as at `revision`. Undefined: it does not. */
  renew(key: string, value: string, ttl: number, revision: number): Promise<number | undefined>;
  /** If it still stands as at `revision`. False: it does not. */
  remove(key: string, revision: number): Promise<boolean>;
  /** Seconds until it ends by itself; undefined: it does not, or is not there. */
  timeLeft(key: string): Promise<number | undefined>;
  /** False: there is one, and `force` was not said. */
  writeConfig(value: string, force: boolean): Promise<boolean>;
  /** What was changed after `revision`. It finds out by itself when the registry has gone silent, and ends then. */
  watch(revision: number, listener: WatchListener): Watching;
  close(): void;
}
