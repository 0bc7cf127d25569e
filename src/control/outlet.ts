/**
 * The outlet: a TAP of ours by which superframes leave whole (`native/outlet.c`), as those of the kernel's own tunnels
 * do. What goes there is seen by no packet filter, no IPsec policy, no routing rule of this host; so it is shut while
 * there are any. Its device is there when something has wanted to leave by it.
 */

import { isIPv6 } from 'node:net';
import { release } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { changeDevice, type Device, findDevice, withoutAddresses } from '../io/devices.ts';
import { EVERY_DEVICE, type HostWatch } from '../io/host-watch.ts';
import { native } from '../io/native.ts';
import { findPolicy } from '../io/policies.ts';
import { findRoute } from '../io/routes.ts';
import { KernelRefusal } from '../io/rtnetlink.ts';
import type { Remotes } from '../tables/remotes.ts';
import { CLOSED, type Owner, type Way, Ways } from '../tables/ways.ts';
import { formatIp, isIpv4Mapped, isMulticast, parseIp } from '../wire/address.ts';
import type { LinkOptions, Say } from './link-options.ts';
import type { OffloadReport } from './offloads.ts';

/** How often the host's policies are looked at while it is in use. */
const LOOK_MS = 250;
const LINUX = [6, 17] as const;
const NONE_HERE = `this kernel has none (Linux ${LINUX.join('.')})`;

/** Where a link's datagrams come from. */
interface Origin {
  readonly local: string | undefined;
  readonly device: number;
}

export class Outlet {
  readonly ways: Ways;
  private readonly remotes: Remotes;
  private readonly say: Say;
  private readonly origins = new Map<number, Origin>();
  private readonly stopListening: () => void;
  /** What it is shut for. */
  private obstacle: string | undefined;
  private isImpossible = !isSince(LINUX);
  private made: { readonly index: number; readonly fd: number } | undefined;
  /** All that there ever were: a worker may still write to one whose device has gone. */
  private readonly fds: number[] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(remotes: Remotes, watch: HostWatch, say: Say) {
    this.remotes = remotes;
    this.say = say;
    this.ways = new Ways(Ways.allocate(remotes.capacity));
    this.obstacle = this.isImpossible ? NONE_HERE : findPolicy();
    const forget = () => this.ways.forget();
    const deviceGone = ({ index }: Device) => {
      if (index === this.made?.index) this.made = undefined; // by hand: another is made
      forget();
    };
    const listener = { routes: forget, device: forget, deviceGone, address: forget, addressGone: forget };
    watch.follow(EVERY_DEVICE, listener);
    this.stopListening = () => watch.unfollow(EVERY_DEVICE, listener);
  }

  /** As the sockets' `cook`. */
  cook(link: number, { local }: Pick<LinkOptions, 'local'>, device: number): void {
    this.origins.set(link, { local, device });
    this.ways.forget();
  }

  tell(report: OffloadReport): void {
    if (this.obstacle === undefined) report.regains('tnl');
    else report.lacks('tnl', this.obstacle);
  }

  /** Of all remotes that superframes were sent to since. */
  findWays(): void {
    const { ways, remotes } = this;
    if (this.isImpossible) return;
    this.timer ??= setInterval(() => this.look(), LOOK_MS).unref();
    if (ways.outlet === CLOSED || !this.made) this.settle();
    if (ways.outlet === CLOSED) return;
    ways.hear();
    for (const remote of remotes.all()) {
      if (!ways.isWanted(remote)) continue;
      const { now } = ways;
      const to = Int32Array.from([0, 1, 2, 3], (word) => remotes.address(remote, word));
      const owner = { link: remotes.link(remote), scope: remotes.scope(remote), to };
      ways.put(remote, now, owner, this.find(owner));
    }
  }

  /** When the workers have ended. */
  close(): void {
    clearInterval(this.timer);
    this.stopListening();
    for (const fd of this.fds) native().closeFd(fd);
  }

  /** What nobody uses nobody need look at. Where it ends, the next superframe wants its way again. */
  private look(): void {
    const { ways } = this;
    const isOpen = ways.outlet !== CLOSED;
    if (isOpen && ways.wereUsed()) return this.settle();
    clearInterval(this.timer);
    this.timer = undefined;
    if (isOpen) ways.forget();
    else ways.hear();
  }

  /** Open where nothing is in the way, shut where something is. */
  private settle(): void {
    const { ways, obstacle } = this;
    this.obstacle = findPolicy() ?? this.open();
    ways.outlet = this.obstacle === undefined && this.made ? this.made.fd : CLOSED;
    if (this.obstacle === obstacle) return;
    ways.forget(); // so that they are wanted, and this is looked at, again
    const how = this.obstacle === undefined ? 'whole' : `in pieces: ${this.obstacle}`;
    this.say('info', `superframes leave ${how}`);
  }

  /** Or a sentence: why it cannot be had. */
  private open(): string | undefined {
    if (this.made) return undefined;
    const made = new Int32Array(2);
    const fd = native().outletOpen(made);
    this.isImpossible = fd < 0;
    if (fd < 0) return whyNot(getSystemErrorName(fd));
    this.fds.push(fd, made[1]);
    try {
      this.made = { index: made[0], fd };
      setUp(made[0]);
      return undefined;
    } catch (error) {
      if (!(error instanceof KernelRefusal)) throw error;
      this.isImpossible = true;
      return error.message;
    }
  }

  private find({ link, scope, to }: Owner): Way | undefined {
    const { local, device = 0 } = this.origins.get(link) ?? {};
    if (isMulticast(to[0], to[1], to[2], to[3])) return undefined;
    const route = findRoute(formatIp(to[0], to[1], to[2], to[3]), scope || device || undefined);
    const isOfLocal = local !== undefined && isIPv6(local) === !isIpv4Mapped(to[0], to[1], to[2]);
    const source = parseIp((isOfLocal ? local : route?.source) ?? '');
    if (!route?.isPlain || route.index === undefined || route.mtu === undefined || !source) return undefined;
    return { device: route.index, mtu: route.mtu, source };
  }
}

function setUp(index: number): void {
  const device = findDevice(index);
  if (!device) return; // deleted by hand meanwhile: another is made
  withoutAddresses(device);
  changeDevice(device, { up: true });
}

function isSince([major, minor]: readonly [number, number]): boolean {
  const [runs, what] = release().split('.').map(Number);
  return runs > major || (runs === major && what >= minor);
}

function whyNot(code: string): string {
  if (code === 'EINVAL') return NONE_HERE;
  if (code === 'EPERM' || code === 'EACCES') return `it takes CAP_NET_ADMIN and CAP_BPF (${code})`;
  return `its device cannot be made (${code})`;
}
