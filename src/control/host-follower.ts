/** Keeps the tables in step with the host: our own addresses, and each link with its TAP. */

import { EVERY_DEVICE, type HostListener, HostWatch } from '../io/host-watch.ts';
import { NUD } from '../io/neighbors.ts';
import { LINK_FLAG } from '../tables/links.ts';
import { NEIGHBOR_KERNEL, NEIGHBOR_UNRESOLVED } from '../tables/neighbors.ts';
import type { OwnAddresses } from '../tables/own-addresses.ts';
import type { Tables } from '../tables/tables.ts';
import { parseMac } from '../wire/address.ts';

export class HostFollower {
  readonly watch = new HostWatch();
  private readonly tables: Tables;

  constructor(tables: Tables) {
    this.tables = tables;
    this.watch.follow(EVERY_DEVICE, ownAddresses(tables.own));
  }

  /** The link has its TAP's MAC, MTU and neighbours from here on; returns what ends that. */
  follow(link: number, tapIndex: number): () => void {
    const listener = tapOf(this.tables, link);
    this.watch.follow(tapIndex, listener);
    return () => this.watch.unfollow(tapIndex, listener);
  }

  close(): void {
    this.watch.close();
  }
}

/** One address can be on several interfaces, and with several prefixes. */
function ownAddresses(own: OwnAddresses): HostListener {
  const times = new Map<string, number>();
  return {
    address({ ip }) {
      const before = times.get(ip.join()) ?? 0;
      times.set(ip.join(), before + 1);
      if (before === 0) own.addAddress(ip);
    },
    addressGone({ ip }) {
      const left = (times.get(ip.join()) ?? 0) - 1;
      if (left > 0) times.set(ip.join(), left);
      else if (times.delete(ip.join())) own.removeAddress(ip);
    },
  };
}

function tapOf(tables: Tables, link: number): HostListener {
  const { neighbors, links } = tables;
  return {
    device({ mac, mtu }) {
      const words = parseMac(mac);
      if (words) links.setMac(link, words.high, words.low);
      if (mtu > 0) links.setMtu(link, mtu);
    },
    neighbor({ ip, mac, state }) {
      const known = parseMac(mac);
      const flag = known && state & answered(tables, link) ? NEIGHBOR_KERNEL : NEIGHBOR_UNRESOLVED;
      neighbors.set(link, ip, known?.high ?? 0, known?.low ?? 0, flag, 0);
    },
    neighborGone: ({ ip }) => void neighbors.remove(link, ip, true),
  };
}

/** What the kernel itself resolves through us, `suppress` has seen in the tunnel: only what was set by hand counts. */
function answered({ links }: Tables, link: number): number {
  const byHand = NUD.permanent | NUD.noarp;
  return links.flags(link) & LINK_FLAG.suppress ? byHand : byHand | NUD.reachable;
}
