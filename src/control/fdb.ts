/** The verbs of one link's forwarding table, as `bridge fdb` has them. */

import { FDB_FLAG } from '../tables/fdb.ts';
import { REMOTES_BUSY } from '../tables/remotes.ts';
import type { Tables } from '../tables/tables.ts';
import { formatIp, formatMac, type Mac, parseIp, parseMac } from '../wire/address.ts';

export type EntryState = 'learned' | 'static' | 'permanent';

export interface FdbEntry {
  /** All zero: a default destination. */
  mac: string;
  dst: string;
  port: number;
  state: EntryState;
  /** Seconds since a frame went there, and since one came from there. */
  used: number;
  updated: number;
}

export interface Destination {
  dst: string;
  /** Where it listens; the link's own port unless given. */
  port?: number;
  /** `permanent` unless given: neither ages nor moves. */
  state?: Exclude<EntryState, 'learned'>;
}

export const ALL_ZERO = '00:00:00:00:00:00';

export class LinkFdb {
  private readonly tables: Tables;
  private readonly link: number;
  private readonly clock: () => number;

  constructor(tables: Tables, link: number, clock: () => number) {
    this.tables = tables;
    this.link = link;
    this.clock = clock;
  }

  /** A new entry; for the all-zero MAC, one more default destination. */
  add(mac: string, destination: Destination): void {
    const { high, low } = parsed(mac);
    const remote = this.acquire(destination);
    if (high === 0 && low === 0) return this.addDefault(remote, destination);
    const { fdb, links, remotes } = this.tables;
    const refuse = (why: string): never => {
      remotes.release(remote);
      throw new Error(why);
    };
    if (!links.takeAddress(this.link)) refuse(`no room for ${mac}: maxaddress is reached (ENOSPC)`);
    fdb.table.lock();
    const known = fdb.find(this.link, high, low) >= 0;
    const flag = destination.state === 'static' ? FDB_FLAG.static : FDB_FLAG.permanent;
    const done = !known && fdb.insert(this.link, high, low, remote, flag, this.clock()) >= 0;
    fdb.table.unlock();
    if (done) return;
    links.returnAddress(this.link);
    refuse(known ? `${mac} has an entry already (EEXIST)` : `no room for ${mac}: the table is full (ENOSPC)`);
  }

  /** Takes an entry out; for the all-zero MAC the default destination `dst`, or all of them. */
  remove(mac: string, dst?: string): void {
    const { high, low } = parsed(mac);
    if (high === 0 && low === 0) return this.removeDefaults(dst);
    const { fdb, links, remotes } = this.tables;
    fdb.table.lock();
    const entry = fdb.find(this.link, high, low);
    const remote = entry < 0 ? -1 : fdb.remote(entry);
    const matches = entry >= 0 && (dst === undefined || this.address(remote) === dst);
    if (matches) fdb.remove(entry);
    fdb.table.unlock();
    if (!matches) throw new Error(`there is no entry ${mac}${dst ? ` dst ${dst}` : ''} (ENOENT)`);
    remotes.release(remote);
    links.returnAddress(this.link);
  }

  /** Default destinations first, then the entries. */
  list(): FdbEntry[] {
    const { fdb, floods } = this.tables;
    const now = this.clock();
    const entries: FdbEntry[] = floods
      .list(this.link)
      .map((remote) => ({ ...this.whereTo(remote), mac: ALL_ZERO, state: 'permanent', used: 0, updated: 0 }));
    for (const entry of fdb.entries()) {
      if (fdb.link(entry) !== this.link) continue;
      const flags = fdb.flags(entry);
      const state = flags & FDB_FLAG.permanent ? 'permanent' : flags & FDB_FLAG.static ? 'static' : 'learned';
      const mac = formatMac(fdb.macHigh(entry), fdb.macLow(entry));
      const ages = { used: now - fdb.used(entry), updated: now - fdb.updated(entry) };
      entries.push({ ...this.whereTo(fdb.remote(entry)), mac, state, ...ages });
    }
    return entries;
  }

  /** The address of a remote, as events name it. */
  address(remote: number): string {
    const word = (at: number) => this.tables.remotes.address(remote, at);
    return formatIp(word(0), word(1), word(2), word(3));
  }

  private whereTo(remote: number): { dst: string; port: number } {
    return { dst: this.address(remote), port: this.tables.remotes.port(remote) };
  }

  private acquire({ dst, port }: Destination): number {
    const { links, remotes } = this.tables;
    const ip = parseIp(dst);
    if (!ip) throw new Error(`dst "${dst}" is not an IP address, such as 192.0.2.1 or 2001:db8::1`);
    const [a0, a1, a2, a3] = ip;
    const listens = port ?? links.port(this.link);
    let remote = REMOTES_BUSY;
    while (remote === REMOTES_BUSY) {
      remote = remotes.acquire(this.link, a0, a1, a2, a3, listens, links.vni(this.link));
    }
    if (remote < 0) throw new Error(`no room for the remote ${dst}: ${remotes.capacity} are in use (ENOSPC)`);
    return remote;
  }

  private addDefault(remote: number, { dst }: Destination): void {
    const { floods, links, remotes } = this.tables;
    const now = floods.list(this.link);
    if (now.includes(remote)) {
      remotes.release(remote);
      throw new Error(`${dst} is a default destination already (EEXIST)`);
    }
    try {
      floods.set(this.link, [...now, remote]);
    } catch (error) {
      remotes.release(remote);
      throw error;
    }
    // as in the kernel, the all-zero entry is one of the addresses that maxaddress counts
    if (now.length === 0) links.takeAddress(this.link);
  }

  private removeDefaults(dst: string | undefined): void {
    const { floods, links, remotes } = this.tables;
    const now = floods.list(this.link);
    const going = now.filter((remote) => dst === undefined || this.address(remote) === dst);
    if (going.length === 0) throw new Error(`there is no default destination ${dst ?? ''} (ENOENT)`);
    floods.set(
      this.link,
      now.filter((remote) => !going.includes(remote)),
    );
    for (const remote of going) remotes.release(remote);
    if (going.length === now.length) links.returnAddress(this.link);
  }
}

function parsed(mac: string): Mac {
  const value = parseMac(mac);
  if (!value) throw new Error(`"${mac}" is no MAC address, such as 02:00:00:00:00:01`);
  return value;
}
