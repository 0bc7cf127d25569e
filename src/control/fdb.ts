/** The verbs of one link's forwarding table, as `bridge fdb` has them. */

import { FDB_FLAG } from '../tables/fdb.ts';
import { REMOTES_BUSY } from '../tables/remotes.ts';
import {
  addressOf,
  describeEntry,
  describeRemote,
  type FdbChange,
  type FdbOwner,
  type Key,
  type Place,
  parseFlags,
  parseKey,
  parsePlace,
} from './fdb-entry.ts';
import { type Matcher, matcherOf } from './fdb-filter.ts';
import type { FdbFilter, FdbItem, FdbNews } from './protocol.ts';
import { Refusal } from './refusal.ts';

/** The MAC of the default destinations. */
export const ALL_ZERO = '00:00:00:00:00:00';

type Verb = 'add' | 'append' | 'replace';

/** Who is told of what the verbs change. */
export interface FdbWatcher {
  readonly isWatched: boolean;
  changed(deleted: boolean, entry: FdbItem): void;
}

export class LinkFdb {
  private readonly owner: FdbOwner & FdbWatcher;

  constructor(owner: FdbOwner & FdbWatcher) {
    this.owner = owner;
  }

  /** A new entry: EEXIST where the MAC has one. */
  add(change: FdbChange): void {
    this.put(change, 'add');
  }

  /** The same, or one more destination of a group MAC or of the all-zero one. One that is there already stays. */
  append(change: FdbChange): void {
    this.put(change, 'append');
  }

  /** A new entry, or another destination of one; of unicast MACs only. */
  replace(change: FdbChange): void {
    this.put(change, 'replace');
  }

  /** Takes the destination `dst` out of an entry, and the entry with its last one; without `dst` all of it. */
  del(change: FdbChange): void {
    const { fdb, remotes } = this.owner.tables;
    const { mac, high, low } = parseKey(change.mac);
    const { dst, port, vni, src_vni, via } = change;
    const isOne = [dst, port, vni, src_vni, via].some((word) => word !== undefined);
    const gone = this.locked(() => {
      const entry = fdb.find(this.owner.index, high, low);
      if (entry < 0) throw new Refusal('ENOENT', `there is no entry ${mac}`);
      const all = this.destinations(entry);
      if (!isOne) return this.takeOut(entry, all, all);
      const one = remotes.find(this.owner.index, ...keyOf(parsePlace(change, this.owner)));
      if (all.includes(one)) return this.takeOut(entry, all, [one]);
      throw new Refusal('ENOENT', `there is no entry ${mac} dst ${dst}${others(change)}`);
    });
    this.tell(true, gone);
  }

  /** Takes out all that the filter means; how many destinations that were. */
  flush(filter: Omit<FdbFilter, 'dev'> = {}): number {
    const matcher = matcherOf(filter, this.owner);
    let count = 0;
    for (const entry of this.entries(filter.mac)) {
      const gone = this.locked(() => {
        const [all, going] = this.meant(entry, matcher);
        count += going.length;
        return going.length > 0 ? this.takeOut(entry, all, going) : [];
      });
      this.tell(true, gone);
    }
    return count;
  }

  get(mac: string): FdbItem[] {
    const items = [...this.list({ mac })];
    if (items.length === 0) throw new Refusal('ENOENT', `there is no entry ${mac}`);
    return items;
  }

  /**
   * The default destinations first. A table that changes meanwhile is shown as it was at some time between beginning
   * and end; an entry that was moved may come twice.
   */
  *list(filter: Omit<FdbFilter, 'dev'> = {}): Generator<FdbItem> {
    const show = this.shown(filter);
    for (const entry of this.entries(filter.mac)) yield* show(entry);
  }

  /** What an entry of the table comes to: none, if it is another link's, or not meant. */
  private shown(filter: Omit<FdbFilter, 'dev'>): (entry: number) => FdbItem[] {
    const matcher = matcherOf(filter, this.owner);
    return (entry) => this.locked(() => this.items(entry, this.meant(entry, matcher)[1]));
  }

