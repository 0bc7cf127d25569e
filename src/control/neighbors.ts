/** The verbs of one link's neighbours: what the proxy answers by, beside what the kernel's table of the TAP says. */

import {
  NEIGHBOR_KERNEL,
  NEIGHBOR_ROUTER,
  NEIGHBOR_SNOOPED,
  NEIGHBOR_UNRESOLVED,
} from '../tables/neighbors.ts';
import type { Tables } from '../tables/tables.ts';
import { formatIp, formatMac, type Mac, parseIp, parseMac } from '../wire/address.ts';
import type { NeighArgs, NeighItem } from './protocol.ts';
import { Refusal } from './refusal.ts';

/** What a verb is given; the link is the one whose table it is. */
export type NeighborChange = Omit<NeighArgs, 'dev'>;

/** What the verbs know of their link, and whom they tell. */
export interface NeighborOwner {
  readonly tables: Tables;
  readonly index: number;
  readonly name: string;
  readonly isWatched: boolean;
  clock(): number;
  neighborChanged(deleted: boolean, neighbor: NeighItem): void;
}

/** An entry in words, as the table has it. */
interface Entry {
  readonly ip: Int32Array;
  readonly high: number;
  readonly low: number;
  readonly flags: number;
}

export class LinkNeighbors {
  private readonly owner: NeighborOwner;
  /** What the kernel's table says of those set by hand, for when they are taken back. */
  private readonly shadowed = new Map<string, Entry>();

  constructor(owner: NeighborOwner) {
    this.owner = owner;
  }

  /** A new entry; over one that was only heard of it wins. */
  add(change: NeighborChange): void {
    const entry = parse(change);
    if (this.find(entry.ip)?.state === 'permanent')
      throw new Refusal('EEXIST', `${change.ip} is a neighbour already`);
    this.put(entry);
  }

  replace(change: NeighborChange): void {
    this.put(parse(change));
  }

  /** Another MAC for a neighbour that is known. */
  change(change: NeighborChange): void {
    const entry = parse(change);
    if (!this.find(entry.ip)) throw new Refusal('ENOENT', `there is no neighbour ${change.ip}`);
    this.put(entry);
  }

  /** What the kernel's table says holds again. */
  del({ ip }: { ip: string }): void {
    const address = parseAddress(ip);
    const known = this.find(address);
    if (!known) throw new Refusal('ENOENT', `there is no neighbour ${ip}`);
    const { name } = this.owner;
    if (known.state === 'kernel')
      throw new Refusal(
        'EOPNOTSUPP',
        `${ip} stands in the kernel's table: \`ip neigh del ${ip} dev ${name}\``,
      );
    this.remove(address, known);
  }

  /** Forgets what was snooped; what was set by hand stays, as `ip neigh flush` leaves what is permanent. */
  flush(): void {
    for (const item of [...this.list()])
      if (item.state === 'snooped') this.remove(parseAddress(item.ip), item);
  }

  /** All of them, as the link goes. */
  forget(): void {
    this.shadowed.clear();
    this.owner.tables.neighbors.forget(this.owner.index);
  }

  /** In no order; those that the kernel has not resolved are none. */
  list(): Generator<NeighItem> {
    return LinkNeighbors.listTogether([this]);
  }

  /** Those of many links of one table in one pass. */
  static *listTogether(all: readonly LinkNeighbors[]): Generator<NeighItem> {
    if (all.length === 0) return;
    const { neighbors } = all[0].owner.tables;
    const links = new Map(all.map((each) => [each.owner.index, each]));
    for (const [link, ip] of neighbors.entries(links)) {
      const item = links.get(link)?.itemOf(ip);
      if (item && !(neighbors.flags & NEIGHBOR_UNRESOLVED)) yield item;
    }
  }

  /** The kernel's table of the TAP has this, or without a MAC: it is asking. */
  told(ip: Int32Array, mac: Mac | undefined): void {
    const flags = NEIGHBOR_KERNEL | (mac ? 0 : NEIGHBOR_UNRESOLVED);
    const entry = { ip, high: mac?.high ?? 0, low: mac?.low ?? 0, flags };
    // where there is no room, the proxy does not know it
    if (this.find(ip)?.state === 'permanent') this.shadowed.set(ip.join(), entry);
    else this.write(entry);
  }

