/** A link of the native data plane: its TAP, its share of the sockets, its rows of the tables; opened in order, changed as it runs. */

import { type Device, findDevice } from '../io/devices.ts';
import { native } from '../io/native.ts';
import { succeeds } from '../io/rtnetlink.ts';
import type { CounterName } from '../tables/counters.ts';
import type { Dataplane } from './dataplane.ts';
import { changeRemotes } from './default-remotes.ts';
import { makeRoom } from './host.ts';
import { type Link, NO_VNI } from './link.ts';
import type { LinkOptions } from './link-options.ts';
import { takeWays, type Ways } from './link-ways.ts';
import { type Offload, OffloadReport, turnOffTap, turnOnTap } from './offloads.ts';
import { openTap, steer } from './open-tap.ts';
import { PathWatch } from './path-watch.ts';
import type { LinkArgs } from './protocol.ts';
import { Refusal } from './refusal.ts';
import { keepUp, type Site, settle, survey } from './site.ts';
import { hasIpv6 } from './sockets.ts';
import { Trunk } from './trunk.ts';
import { type Undo, undoAll } from './undo.ts';
import { tellOfVrf } from './vrf.ts';
import { Whereabouts } from './whereabouts.ts';

export class CarriedLink {
  readonly link: Link;
  readonly ifindex: number;
  /** Index of `dev`; 0: none was named. */
  underlay: number;
  readonly workers: number;
  /** The TAP is ours, and goes with us. */
  readonly isMade: boolean;
  /** Its VNIs, where it has more than one. */
  readonly trunk?: Trunk;
  /** Resolves when it is carried no more: with what went wrong, or undefined after `close`. */
  readonly ended: Promise<string | undefined>;
  options: LinkOptions;
  private readonly plane: Dataplane;
  private readonly queues: readonly number[];
  private readonly report: OffloadReport;
  private readonly undo: Undo;
  private readonly path: PathWatch;
  private ways: Ways;
  private isReadWhole = false;
  readonly where: Whereabouts;
  private isClosed = false;

  private constructor(made: Parts, plane: Dataplane, queues: readonly number[], undo: Undo) {
    this.link = made.link;
    this.ifindex = made.ifindex;
    this.underlay = made.underlay;
    this.ended = made.ended;
    this.options = made.options;
    this.report = made.report;
    this.ways = made.ways;
    this.isMade = made.isMade;
    this.workers = queues.length;
    this.plane = plane;
    this.queues = queues;
    this.undo = undo;
    this.where = new Whereabouts(queues[0], made.ifindex);
    const listener = {
      device: ({ up, promiscuous }: Device) => {
        this.follow(up);
        this.followReader(promiscuous);
      },
      deviceGone: () => this.where.deviceGone(),
    };
    plane.host.watch.follow(this.ifindex, listener);
    undo.push(() => plane.host.watch.unfollow(this.ifindex, listener));
    if (made.options.vni === NO_VNI) this.trunk = new Trunk(plane, this);
    this.path = new PathWatch(made.link, plane.tables, plane.host);
    this.path.ask(made.options, made.underlay);
    undo.push(plane.everySecond(() => this.path.look(this.options, this.underlay)));
    undo.push(plane.everySecond(() => this.trunk?.look()));
    undo.push(plane.host.atMtu(() => this.lookAtMtu()));
    plane.whenBehind.set(made.link.index, () => this.makeRoom());
    undo.push(() => void plane.whenBehind.delete(made.link.index));
    undo.push(plane.everySecond(() => this.where.look(plane.host.watch, this.name)));
  }

  /** Opens its TAP too. */
  static open(plane: Dataplane, options: LinkOptions): Promise<CarriedLink> {
    const site = survey(options);
    const queues = openTap({ ...plane.options, ...options }, site.existing, plane.say);
    return CarriedLink.openOver(plane, options, site, queues);
  }