  /** Those of many links of one table in one pass: the default destinations first, the rest in the table's order. */
  static *listTogether(all: readonly LinkFdb[], filter: Omit<FdbFilter, 'dev'> = {}): Generator<FdbItem> {
    if (all.length < 2 || filter.mac !== undefined) {
      for (const fdb of all) yield* fdb.list(filter);
      return;
    }
    const { fdb: table } = all[0].owner.tables;
    const shows = new Map(all.map((fdb) => [fdb.owner.index, fdb.shown(filter)]));
    for (const [index, show] of shows) {
      const first = table.find(index, 0, 0);
      if (first >= 0) yield* show(first);
    }
    for (const entry of table.entries()) {
      if (table.macHigh(entry) === 0 && table.macLow(entry) === 0) continue;
      yield* shows.get(table.link(entry))?.(entry) ?? [];
    }
  }

  /** The address of a remote, as events name it. */
  address(remote: number): string {
    return addressOf(remote, this.owner.tables);
  }

  /** An entry as the data path has told of it; `aged`: it is there no more. */
  itemOf(high: number, low: number, remote: number, aged: boolean): FdbNews {
    const { fdb } = this.owner.tables;
    const flags = this.locked(() => {
      const entry = aged ? -1 : fdb.find(this.owner.index, high, low);
      return entry < 0 ? FDB_FLAG.learned : fdb.flags(entry);
    });
    const entry = { ...describeEntry(high, low, flags), ...(aged && { state: 'stale' as const }) };
    return { dev: this.owner.name, ...entry, ...describeRemote(remote, this.owner), used: 0, updated: 0 };
  }

  private put(change: FdbChange, verb: Verb): void {
    const { fdb, remotes } = this.owner.tables;
    const key = parseKey(change.mac);
    const flags = parseFlags(change);
    const place = parsePlace(change, this.owner);
    if (verb === 'replace' && key.isList)
      throw new Refusal('EOPNOTSUPP', `replace is for unicast addresses, and ${key.mac} is none: use append`);
    const remote = this.acquire(place, change.dst);
    let isPlaced = false;
    try {
      const changed = this.locked(() => {
        const known = fdb.find(this.owner.index, key.high, key.low);
        isPlaced = known < 0 ? this.create(key, remote, flags) : this.place(known, key, remote, verb);
        const isRestated = known >= 0 && this.restate(known, flags, change.flags?.includes('use') ?? false);
        if (!this.owner.isWatched || (!isPlaced && !isRestated)) return [];
        return this.items(fdb.find(this.owner.index, key.high, key.low), [remote]);
      });
      this.tell(false, changed);
    } finally {
      if (!isPlaced) remotes.release(remote);
    }
  }

  /** Locked. True: the entry holds the remote. */
  private create({ mac, high, low, isList }: Key, remote: number, flags: number): true {
    const { fdb, floods, links } = this.owner.tables;
    const { index } = this.owner;
    if (!links.takeAddress(index)) throw new Refusal('ENOSPC', `no room for ${mac}: maxaddress is reached`);
    const list = !isList ? -1 : low === 0 && high === 0 ? index : floods.open();
    const hasList = !isList || (list >= 0 && floods.append(list, remote));
    if (hasList && fdb.insert(index, high, low, isList ? ~list : remote, flags, this.owner.clock()) >= 0)
      return true;
    if (list >= 0) floods.close(list);
    links.returnAddress(index);
    const full = hasList
      ? `fdb-size is ${fdb.table.capacity}, and as many are there`
      : 'the table of lists is full';
    throw new Refusal('ENOSPC', `no room for ${mac}: ${full}`);
  }

  /** Locked. True: the entry, which was there, holds the remote as well, or instead of another. */
  private place(entry: number, { mac, isList }: Key, remote: number, verb: Verb): boolean {
    const { fdb, floods, remotes } = this.owner.tables;
    if (verb === 'add') throw new Refusal('EEXIST', `${mac} has an entry already`);
    const known = this.destinations(entry);
    if (known.includes(remote)) return false;
    if (isList) {
      if (floods.append(~fdb.remote(entry), remote)) return true;
      throw new Refusal('ENOSPC', `no room for another destination of ${mac}`);
    }
    if (verb === 'append') {
      const where = this.address(known[0]);
      throw new Refusal('EOPNOTSUPP', `${mac} is unicast, and at ${where} already: use replace`);
    }
    fdb.moveTo(entry, remote, this.owner.clock());
    remotes.release(known[0]);
    return true;
  }