  /** The kernel's table has it no more. */
  untold(ip: Int32Array): void {
    this.shadowed.delete(ip.join());
    const known = this.find(ip);
    if (this.owner.tables.neighbors.remove(this.owner.index, ip, true) && known) this.tell(true, known);
  }

  private put(entry: Entry): void {
    if (this.write(entry)) return;
    const [a, b, c, d] = entry.ip;
    throw new Refusal('ENOSPC', `no room for the neighbour ${formatIp(a, b, c, d)}: the table is full`);
  }

  /** False: there is no room. */
  private write(entry: Entry): boolean {
    const { neighbors } = this.owner.tables;
    const { ip, high, low, flags } = entry;
    const known = this.find(ip);
    if (known?.state === 'kernel' && isByHand(flags)) this.shadowed.set(ip.join(), this.entryOf(ip));
    if (!neighbors.set(this.owner.index, ip, high, low, flags, this.owner.clock())) return false;
    const now = this.owner.isWatched ? this.find(ip) : undefined;
    if (now && !isSame(now, known)) this.tell(false, now);
    else if (known && !now) this.tell(true, known);
    return true;
  }

  private remove(ip: Int32Array, known: NeighItem): void {
    const before = this.shadowed.get(ip.join());
    this.shadowed.delete(ip.join());
    this.owner.tables.neighbors.remove(this.owner.index, ip);
    this.tell(true, known);
    if (before) this.write(before);
  }

  /** What is known and usable. */
  private find(ip: Int32Array): NeighItem | undefined {
    const { neighbors } = this.owner.tables;
    if (!neighbors.get(this.owner.index, ip) || neighbors.flags & NEIGHBOR_UNRESOLVED) return undefined;
    return this.itemOf(ip);
  }

  /** Of what the table's last look-up found. */
  private itemOf(ip: Int32Array): NeighItem {
    const { macHigh, macLow, flags } = this.owner.tables.neighbors;
    return {
      dev: this.owner.name,
      ip: formatIp(ip[0], ip[1], ip[2], ip[3]),
      mac: formatMac(macHigh, macLow),
      ...(flags & NEIGHBOR_ROUTER && { flags: ['router' as const] }),
      state: isByHand(flags) ? 'permanent' : flags & NEIGHBOR_SNOOPED ? 'snooped' : 'kernel',
    };
  }

  private entryOf(ip: Int32Array): Entry {
    const { macHigh, macLow, flags } = this.owner.tables.neighbors;
    return { ip, high: macHigh, low: macLow, flags };
  }

  private tell(deleted: boolean, item: NeighItem): void {
    if (this.owner.isWatched) this.owner.neighborChanged(deleted, item);
  }
}

function isByHand(flags: number): boolean {
  return (flags & (NEIGHBOR_SNOOPED | NEIGHBOR_KERNEL)) === 0;
}

function isSame(a: NeighItem, b: NeighItem | undefined): boolean {
  return a.mac === b?.mac && a.state === b.state && a.flags?.length === b.flags?.length;
}

function parse({ ip, mac, flags = [] }: NeighborChange): Entry {
  const value = parseMac(mac);
  if (!value) throw new Refusal('EINVAL', `"${mac}" is no MAC address, such as 02:00:00:00:00:01`);
  const unknown = flags.find((word) => word !== 'router');
  if (unknown !== undefined)
    throw new Refusal('EINVAL', `"${unknown}" is no flag of a neighbour; router is one`);
  return { ip: parseAddress(ip), ...value, flags: flags.length > 0 ? NEIGHBOR_ROUTER : 0 };
}

function parseAddress(ip: string): Int32Array {
  const address = parseIp(ip);
  if (address) return address;
  throw new Refusal('EINVAL', `"${ip}" is not an IP address, such as 10.0.0.1`);
}