  /** `site`: as it was before the TAP was opened. */
  static async openOver(
    plane: Dataplane,
    options: LinkOptions,
    site: Site,
    queues: readonly number[],
  ): Promise<CarriedLink> {
    const undo: Undo = [];
    try {
      const parts = await open(plane, options, site, queues, undo);
      return new CarriedLink(parts, plane, queues, undo);
    } catch (error) {
      await undoAll(undo);
      throw error;
    }
  }

  get mtu(): number {
    return this.plane.tables.links.mtu(this.link.index);
  }

  get name(): string {
    return this.link.name;
  }

  /** Its TAP has another name. */
  rename(name: string): void {
    for (const link of [this.link, ...(this.trunk?.links() ?? [])]) link.name = name;
    this.options = { ...this.options, name };
  }

  underlayRenamed(dev: string): void {
    this.options = { ...this.options, dev };
  }

  /** Of its TAP, as it is now. */
  get state(): { mtu: number; mac: string; up: boolean } {
    return this.where.device ?? { mtu: this.mtu, mac: '', up: false };
  }

  /** By name; of a trunk those of all its VNIs together. */
  counters(): Record<CounterName, number> {
    const all = this.link.counters();
    for (const link of this.trunk?.links() ?? []) {
      for (const [name, count] of Object.entries(link.ownCounters())) all[name as CounterName] += count;
    }
    return all;
  }

  /** In force. */
  get offloads(): readonly Offload[] {
    this.plane.outlet?.tell(this.report);
    return this.report.inForce;
  }

  /** Becomes what `to` says, or stays what it is. `said`: what is new in it, as settings of the TAP are others' too. */
  async change(to: LinkOptions, said: LinkArgs): Promise<void> {
    const { plane, link, report, queues } = this;
    const site = survey(to);
    this.checkChange(to, site);
    const undo: Undo = [report.keep()];
    try {
      const ways = await takeWays(plane, to, site, link.isDual, report);
      undo.push(() => undoAll(ways.undo));
      ways.membership?.follow(this.state.up);
      this.keepUp(said, undo);
      const underlay = site.device?.index ?? 0;
      undo.push(() => plane.sockets.cook(link.index, this.options, this.underlay));
      plane.sockets.cook(link.index, to, underlay);
      const isTrunk = to.vni === NO_VNI;
      if (ways.sender !== this.ways.sender) {
        undo.push(() => plane.carry(link.index, queues, report.has('lro'), this.ways.sender.id, isTrunk));
        await plane.carry(link.index, queues, report.has('lro'), ways.sender.id, isTrunk);
      }
      undo.push(() => link.apply(plane.settings(this.options)));
      link.apply(plane.settings(to));
      undo.push(() => changeRemotes(link, to, this.options));
      changeRemotes(link, this.options, to);
      undo.push(() => this.trunk?.apply(to, this.options));
      this.trunk?.apply(this.options, to);
      if (to.dev !== this.options.dev) tellOfVrf(to.name, site.device, plane.say);
      const before = this.ways;
      this.ways = ways;
      this.options = to;
      this.underlay = underlay;
      this.path.ask(to, underlay);
      await undoAll(before.undo);
    } catch (error) {
      await undoAll(undo);
      throw error;
    }
  }

  /** Wherever its TAP is. */
  private keepUp(said: LinkArgs, undo: Undo): void {
    const { where, isMade } = this;
    const done: Undo = [];
    try {
      where.within(() => keepUp({ tap: where.device, isMade }, said, this.options.addresses, done));
    } finally {
      undo.push(...done.map((each) => () => where.within(each)));
    }
  }

  /** Stops carrying, and takes away what was made. */
  async close(): Promise<void> {
    const { plane, link, undo } = this;
    this.isClosed = true;
    link.disappear();
    await this.trunk?.close();
    await plane.leave(link.index);
    await undoAll(this.ways.undo);
    await undoAll(undo);
  }

