/** What the host knows and what is set on it, by iproute2's own command. */

import { spawnSync } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import { NEIGHBOR_UNRESOLVED } from '../tables/neighbors.ts';
import type { Tables } from '../tables/tables.ts';
import { parseIp, parseMac } from '../wire/address.ts';

export interface Device {
  index: number;
  mtu: number;
  mac: string;
  up: boolean;
}
export interface LinkState {
  mtu: number;
  mac: string;
}

interface IpLink {
  ifindex: number;
  mtu: number;
  address?: string;
  flags: string[];
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
  const [link] = json<IpLink>('link', 'show', 'dev', name);
  return link && { index: link.ifindex, mtu: link.mtu, mac: link.address ?? '', up: link.flags.includes('UP') };
}

/** The way to a remote: the source it would be sent from, and what the way carries. */
export function route(remote: string, dev: string | undefined): { source?: string; mtu?: number } | undefined {
  const [found] = json<{ dev?: string; prefsrc?: string; metrics?: { mtu?: number }[] }>(
    ...['route', 'get', remote],
    ...(dev ? ['oif', dev] : []),
  );
  if (!found) return undefined;
  const mtu = found.metrics?.[0]?.mtu ?? (found.dev ? device(found.dev)?.mtu : undefined);
  return { source: found.prefsrc, mtu: mtu === undefined ? undefined : Math.min(mtu, 65_535) };
}

export function addresses(): Int32Array[] {
  return Object.values(networkInterfaces()).flatMap((all) =>
    (all ?? []).map(({ address }) => parseIp(address)).filter((parsed) => parsed !== undefined),
  );
}

export interface Wanted {
  name: string;
  mtu: number;
  mac?: string;
  addresses: string[];
  up: boolean;
}

/** Sets what is not so yet; a derived MTU that may not be set is said, everything else that fails ends the start. */
export function setUp(wanted: Wanted & { mtu: number }): LinkState {
  const { name } = wanted;
  const before = device(name);
  if (!before) throw new Error(`the TAP ${name} vanished while it was set up`);
  const must = (...words: string[]) => {
    const { ok, error } = ip(...words);
    if (!ok) throw new Error(`\`ip ${words.join(' ')}\` failed: ${error}`);
  };
  if (wanted.mac && wanted.mac !== before.mac) must('link', 'set', 'dev', name, 'address', wanted.mac);
  if (wanted.mtu !== before.mtu && !ip('link', 'set', 'dev', name, 'mtu', String(wanted.mtu)).ok) {
    process.stderr.write(
      `vtep: the MTU of ${name} stays ${before.mtu}, the path carries ${wanted.mtu}; as root: ip link set dev ${name} mtu ${wanted.mtu}\n`,
    );
  }
  for (const address of wanted.addresses) must('address', 'replace', address, 'dev', name);
  if (wanted.up && !before.up) must('link', 'set', 'dev', name, 'up');
  const after = device(name) ?? before;
  return { mtu: after.mtu, mac: after.mac };
}

/** The kernel's own neighbour table of the TAP, where people type `ip neigh add ... dev NAME`, once a second. */
export function mirrorNeighbors(name: string, link: number, tables: Tables): () => void {
  const shown = new Set<string>();
  const take = () => {
    const now = new Set<string>();
    for (const { dst, lladdr, state } of json<{ dst: string; lladdr?: string; state: string[] }>(
      'neigh',
      'show',
      'dev',
      name,
      'nud',
      'all',
    )) {
      const address = parseIp(dst);
      const mac = parseMac(lladdr ?? '00:00:00:00:00:00');
      if (!address || !mac) continue;
      const usable = lladdr !== undefined && state.some((s) => ['PERMANENT', 'NOARP', 'REACHABLE'].includes(s));
      tables.neighbors.set(link, address, mac.high, mac.low, usable ? 0 : NEIGHBOR_UNRESOLVED, 0);
      now.add(dst);
    }
    for (const dst of shown) if (!now.has(dst)) tables.neighbors.remove(link, parseIp(dst) as Int32Array);
    shown.clear();
    for (const dst of now) shown.add(dst);
  };
  take();
  const timer = setInterval(take, 1000);
  return () => clearInterval(timer);
}
