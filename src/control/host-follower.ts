/** Keeps the tables in step with the host: our own addresses, and each link with its TAP. */

import { EVERY_DEVICE, type HostListener, HostWatch } from '../io/host-watch.ts';
import { NUD } from '../io/neighbors.ts';
import { LINK_FLAG } from '../tables/links.ts';
import type { Tables } from '../tables/tables.ts';
import { parseMac } from '../wire/address.ts';
import type { Link } from './link.ts';

/** A script may change many interfaces, and links be many. */
const BETWEEN_MTUS_MS = 100;

export class HostFollower {
  readonly watch = new HostWatch();
  /** Grows when this host's routes change. */
  routes = 0;
  /** Grows when an interface gets another MTU; those of TAPs are no news, as links come with one. A TUN has no MAC. */
  mtus = 0;
  /** By interface: `mtus` when it got its own. */
  private readonly mtusOf = new Map<number, number>();
  private readonly whenMtu = new Set<() => void>();
  private mtuTimer: NodeJS.Timeout | undefined;
  private toldOfMtu = Number.NEGATIVE_INFINITY;

  constructor(tables: Tables) {
    this.watch.follow(EVERY_DEVICE, ownAddresses(tables));
    this.watch.follow(EVERY_DEVICE, {
      routes: () => {
        this.routes++;
      },
      device: ({ index, mtu, kind, mac }, before) => {
        if (!before || before.mtu === mtu || (kind === 'tun' && mac !== '')) return;
        this.mtusOf.set(index, ++this.mtus);
        this.tellOfMtu();
      },
      deviceGone: ({ index }) => this.mtusOf.delete(index),
    });
  }

  /** Whether one of these interfaces got another MTU since `mtus` was that. */
  hasOtherMtu(devices: readonly number[], since: number): boolean {
    return this.mtus !== since && devices.some((index) => (this.mtusOf.get(index) ?? 0) > since);
  }

  /** The link has its TAP's MAC, MTU and neighbours from here on; returns what ends that. */
  follow(link: Link, tapIndex: number): () => void {
    const listener = tapOf(link);
    this.watch.follow(tapIndex, listener);
    return () => this.watch.unfollow(tapIndex, listener);
  }

  /** What to do when an interface has got another MTU; returns what ends that. */
  atMtu(act: () => void): () => void {
    this.whenMtu.add(act);
    return () => this.whenMtu.delete(act);
  }

  close(): void {
    clearTimeout(this.mtuTimer);
    this.watch.close();
  }

  /** At once, and of several in a row at the end too. */
  private tellOfMtu(): void {
    const wait = Math.max(0, this.toldOfMtu + BETWEEN_MTUS_MS - performance.now());
    this.mtuTimer ??= setTimeout(() => {
      this.mtuTimer = undefined;
      this.toldOfMtu = performance.now();
      for (const act of this.whenMtu) act();
    }, wait).unref();
  }
}

/** One address can be on several interfaces, and with several prefixes. */
function ownAddresses({ own, remotes }: Tables): HostListener {
  const times = new Map<string, number>();
  return {
    address({ ip }) {
      const before = times.get(ip.join()) ?? 0;
      times.set(ip.join(), before + 1);
      if (before > 0) return;
      own.addAddress(ip);
      remotes.markOwn(ip);
    },
    addressGone({ ip }) {
      const left = (times.get(ip.join()) ?? 0) - 1;
      if (left > 0) return void times.set(ip.join(), left);
      if (!times.delete(ip.join())) return;
      own.removeAddress(ip);
      remotes.markOwn(ip);
    },
  };
}

function tapOf(link: Link): HostListener {
  const { links } = link.tables;
  return {
    device({ mac, mtu, up }, before) {
      const words = parseMac(mac);
      if (words) links.setMac(link.index, words.high, words.low);
      if (mtu > 0) links.setMtu(link.index, mtu);
      // as the kernel's link, it forgets when it goes down what it would have forgotten in time
      if (before?.up && !up) link.fdb.flush({ words: ['dynamic'] });
    },
    neighbor({ ip, mac, state }) {
      link.neighbors.told(ip, state & answered(link) ? parseMac(mac) : undefined);
    },
    neighborGone: ({ ip }) => link.neighbors.untold(ip),
  };
}

/** What the kernel itself resolves through us, `suppress` has seen in the tunnel: only what was set by hand counts. */
function answered({ tables, index }: Link): number {
  const byHand = NUD.permanent | NUD.noarp;
  return tables.links.flags(index) & LINK_FLAG.suppress ? byHand : byHand | NUD.reachable;
}
