/** What the host knows and what is set on it, by iproute2's own command, and what changes there, by rtnetlink. */

import { spawnSync } from 'node:child_process';
import { HostWatch, NUD } from '../io/netlink.ts';
import { LINK_FLAG } from '../tables/links.ts';
import { NEIGHBOR_KERNEL, NEIGHBOR_UNRESOLVED } from '../tables/neighbors.ts';
import type { Tables } from '../tables/tables.ts';
import type { Undo } from './undo.ts';

export interface Device {
  index: number;
  mtu: number;
  mac: string;
  up: boolean;
  /** Of a TAP that was made for several queues: how many are held now. */
  queues?: number;
}

interface IpLink {
  ifindex: number;
  mtu: number;
  address?: string;
  flags: string[];
  linkinfo?: { info_data?: { multi_queue?: boolean; numqueues?: number } };
}

interface IpRoute {
  dev?: string;
  prefsrc?: string;
  metrics?: { mtu?: number }[];
}

function ip(...words: string[]): { ok: boolean; out: string; error: string } {
  const done = spawnSync('ip', words, { encoding: 'utf8' });
  if (done.error) throw new Error('the command `ip` is missing: install iproute2');
  return { ok: done.status === 0, out: done.stdout, error: done.stderr.trim() };
}

function json<T>(...words: string[]): T[] {
  const { ok, out } = ip('-j', ...words);
  return ok && out.trim() !== '' ? (JSON.parse(out) as T[]) : [];
}

export function device(name: string): Device | undefined {
  const [link] = json<IpLink>('-d', 'link', 'show', 'dev', name);
  if (!link) return undefined;
  const { multi_queue: isSeveral, numqueues } = link.linkinfo?.info_data ?? {};
  return {
    index: link.ifindex,
    mtu: link.mtu,
    mac: link.address ?? '',
    up: link.flags.includes('UP'),
    ...(isSeveral && { queues: numqueues ?? 0 }),
  };
}

/** The way to a remote: the source it would be sent from, the device it leaves by, and what the way carries. */
export function route(
  remote: string,
  dev?: string,
): { source?: string; dev?: string; mtu?: number } | undefined {
  const [found] = json<IpRoute>('route', 'get', remote, ...(dev ? ['oif', dev] : []));
  if (!found) return undefined;
  const mtu = found.metrics?.[0]?.mtu ?? (found.dev ? device(found.dev)?.mtu : undefined);
  return {
    source: found.prefsrc,
    dev: found.dev,
    mtu: mtu === undefined ? undefined : Math.min(mtu, 65_535),
  };
}

export interface Wanted {
  name: string;
  mtu: number;
  /** An MTU that was asked for must be had; one that was derived is only said when it may not be set. */
  mtuAsked: boolean;
  mac?: string;
  addresses: readonly string[];
  up: boolean;
}

/**
 * Sets on the TAP what is not so yet. Each change that a device which outlives us should not keep goes to `undo`.
 * Returns the device as it is then.
 */
export function setUp(wanted: Wanted, undo: Undo, warn: (sentence: string) => void): Device {
  const { name, mtu, mac } = wanted;
  const before = device(name);
  if (!before) throw new Error(`the TAP ${name} vanished while it was set up`);
  const must = (...words: string[]) => {
    const { ok, error } = ip(...words);
    if (!ok) throw new Error(`\`ip ${words.join(' ')}\` failed: ${error}`);
  };
  const set = (was: string, ...words: string[]) => {
    must('link', 'set', 'dev', name, ...words);
    undo.push(() => ip('link', 'set', 'dev', name, ...words.slice(0, -1), was));
  };
  if (mac && mac !== before.mac) set(before.mac, 'address', mac);
  if (mtu !== before.mtu && (wanted.mtuAsked || mayConfigure(name, before.mtu)))
    set(`${before.mtu}`, 'mtu', `${mtu}`);
  else if (mtu < before.mtu) {
    warn(
      `the MTU of ${name} stays ${before.mtu}, the path carries ${mtu}; as root: ip link set dev ${name} mtu ${mtu}`,
    );
  }
  const had = addressesOf(name);
  for (const address of wanted.addresses.filter((each) => !had.includes(each))) {
    must('address', 'add', address, 'dev', name);
    undo.push(() => ip('address', 'del', address, 'dev', name));
  }
  if (wanted.up && !before.up) set('down', 'up');
  return device(name) ?? before;
}

/** Setting the MTU that is there changes nothing, and tells whether another may be set. */
function mayConfigure(name: string, mtu: number): boolean {
  return ip('link', 'set', 'dev', name, 'mtu', `${mtu}`).ok;
}

function addressesOf(name: string): string[] {
  const [found] = json<{ addr_info: { local: string; prefixlen: number }[] }>('address', 'show', 'dev', name);
  return (found?.addr_info ?? []).map(({ local, prefixlen }) => `${local}/${prefixlen}`);
}

const NO_MAC = new Uint8Array(6);

/** Keeps the tables in step with the host: our addresses, the TAP's own MAC and MTU, its neighbours. */
export function follow(tables: Tables, link: number, tapIndex: number): HostWatch {
  const { neighbors, links, own } = tables;
  // what the kernel itself resolves through us, `suppress` has seen in the tunnel: only what was set by hand counts
  const byHand = NUD.permanent | NUD.noarp;
  const answered = links.flags(link) & LINK_FLAG.suppress ? byHand : byHand | NUD.reachable;
  return new HostWatch({
    neighbor(on, address, mac, state) {
      if (on !== tapIndex) return;
      if (mac?.length === 6 && state & answered)
        neighbors.set(link, address, macHigh(mac), macLow(mac), NEIGHBOR_KERNEL, 0);
      else {
        const known = mac?.length === 6 ? mac : NO_MAC;
        neighbors.set(link, address, macHigh(known), macLow(known), NEIGHBOR_UNRESOLVED, 0);
      }
    },
    neighborGone(on, address) {
      if (on === tapIndex) neighbors.remove(link, address, true);
    },
    address: (address) => own.addAddress(address),
    addressGone: (address) => own.removeAddress(address),
    device(index, mac, mtu) {
      if (index !== tapIndex) return;
      if (mac?.length === 6) links.setMac(link, macHigh(mac), macLow(mac));
      if (mtu > 0) links.setMtu(link, mtu);
    },
  });
}

function macHigh(mac: Uint8Array): number {
  return (mac[0] << 8) | mac[1];
}

function macLow(mac: Uint8Array): number {
  return (mac[2] << 24) | (mac[3] << 16) | (mac[4] << 8) | mac[5];
}
