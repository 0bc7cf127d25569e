/** The links of one network namespace, and the verbs on them (`control/protocol.ts`). */

import { setTimeout as pause } from 'node:timers/promises';
import { CarriedLink } from '../control/carried-link.ts';
import type { Dataplane } from '../control/dataplane.ts';
import { LinkFdb } from '../control/fdb.ts';
import { refuseForeign } from '../control/fdb-entry.ts';
import type { Link } from '../control/link.ts';
import { linkOptions } from '../control/link-args.ts';
import type { LinkNeighbors } from '../control/neighbors.ts';
import type {
  FdbArgs,
  FdbFilter,
  FdbItem,
  LinkArgs,
  LinkItem,
  MonitorItem,
  NeighArgs,
  Verbs,
  VniArgs,
} from '../control/protocol.ts';
import { Refusal } from '../control/refusal.ts';
import {
  checked,
  FDB_FILTER_SHAPES,
  FDB_SHAPES,
  LINK_SHAPES,
  MONITOR_SHAPES,
  NEIGH_SHAPES,
  SHOW_SHAPES,
  VNI_SHAPES,
} from '../control/shapes.ts';
import { deleteTogether, findDevice } from '../io/devices.ts';
import type { HostListener } from '../io/host-watch.ts';
import { Monitors } from './monitors.ts';

/** Whoever deletes the last link may make another next: `ip link del vx0; ip link add vx0 ...`. */
const LINGER_MS = 2_000;

/** A TAP that is deleted ends its link within that. */
const PATIENCE_MS = 1_000;

const NAME_MOST = 15;

/** What was said of a link, and what carries it. */
interface Held {
  args: LinkArgs;
  readonly carried: CarriedLink;
  readonly unfollow: () => void;
}

export class Daemon {
  readonly monitors = new Monitors();
  /** Resolves when it is to end: `stop` was said. */
  readonly stopped: Promise<undefined>;
  private readonly plane: Dataplane;
  private readonly untilEmpty: boolean;
  private readonly links = new Map<string, Held>();
  private stop: () => void = () => {};
  private readonly closed: Promise<void>;
  /** Says that all is gone, to who asked for it. */
  end: () => void = () => {};