  /**
   * Open vSwitch in user space sets its ports promiscuous, and reads each frame into room for one of the MTU's length;
   * a merged one is lost to it.
   */
  private followReader(isPromiscuous: boolean): void {
    const { plane, report } = this;
    if (isPromiscuous === this.isReadWhole) return;
    this.isReadWhole = isPromiscuous;
    plane.turns.takeAlone(this.name, async () => {
      const before = report.has('lro');
      if (this.isReadWhole) report.lacks('lro', 'the TAP is promiscuous');
      else report.regains('lro');
      const merge = report.has('lro');
      if (this.isClosed || merge === before) return;
      const { options, queues, ways } = this;
      await plane.carry(this.link.index, queues, merge, ways.sender.id, options.vni === NO_VNI);
      plane.say('info', `${options.name}: offloads: ${report}`);
    });
  }

  private lookAtMtu(): void {
    this.path.lookAtMtu(this.options, this.underlay);
    this.trunk?.lookAtMtu();
  }

  private makeRoom(): void {
    const { plane, link, where, isMade } = this;
    plane.whenBehind.delete(link.index); // once
    if (isMade) succeeds(() => where.within(() => where.device && makeRoom(where.device)));
  }

  /** Its TAP is up, or down: as the kernel's link, it is in its group while it is up. */
  private follow(isUp: boolean): void {
    try {
      this.ways.membership?.follow(isUp);
      this.trunk?.follow(isUp);
    } catch (error) {
      this.plane.say('warn', (error as Error).message);
    }
  }

  private checkChange(to: LinkOptions, { ipv6 }: Site): void {
    const { link } = this;
    const isSaid = to.remotes.length > 0 || to.local !== undefined || to.group !== undefined;
    if (isSaid && ipv6 !== link.ipv6) {
      throw new Refusal(
        'EAFNOSUPPORT',
        `${to.name} has an ${link.ipv6 ? 'IPv6' : 'IPv4'} underlay; another link is made for the other family`,
      );
    }
    if ((to.vni === NO_VNI) !== (this.trunk !== undefined)) {
      throw new Refusal('EOPNOTSUPP', `external and vnifilter are said of ${to.name} when it is made`);
    }
    link.checkFree(to);
    this.trunk?.check(to);
  }
}

interface Parts {
  link: Link;
  ifindex: number;
  underlay: number;
  ended: Promise<string | undefined>;
  options: LinkOptions;
  report: OffloadReport;
  ways: Ways;
  isMade: boolean;
}

async function open(
  plane: Dataplane,
  options: LinkOptions,
  site: Site,
  queues: readonly number[],
  undo: Undo,
): Promise<Parts> {
  const { host, links, say } = plane;
  const report = new OffloadReport(plane.options.offloads);
  plane.outlet?.tell(report);
  undo.push(() => {
    for (const fd of queues) native().closeFd(fd);
  });
  if (queues.length > 1) steer(queues[0], undo, say);
  turnOnTap(queues[0], report);
  undo.push(() => turnOffTap(queues[0]));
  const isDual = options.vni === NO_VNI && hasIpv6();
  const link = links.add(plane.settings(options), site.ipv6, isDual);
  undo.push(() => links.remove(link));
  link.interfaces = { index: (name) => findDevice(name)?.index, name: (index) => findDevice(index)?.name };
  changeRemotes(link, { remotes: [] }, options);
  const whileOpening: Undo = [];
  try {
    const ways = await takeWays(plane, options, site, link.isDual, report);
    whileOpening.push(() => undoAll(ways.undo));
    const underlay = site.device?.index ?? 0;
    plane.sockets.cook(link.index, options, underlay);
    const { index, up } = settle(host, link, options, site, undo, say);
    ways.membership?.follow(up);
    const { ended } = await plane.carry(
      link.index,
      queues,
      report.has('lro'),
      ways.sender.id,
      options.vni === NO_VNI,
    );
    whileOpening.push(() => plane.leave(link.index));
    link.appear();
    tellOfVrf(options.name, site.device, say);
    say('info', `offloads: ${report}`);
    return { link, ifindex: index, underlay, ended, options, report, ways, isMade: !site.existing };
  } catch (error) {
    await undoAll(whileOpening);
    throw error;
  }
}