  /** Locked. What another program has learned takes over nothing that was made by hand. True: it is another now. */
  private restate(entry: number, flags: number, isInUse: boolean): boolean {
    const { fdb } = this.owner.tables;
    const before = fdb.flags(entry);
    const stays = (flags & FDB_FLAG.externLearn) !== 0 && (before & FDB_FLAG.byHand) !== 0;
    const isAnother = !stays && before !== flags;
    if (isAnother) fdb.setFlags(entry, flags, this.owner.clock());
    else if (isInUse) fdb.confirm(entry, this.owner.clock());
    return isAnother;
  }

  /** Locked. Returns what went, for those who watch. */
  private takeOut(entry: number, all: readonly number[], going: readonly number[]): FdbItem[] {
    const { fdb, floods, links, remotes } = this.owner.tables;
    const gone = this.owner.isWatched ? this.items(entry, going) : [];
    const to = fdb.remote(entry);
    if (going.length === all.length) {
      fdb.remove(entry);
      if (to < 0) floods.close(~to);
      links.returnAddress(this.owner.index);
    } else for (const remote of going) floods.remove(~to, remote);
    for (const remote of going) remotes.release(remote);
    return gone;
  }

  private destinations(entry: number): number[] {
    const { fdb, floods } = this.owner.tables;
    const to = fdb.remote(entry);
    return to < 0 ? floods.list(~to) : [to];
  }

  /** Locked. All destinations of an entry, if it is still the link's, and those that are meant. */
  private meant(entry: number, matcher: Matcher): [all: number[], meant: number[]] {
    const { fdb } = this.owner.tables;
    if (fdb.link(entry) !== this.owner.index || !matcher.entry(fdb.flags(entry))) return [[], []];
    const all = this.destinations(entry);
    return [all, all.filter((remote) => matcher.remote(remote))];
  }

  private items(entry: number, destinations: readonly number[]): FdbItem[] {
    const { fdb } = this.owner.tables;
    const now = this.owner.clock();
    const common = describeEntry(fdb.macHigh(entry), fdb.macLow(entry), fdb.flags(entry));
    const times = { used: now - fdb.used(entry), updated: now - fdb.updated(entry) };
    const dev = this.owner.name;
    return destinations.map((remote) => ({
      dev,
      ...common,
      ...describeRemote(remote, this.owner),
      ...times,
    }));
  }

  /** Where the link's entries are, or that of one MAC: each may be removed before the next is asked for. */
  private *entries(mac?: string): Generator<number> {
    const { fdb, links } = this.owner.tables;
    const { index } = this.owner;
    const { high, low } = parseKey(mac ?? ALL_ZERO);
    const first = fdb.find(index, high, low);
    if (first >= 0) yield first;
    if (mac !== undefined || links.addresses(index) === 0) return;
    for (const entry of fdb.entries()) {
      if (fdb.link(entry) !== index || (fdb.macHigh(entry) === 0 && fdb.macLow(entry) === 0)) continue;
      yield entry;
      if (links.addresses(index) === 0) return;
    }
  }

  private locked<T>(work: () => T): T {
    const { table } = this.owner.tables.fdb;
    table.lock();
    try {
      return work();
    } finally {
      table.unlock();
    }
  }

  private acquire(place: Place, dst: string | undefined): number {
    const { remotes } = this.owner.tables;
    let remote = REMOTES_BUSY;
    while (remote === REMOTES_BUSY) remote = remotes.acquire(this.owner.index, ...keyOf(place));
    if (remote >= 0) return remote;
    throw new Refusal('ENOSPC', `no room for the remote ${dst}: ${remotes.capacity} are in use`);
  }

  private tell(deleted: boolean, items: readonly FdbItem[]): void {
    if (this.owner.isWatched) for (const item of items) this.owner.changed(deleted, item);
  }
}

type RemoteKey = [number, number, number, number, port: number, vni: number, scope: number];

function keyOf({ ip, port, vni, scope }: Place): RemoteKey {
  return [ip[0], ip[1], ip[2], ip[3], port, vni, scope];
}

function others({ port, vni, via }: FdbChange): string {
  const words = Object.entries({ port, vni, via }).filter(([, value]) => value !== undefined);
  return words.map(([name, value]) => ` ${name} ${value}`).join('');
}