  /** `untilEmpty`: it ends soon after its last link. */
  constructor(plane: Dataplane, untilEmpty: boolean) {
    this.plane = plane;
    this.untilEmpty = untilEmpty;
    this.stopped = new Promise((resolve) => {
      this.stop = () => resolve(undefined);
    });
    this.closed = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  /** For the control socket: carries a verb out. */
  dispatch(verb: string, args: unknown, gone: AbortSignal): unknown {
    const verbs = this.verbs as Record<string, (args: unknown, gone: AbortSignal) => unknown>;
    if (Object.hasOwn(verbs, verb)) return verbs[verb](args ?? {}, gone);
    throw new Refusal(
      'EOPNOTSUPP',
      `the verb "${verb.slice(0, 40)}" is not known; there are ${Object.keys(verbs).join(', ')}`,
    );
  }

  private readonly verbs: { [V in keyof Verbs]?: (args: unknown, gone: AbortSignal) => unknown } = {
    'link add': (args) => this.addLink(checked(args, LINK_SHAPES, ['name'])),
    'link set': (args) => this.setLink(checked(args, LINK_SHAPES, ['name'])),
    'link del': (args) => this.delLink(this.named(checked(args, SHOW_SHAPES, ['name']).name)),
    'link show': (args) => this.showLinks(checked(args, SHOW_SHAPES)),
    'fdb add': (args) => this.changeFdb('add', args),
    'fdb append': (args) => this.changeFdb('append', args),
    'fdb replace': (args) => this.changeFdb('replace', args),
    'fdb del': (args) => this.changeFdb('del', args),
    'fdb flush': (args) => this.flushFdb(checked(args, FDB_FILTER_SHAPES)),
    'fdb get': (args) => {
      const { dev, mac, src_vni } = checked(args, FDB_SHAPES, ['dev', 'mac']);
      return this.getFdb(dev, mac, src_vni);
    },
    'fdb show': (args) => this.showFdb(checked(args, FDB_FILTER_SHAPES)),
    'neigh add': (args) => this.changeNeighbor('add', args),
    'neigh replace': (args) => this.changeNeighbor('replace', args),
    'neigh change': (args) => this.changeNeighbor('change', args),
    'neigh del': (args) => {
      const { dev, ip } = checked(args, NEIGH_SHAPES, ['dev', 'ip']);
      this.ofNeighbors(dev).del({ ip });
    },
    'neigh flush': (args) => {
      for (const link of this.linksMeant(checked(args, NEIGH_SHAPES))) link.neighbors.flush();
    },
    'neigh show': (args) => this.showNeighbors(checked(args, NEIGH_SHAPES).dev),
    'vni add': (args) => this.changeVnis('add', checked(args, VNI_SHAPES, ['dev', 'vni'])),
    'vni del': (args) => this.changeVnis('del', checked(args, VNI_SHAPES, ['dev', 'vni'])),
    'vni show': (args) => this.showVnis(checked(args, SHOW_SHAPES)),
    monitor: (args, gone) => this.monitors.watch(checked(args, MONITOR_SHAPES, ['what']).what, gone),
    stop: () => {
      this.stop();
      return this.closed;
    },
  };

  /** Ends all links, and what carries them. Devices go together: one alone takes the kernel 16 ms. */
  async close(): Promise<void> {
    const all = [...this.links.values()].map(({ carried }) => carried);
    this.links.clear();
    await this.plane.stop();
    const here = all.filter(({ isMade, where }) => isMade && !where.isAstray);
    deleteTogether(here.map(({ ifindex: index, name }) => ({ index, name })));
    for (const carried of all) if (!carried.isMade) await carried.close();
    this.end();
  }

  private named(name: string | undefined): Held {
    const held = this.links.get(name ?? '');
    if (held) return held;
    throw new Refusal('ENODEV', `there is no link ${name} here`);
  }

  private addLink(args: LinkArgs): Promise<void> {
    return this.plane.inTurn(async () => {
      this.giveWay(args.name);
      try {
        await this.open(args);
      } catch (error) {
        const isTaken = (error as { code?: string }).code === 'EEXIST';
        if (!isTaken || !(await this.removeGone())) throw error;
        await this.open(args);
      }
    });
  }

  private async open(args: LinkArgs): Promise<void> {
    if (this.links.has(args.name)) throw new Refusal('EEXIST', `there is a link ${args.name} already`);
    this.adopt(args, await CarriedLink.open(this.plane, linkOptions(args)));
  }

  /** Of what was deleted by hand a moment ago nobody may have told us yet. True: there were some. */
  private async removeGone(): Promise<boolean> {
    const away = [...this.links.values()].filter(
      ({ carried }) => !carried.where.moved && !findDevice(carried.ifindex),
    );
    const isGone = ({ carried }: Held) =>
      Promise.race([carried.ended.then(() => true), pause(PATIENCE_MS, false)]);
    const gone = await Promise.all(away.map(async (held) => ((await isGone(held)) ? [held] : [])));
    for (const held of gone.flat()) await this.remove(held);
    return gone.flat().length > 0;
  }

  /** A link that is carried already is one of those that the verbs are about. */
  adopt(args: LinkArgs, carried: CarriedLink): void {
    const held: Held = { args, carried, unfollow: this.follow(carried) };
    this.links.set(args.name, held);
    const { link } = carried;
    this.monitors.add(link);
    this.tell(held, false);
    // the default destinations that it was made with, which the kernel tells of too
    if (link.isWatched) for (const entry of link.fdb.list()) link.changed(false, entry);
    carried.ended.then((why) => why !== undefined && this.lose(held, why));
  }

  private setLink(changes: LinkArgs): Promise<void> {
    return this.plane.inTurn(async () => {
      const held = this.named(changes.name);
      await this.become(held, { ...held.args, ...leftFor(changes), ...changes }, changes);
    });
  }

  /** A link becomes what `args` say and nothing else: what they leave out is as by default; of the TAP it stays. */
  putLink(args: LinkArgs): Promise<void> {
    const said = { ...args, addresses: args.addresses ?? [] };
    return this.plane.inTurn(() => this.become(this.named(args.name), args, said));
  }

  private async become(held: Held, args: LinkArgs, said: LinkArgs): Promise<void> {
    await held.carried.change(linkOptions(args), said);
    held.args = args;
    this.tell(held, false);
  }

  /** When what was begun is done. */
  settled(): Promise<void> {
    return this.plane.inTurn(async () => {});
  }

  /** What was said of each link, and what its TAP has. */
  *running(): Generator<{ args: LinkArgs; tap: { up: boolean; mtu: number; address: string } }> {
    for (const { args, carried } of this.links.values()) {
      const { up, mtu, mac: address } = carried.state;
      const isSaid = (key: 'mtu' | 'address') => args[key] !== undefined;
      yield {
        args: { ...args, up, ...(isSaid('mtu') && { mtu }), ...(isSaid('address') && { address }) },
        tap: { up, mtu, address },
      };
    }
  }

  private delLink(held: Held): Promise<void> {
    return this.plane.inTurn(() => this.remove(held));
  }

  private async remove(held: Held): Promise<void> {
    if (this.links.get(held.args.name) !== held) return;
    const item = itemOf(held, false);
    this.links.delete(held.args.name);
    held.unfollow();
    const links = [held.carried.link, ...(held.carried.trunk?.links() ?? [])];
    await held.carried.close();
    for (const link of links) this.monitors.remove(link);
    this.monitors.tell({ event: 'link', deleted: true, link: item });
    if (this.untilEmpty) setTimeout(() => this.links.size === 0 && this.stop(), LINGER_MS).unref();
  }

  /** Others may rename its TAP. */
  private follow(carried: CarriedLink): () => void {
    const { watch } = this.plane.host;
    const listener: HostListener = {
      device: (now) => {
        const held = this.links.get(carried.name);
        if (held?.carried !== carried || now.name === carried.name) return;
        this.giveWay(now.name);
        this.rename(held, now.name);
      },
    };
    watch.follow(carried.ifindex, listener);
    return () => watch.unfollow(carried.ifindex, listener);
  }

  /** A name is free here when the one that had it was moved to another namespace: that one is `vx0@7` from then on. */
  private giveWay(name: string): void {
    const held = this.links.get(name);
    if (!held?.carried.where.moved) return;
    const suffix = `@${held.carried.link.index}`;
    this.rename(held, `${[...name].slice(0, NAME_MOST - suffix.length).join('')}${suffix}`);
  }

  private rename(held: Held, name: string): void {
    const { carried } = held;
    this.links.delete(carried.name);
    carried.rename(name);
    held.args = { ...held.args, name };
    this.links.set(name, held);
    this.tell(held, false);
  }

  /** Its TAP was deleted by hand. */
  private lose(held: Held, why: string): void {
    if (this.links.get(held.args.name) !== held) return;
    this.plane.say('warn', `${held.args.name}: ${why}`);
    this.delLink(held).catch((error) => this.plane.say('warn', `${held.args.name}: ${error.message}`));
  }

  private *showLinks({ name, stats, moved }: Verbs['link show']['args']): Generator<LinkItem> {
    for (const held of name === undefined ? this.links.values() : [this.named(name)]) {
      if (!moved || held.carried.where.moved) yield itemOf(held, stats ?? false);
    }
  }

  private changeFdb(verb: 'add' | 'append' | 'replace' | 'del', args: unknown): void {
    const { dev, src_vni, ...change } = checked<FdbArgs>(args, FDB_SHAPES, ['dev', 'mac']);
    this.linkNamed(dev, src_vni).fdb[verb](change);
  }

  private flushFdb({ dev, ...filter }: FdbFilter): void {
    for (const link of this.linksMeant({ dev, src_vni: filter.src_vni })) link.fdb.flush(filter);
  }

  private showFdb({ dev, ...filter }: FdbFilter): Generator<FdbItem> {
    const meant = this.linksMeant({ dev, src_vni: filter.src_vni });
    return LinkFdb.listTogether(
      meant.map(({ fdb }) => fdb),
      filter,
    );
  }

  private getFdb(dev: string, mac: string, src_vni?: number): FdbItem[] {
    const { link, trunk } = this.named(dev).carried;
    if (!trunk) return link.fdb.get(mac);
    const items = trunk.links(src_vni).flatMap((each) => [...each.fdb.list({ mac })]);
    if (items.length === 0) throw new Refusal('ENOENT', `there is no entry ${mac}`);
    return items;
  }

  /** The link of this name; of a trunk that of one of its VNIs. */
  private linkNamed(dev: string, vni: number | undefined): Link {
    const { link, trunk } = this.named(dev).carried;
    if (!trunk) refuseForeign({ src_vni: vni }, link);
    if (!trunk) return link;
    if (vni === undefined) throw new Refusal('EINVAL', `src_vni is missing: ${dev} has many VNIs`);
    const [member] = trunk.links(vni);
    if (member) return member;
    throw new Refusal('ENOENT', `src_vni ${vni}: ${dev} has no such VNI`);
  }

  /** Of a trunk those of its VNIs. Where no link is named, `src_vni` is about trunks. */
  private linksMeant({ dev, src_vni }: { dev?: string; src_vni?: number }): Link[] {
    const held = dev === undefined ? [...this.links.values()] : [this.named(dev)];
    return held.flatMap(({ carried: { link, trunk } }) => {
      if (trunk) return trunk.links(src_vni);
      return dev === undefined && src_vni !== undefined ? [] : [link];
    });
  }

  private changeVnis(verb: 'add' | 'del', args: VniArgs): Promise<void> {
    return this.plane.inTurn(async () => {
      const { trunk } = this.named(args.dev).carried;
      if (!trunk) {
        throw new Refusal('EOPNOTSUPP', `${args.dev} has one VNI; a trunk is made with external vnifilter`);
      }
      if (verb === 'add') for (const link of await trunk.add(args)) this.monitors.add(link);
      else for (const link of await trunk.del(args)) this.monitors.remove(link);
    });
  }

  private *showVnis({ dev, stats }: Verbs['vni show']['args']): Generator<unknown> {
    for (const { carried } of dev === undefined ? this.links.values() : [this.named(dev)]) {
      if (carried.trunk) yield* carried.trunk.show(stats);
    }
  }

  private changeNeighbor(verb: 'add' | 'replace' | 'change', args: unknown): void {
    const { dev, ...change } = checked<NeighArgs>(args, NEIGH_SHAPES, ['dev', 'ip', 'mac']);
    this.ofNeighbors(dev)[verb](change);
  }

  private *showNeighbors(dev: string | undefined): Generator<unknown> {
    for (const link of this.linksMeant({ dev })) yield* link.neighbors.list();
  }

  private ofNeighbors(dev: string): LinkNeighbors {
    const { link, trunk } = this.named(dev).carried;
    if (!trunk) return link.neighbors;
    throw new Refusal('EOPNOTSUPP', `${dev} has many VNIs: for all of them, \`ip neigh add ... dev ${dev}\``);
  }

  private tell(held: Held, deleted: boolean): void {
    const item: MonitorItem = { event: 'link', deleted, link: itemOf(held, false) };
    this.monitors.tell(item);
  }
}

function itemOf({ args, carried }: Held, stats: boolean): LinkItem {
  const { mtu, mac, up } = carried.state;
  const { moved } = carried.where;
  return {
    ...args,
    id: Math.max(carried.options.vni, 0),
    dstport: carried.options.port,
    ifindex: carried.ifindex,
    mtu,
    pathMtu: carried.link.pathMtu || mtu,
    address: mac,
    up,
    ...(moved && { moved }),
    workers: carried.workers,
    offloads: [...carried.offloads],
    ...(stats && { counters: { ...carried.counters(), ...carried.link.offloads() } }),
  };
}

/** A group and hosts exclude each other: what is named takes the other's place. */
function leftFor({ group, remotes }: LinkArgs): Partial<LinkArgs> {
  if (group) return { remotes: [] };
  return remotes && remotes.length > 0 ? { group: null } : {};
}
