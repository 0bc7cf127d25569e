/** The links of one network namespace: made, changed, moved, renamed, and taken away, by verbs or by hand. */

import { setTimeout as pause } from 'node:timers/promises';
import { CarriedLink } from '../control/carried-link.ts';
import type { Dataplane } from '../control/dataplane.ts';
import { refuseForeign } from '../control/fdb-entry.ts';
import type { Link } from '../control/link.ts';
import { linkOptions } from '../control/link-args.ts';
import type { LinkArgs, LinkItem, MonitorItem, Verbs } from '../control/protocol.ts';
import { Refusal } from '../control/refusal.ts';
import { deleteTogether, findDevice, firstName } from '../io/devices.ts';
import { EVERY_DEVICE, type HostListener } from '../io/host-watch.ts';
import type { Monitors } from './monitors.ts';

/** A TAP that is deleted ends its link within that. */
const PATIENCE_MS = 1_000;

const NAME_MOST = 15;

/** What was said of a link, and what carries it. */
export interface Held {
  args: LinkArgs;
  readonly carried: CarriedLink;
  readonly unfollow: () => void;
}

export class Links {
  private readonly plane: Dataplane;
  private readonly monitors: Monitors;
  /** The last one has gone. */
  private readonly emptied: () => void;
  private readonly byName = new Map<string, Held>();

  constructor(plane: Dataplane, monitors: Monitors, emptied: () => void) {
    this.plane = plane;
    this.monitors = monitors;
    this.emptied = emptied;
    plane.host.watch.follow(EVERY_DEVICE, {
      device: ({ index, name }, before) => {
        if (before && before.name !== name) this.underlayRenamed(index, name);
      },
    });
  }

  get isEmpty(): boolean {
    return this.byName.size === 0;
  }

  /** Ends all links, and what carries them. Devices go together: one alone takes the kernel 16 ms. */
  async close(): Promise<void> {
    await this.plane.turns.end();
    const all = [...this.byName.values()].map(({ carried }) => carried);
    this.byName.clear();
    await this.plane.stop();
    const here = all.filter(({ isMade, where }) => isMade && !where.isAstray);
    deleteTogether(here.map(({ ifindex: index, name }) => ({ index, name })));
    for (const carried of all) if (!carried.isMade) await carried.close();
  }

  /** Or the one of this name. */
  all(name?: string): Held[] {
    return name === undefined ? [...this.byName.values()] : [this.named(name)];
  }

  named(name: string | undefined): Held {
    const held = this.byName.get(name ?? '') ?? this.byOtherName(name);
    if (held) return held;
    throw new Refusal('ENODEV', `there is no link ${name} here`);
  }

  /** Interfaces can have further names (`ip link property add`). */
  private byOtherName(name = ''): Held | undefined {
    const held = this.byName.get(findDevice(name)?.name ?? '');
    return held?.carried.where.moved ? undefined : held;
  }

