/** One link as the control thread has it: its settings, its verbs, its events. Where frames come from is not its matter. */

import { EventEmitter } from 'node:events';
import type { OffloadName } from '../memory/offload-counts.ts';
import type { CounterName } from '../tables/counters.ts';
import { EVENT } from '../tables/events.ts';
import { endpoint, LINK_FLAG } from '../tables/links.ts';
import type { Tables } from '../tables/tables.ts';
import { formatIp, formatMac } from '../wire/address.ts';
import type { HeaderBits } from '../wire/vxlan.ts';
import { type FdbWatcher, LinkFdb } from './fdb.ts';
import type { FdbOwner, Interfaces } from './fdb-entry.ts';
import { LinkNeighbors, type NeighborOwner } from './neighbors.ts';
import type { FdbArgs, FdbNews, MonitorItem, NeighItem } from './protocol.ts';
import { Refusal } from './refusal.ts';

export interface LinkSettings {
  /** What others know it by. */
  name?: string;
  /** 0 to 16777215; or `NO_VNI`. */
  vni: number;
  /** The UDP port of this VTEP and of its remotes. */
  port: number;
  /** Learn source addresses from what comes out of the tunnel. */
  learning: boolean;
  /** Seconds after which a learned entry that no frame confirmed is forgotten; 0: never. */
  ageing: number;
  /** How many addresses are learned at most; 0: as many as there is room for. */
  maxAddresses: number;
  /** Answer ARP and neighbour solicitations as the kernel's `proxy` does: all of them end here. */
  proxy: boolean;
  /** Answer ARP and neighbour solicitations for what is known, forward the rest. */
  suppress: boolean;
  /** Route short-circuit: a frame to a router goes straight to where its IP packet's neighbour is. */
  shortCircuit: boolean;
  /** Tell of frames for which there is no entry, of IP addresses for which there is no neighbour. */
  l2miss: boolean;
  l3miss: boolean;
  /**
   * What becomes of VLAN tags of inner frames. `strip` is as RFC 7348 section 6.1 has it: they are taken off frames that
   * go into the tunnel, and frames that come out with one are dropped. `drop`: tagged frames are dropped both ways.
   */
  innerVlan: 'pass' | 'strip' | 'drop';
  /** Reserved bits that datagrams are dropped for: the kernel's are all; the rest is ignored, as RFC 7348 asks. */
  reservedBits: HeaderBits;
  /** Frames for another link of this daemon, but for a VNI of a trunk, go straight there; else through the loopback. */
  localBypass: boolean;
  /** Drop datagrams of our own: none is meant for this link, so the underlay has brought them back. */
  refusesOwn: boolean;
  /** It is a VNI of a trunk. */
  isTagged: boolean;
}

export const DEFAULT_SETTINGS: Omit<LinkSettings, 'vni'> = {
  port: 4789,
  learning: true,
  ageing: 300,
  maxAddresses: 0,
  proxy: false,
  suppress: false,
  shortCircuit: false,
  l2miss: true,
  l3miss: true,
  innerVlan: 'pass',
  reservedBits: { high: 0, low: 0 },
  localBypass: true,
  refusesOwn: true,
  isTagged: false,
};

/** Of a trunk, whose VNIs are links of their own (`trunk.ts`): no datagram is found to be its. */
export const NO_VNI = -1;

/** A MAC and where it is, was, or should be found. */
export interface LinkEvents {
  learn: [{ mac: string; dst: string }];
  move: [{ mac: string; dst: string }];
  expire: [{ mac: string; dst: string }];
  /** Nobody knows where to send to: a MAC without an entry, or an IP address without a neighbour. */
  miss: [{ mac: string } | { ip: string }];
  /** An entry or a neighbour has come, is another, or has gone: by a verb as well as by what is above. */
  changed: [Extract<MonitorItem, { event: 'fdb' | 'neigh' }>];
}

export class Link extends EventEmitter<LinkEvents> implements FdbOwner, FdbWatcher, NeighborOwner {
  readonly tables: Tables;
  readonly index: number;
  settings: LinkSettings;
  /** Of its underlay: of its own address, and of what the MTU allows for. */
  readonly ipv6: boolean;
  /** Its remotes may be of either family. */
  readonly isDual: boolean;
  readonly clock: () => number;
  readonly fdb: LinkFdb;
  readonly neighbors: LinkNeighbors;
  name: string;
  /** Those that a remote may be told to be sent to by (`via`); undefined: the transport lets nobody choose. */
  interfaces?: Interfaces;
  /** One of the VNIs of a trunk says which, as others of that name are there. */
  srcVni?: number;

  constructor(
    tables: Tables,
    index: number,
    settings: LinkSettings,
    ipv6: boolean,
    clock: () => number,
    isDual = false,
  ) {
    super();
    this.tables = tables;
    this.index = index;
    this.settings = settings;
    this.ipv6 = ipv6;
    this.isDual = isDual;
    this.clock = clock;
    this.name = settings.name ?? `vxlan${settings.vni}`;
    this.fdb = new LinkFdb(this);
    this.neighbors = new LinkNeighbors(this);
    tables.links.set(index, { ...settings, flags: flagsOf(settings) });
    this.checkFree(settings);
  }

  /** Where its datagrams come in. */
  get endpoint(): number {
    return endpoint(this.ipv6, this.settings.port);
  }

  private endpoints(port: number): number[] {
    return this.isDual ? [endpoint(false, port), endpoint(true, port)] : [endpoint(this.ipv6, port)];
  }

  /** Becomes what `settings` say. With another VNI or port its remotes are others: what was learned of them is forgotten. */
  apply(settings: LinkSettings): void {
    const { tables, index } = this;
    const moves = settings.vni !== this.settings.vni || settings.port !== this.settings.port;
    const { port } = this.settings;
    const entries = moves ? [...this.fdb.list()].filter(({ state }) => state !== 'learned') : [];
    if (moves) {
      this.checkFree(settings);
      this.disappear();
      this.fdb.flush();
    }
    this.settings = settings;
    tables.links.set(index, { ...settings, flags: flagsOf(settings) });
    if (!moves) return;
    for (const { state, ...entry } of entries) {
      this.fdb.append({
        ...entry,
        state: state as FdbArgs['state'],
        port: entry.port === port ? undefined : entry.port,
      });
    }
    this.appear();
  }

  /** Throws where another link has that VNI at that port. */
  checkFree({ port, vni }: Pick<LinkSettings, 'port' | 'vni'>): void {
    const known = this.endpoints(port).map((each) => this.tables.links.find(each, vni));
    if (known.some((link) => link !== 0 && link !== this.index)) throw taken({ port, vni });
  }

  /** From here on its datagrams are its own. */
  appear(): void {
    const { vni, port } = this.settings;
    if (vni === NO_VNI) return;
    for (const each of this.endpoints(port)) {
      if (!this.tables.links.open(this.index, each, vni)) throw taken(this.settings);
    }
  }

  /** Its datagrams are nobody's. */
  disappear(): void {
    const { vni, port } = this.settings;
    for (const each of this.endpoints(port)) this.tables.links.close(this.index, each, vni);
  }

  /** Gives back what it holds in the tables; nobody carries it any more. */
  forget(): void {
    this.fdb.flush();
    this.neighbors.forget();
    this.tables.counters.clear(this.index);
    this.tables.links.clear(this.index);
  }

  /** The largest inner packet that the path carries: senders of larger ones are told. 0: nothing is known. */
  get pathMtu(): number {
    return this.tables.links.pathMtu(this.index);
  }

  set pathMtu(mtu: number) {
    this.tables.links.setPathMtu(this.index, mtu);
  }

  /** Traffic, drop reasons and notes by name; what belonged to no link is among them. */
  counters(): Record<CounterName, number> {
    const { counters } = this.tables;
    const own = this.ownCounters();
    for (const [name, count] of Object.entries(counters.read(0))) own[name as CounterName] += count;
    return own;
  }

  /** Without what belonged to no link. */
  ownCounters(): Record<CounterName, number> {
    return this.tables.counters.read(this.index);
  }

  /** The same for each worker alone, where there are several. */
  countersOfWorkers(): Record<CounterName, number>[] {
    const { counters } = this.tables;
    if (counters.workers === 1) return [];
    return Array.from({ length: counters.workers }, (_, worker) => counters.read(this.index, worker));
  }

  /** What the offloads have done, by name (`OFFLOADS`). */
  offloads(): Record<OffloadName, number> {
    return this.tables.offloads.read();
  }

  /** Why the path refused a train the last time, as an errno; 0: it never did. */
  get trainRefusal(): number {
    return this.tables.offloads.refusal;
  }

  /** Whether somebody wants to know what changes. */
  get isWatched(): boolean {
    return this.listenerCount('changed') > 0;
  }

  changed(deleted: boolean, entry: FdbNews): void {
    this.emit('changed', { event: 'fdb', deleted, entry });
  }

  neighborChanged(deleted: boolean, neighbor: NeighItem): void {
    this.emit('changed', { event: 'neigh', deleted, neighbor });
  }

  /** An event of the data path (`tables/events.ts`) becomes one of this link. */
  tell(words: Int32Array, at: number): void {
    const kind = words[at];
    const [high, low, remote] = [words[at + 2], words[at + 3], words[at + 4]];
    const mac = formatMac(high, low);
    if (kind === EVENT.l2miss) this.emit('miss', { mac });
    else if (kind === EVENT.l3miss) {
      this.emit('miss', { ip: formatIp(words[at + 4], words[at + 5], words[at + 6], words[at + 7]) });
    } else {
      const dst = this.fdb.address(remote);
      this.emit(kind === EVENT.learn ? 'learn' : kind === EVENT.move ? 'move' : 'expire', { mac, dst });
      const deleted = kind === EVENT.expire;
      if (this.isWatched) this.changed(deleted, this.fdb.itemOf(high, low, remote, deleted));
    }
  }
}

function taken({ vni, port }: Pick<LinkSettings, 'port' | 'vni'>): Refusal {
  return new Refusal('EEXIST', `there is a link with VNI ${vni} at port ${port} already`);
}

function flagsOf(settings: LinkSettings): number {
  return (
    (settings.learning ? LINK_FLAG.learning : 0) |
    (settings.proxy ? LINK_FLAG.proxy : 0) |
    (settings.suppress ? LINK_FLAG.suppress : 0) |
    (settings.l2miss ? LINK_FLAG.l2miss : 0) |
    (settings.l3miss ? LINK_FLAG.l3miss : 0) |
    (settings.shortCircuit ? LINK_FLAG.shortCircuit : 0) |
    (settings.innerVlan === 'strip' ? LINK_FLAG.stripTags : 0) |
    (settings.innerVlan === 'drop' ? LINK_FLAG.dropTags : 0) |
    (settings.localBypass ? LINK_FLAG.localBypass : 0) |
    (settings.refusesOwn ? LINK_FLAG.refusesOwn : 0) |
    (settings.isTagged ? LINK_FLAG.tagged : 0)
  );
}