  add(args: LinkArgs): Promise<void> {
    return this.plane.turns.take(async () => {
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
    if (this.byName.has(args.name)) throw new Refusal('EEXIST', `there is a link ${args.name} already`);
    const proper = properly(args);
    this.adopt(proper, await CarriedLink.open(this.plane, linkOptions(proper)));
  }

  /** Of what was deleted by hand a moment ago nobody may have told us yet. True: there were some. */
  private async removeGone(): Promise<boolean> {
    const away = [...this.byName.values()].filter(
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
    this.byName.set(args.name, held);
    const { link } = carried;
    this.monitors.add(link);
    this.tell(held, false);
    // the default destinations that it was made with, which the kernel tells of too
    if (link.isWatched) for (const entry of link.fdb.list()) link.changed(false, entry);
    carried.ended.then((why) => why !== undefined && this.lose(held, why));
  }

  set(changes: LinkArgs): Promise<void> {
    return this.plane.turns.take(async () => {
      const held = this.named(changes.name);
      const { name } = held.args;
      await this.become(held, { ...held.args, ...leftFor(changes), ...changes, name }, changes);
    });
  }

  /** A link becomes what `args` say and nothing else: what they leave out is as by default; of the TAP it stays. */
  put(args: LinkArgs): Promise<void> {
    const said = { ...args, addresses: args.addresses ?? [] };
    return this.plane.turns.take(() => this.become(this.named(args.name), args, said));
  }

  private async become(held: Held, args: LinkArgs, said: LinkArgs): Promise<void> {
    const proper = properly(args);
    await held.carried.change(linkOptions(proper), said);
    held.args = proper;
    this.tell(held, false);
  }

  /** When what was begun is done. */
  settled(): Promise<void> {
    return this.plane.turns.take(async () => {});
  }

  /** What was said of each link, and what its TAP has. */
  *running(): Generator<{ args: LinkArgs; tap: { up: boolean; mtu: number; address: string } }> {
    for (const { args, carried } of this.byName.values()) {
      const { up, mtu, mac: address } = carried.state;
      const isSaid = (key: 'mtu' | 'address') => args[key] !== undefined;
      const { index: _, ...said } = args;
      yield {
        args: { ...said, up, ...(isSaid('mtu') && { mtu }), ...(isSaid('address') && { address }) },
        tap: { up, mtu, address },
      };
    }
  }

  del(held: Held): Promise<void> {
    return this.plane.turns.take(() => this.remove(held));
  }

  private async remove(held: Held): Promise<void> {
    if (this.byName.get(held.args.name) !== held) return;
    const item = itemOf(held, false);
    this.byName.delete(held.args.name);
    held.unfollow();
    const links = [held.carried.link, ...(held.carried.trunk?.links() ?? [])];
    await held.carried.close();
    for (const link of links) this.monitors.remove(link);
    this.monitors.tell({ event: 'link', deleted: true, link: item });
    if (this.isEmpty) this.emptied();
  }

  /** Others may rename its TAP, or move it. */
  private follow(carried: CarriedLink): () => void {
    const { watch } = this.plane.host;
    const listener: HostListener = {
      device: (now) => {
        const held = this.byName.get(carried.name);
        if (held?.carried !== carried || now.name === carried.name) return;
        this.giveWay(now.name);
        this.rename(held, now.name);
      },
      deviceGone: () => {
        const held = this.byName.get(carried.name);
        if (held?.carried === carried && carried.where.moved) this.tell(held, false);
      },
    };
    watch.follow(carried.ifindex, listener);
    return () => watch.unfollow(carried.ifindex, listener);
  }

  /** A name is free here when the one that had it was moved to another namespace: that one is `vx0@7` from then on. */
  private giveWay(name: string): void {
    const held = this.byName.get(name);
    if (!held?.carried.where.moved) return;
    const suffix = `@${held.carried.link.index}`;
    this.rename(held, `${[...name].slice(0, NAME_MOST - suffix.length).join('')}${suffix}`);
  }

  private rename(held: Held, name: string): void {
    const { carried } = held;
    this.byName.delete(carried.name);
    carried.rename(name);
    held.args = { ...held.args, name };
    this.byName.set(name, held);
    this.tell(held, false);
  }

  /** Links stay with their `dev`, whatever it is called. */
  private underlayRenamed(index: number, dev: string): void {
    this.plane.turns.takeAlone(dev, async () => {
      for (const held of this.byName.values()) {
        if (held.carried.underlay !== index) continue;
        held.carried.underlayRenamed(dev);
        held.args = { ...held.args, dev };
        this.tell(held, false);
      }
    });
  }

  /** Its TAP was deleted by hand. */
  private lose(held: Held, why: string): void {
    if (this.byName.get(held.args.name) !== held) return;
    this.plane.say('warn', `${held.args.name}: ${why}`);
    this.plane.turns.takeAlone(held.args.name, () => this.remove(held));
  }

  *show({ name, stats, moved }: Verbs['link show']['args']): Generator<LinkItem> {
    for (const held of this.all(name)) {
      if (!moved || held.carried.where.moved) yield itemOf(held, stats ?? false);
    }
  }

  /** The link of this name; of a trunk that of one of its VNIs. */
  one(dev: string, vni: number | undefined): Link {
    const { link, trunk } = this.named(dev).carried;
    if (!trunk) refuseForeign({ src_vni: vni }, link);
    if (!trunk) return link;
    if (vni === undefined) throw new Refusal('EINVAL', `src_vni is missing: ${dev} has many VNIs`);
    const [member] = trunk.links(vni);
    if (member) return member;
    throw new Refusal('ENOENT', `src_vni ${vni}: ${dev} has no such VNI`);
  }

  /** Of a trunk those of its VNIs. Where no link is named, `src_vni` is about trunks. */
  meant({ dev, src_vni }: { dev?: string; src_vni?: number }): Link[] {
    return this.all(dev).flatMap(({ carried: { link, trunk } }) => {
      if (trunk) return trunk.links(src_vni);
      return dev === undefined && src_vni !== undefined ? [] : [link];
    });
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

/** Its device by the name that it has first. */
function properly(args: LinkArgs): LinkArgs {
  const name = args.dev ? firstName(args.dev) : args.dev;
  return name === args.dev ? args : { ...args, dev: name };
}

/** A group and hosts exclude each other: what is named takes the other's place. */
function leftFor({ group, remotes }: LinkArgs): Partial<LinkArgs> {
  if (group) return { remotes: [] };
  return remotes && remotes.length > 0 ? { group: null } : {};
}
