/** Links with all that was said of them: what a file wants, and what runs, in one form that can be compared. */

import { isIPv6 } from 'node:net';
import { DEFAULT_SETTINGS } from '../control/link.ts';
import { linkOptions } from '../control/link-args.ts';
import type { FdbArgs, LinkArgs, NeighArgs, VniArgs } from '../control/protocol.ts';
import { formatIp, formatMac, parseIp, parseMac } from '../wire/address.ts';

export const ALL_ZERO = '00:00:00:00:00:00';

export interface LinkState {
  args: LinkArgs;
  /** Of a link that runs: what its TAP has, whoever set it. */
  tap?: { up: boolean; mtu: number; address: string };
  /** Those that were made by hand, beside what `remotes` and `group` say. */
  fdb: FdbArgs[];
  neigh: NeighArgs[];
  vnis: VniArgs[];
}

/** By name. */
export type States = ReadonlyMap<string, LinkState>;

/** Of its underlay; undefined: nothing says which. */
export function isOfIpv6({ remotes, group, local }: LinkArgs): boolean | undefined {
  const said = remotes?.[0] ?? group ?? local ?? undefined;
  return said === undefined ? undefined : isIPv6(said);
}

/** No two links have the same. */
export function identity(args: LinkArgs): string {
  if (args.external) return `trunk ${args.name}`;
  return `${isOfIpv6(args) ? 'IPv6' : 'IPv4'} ${args.dstport ?? DEFAULT_SETTINGS.port} ${args.id ?? 0}`;
}

/** What the all-zero MAC leads to by the link's own words. */
export function defaultEntries({ name, remotes = [], group, external }: LinkArgs): FdbArgs[] {
  if (external) return []; // its VNIs have them
  const all = group ? [...remotes, group] : remotes;
  return all.map((dst) => fdbState({ dev: name, mac: ALL_ZERO, dst }, { name }));
}

/** Two that mean the same look the same: what is as by default is left out. */
export function fdbState(entry: FdbArgs, link: LinkArgs): FdbArgs {
  const { dev, mac, port, vni, src_vni, state } = entry;
  const [dst, zone] = entry.dst?.split('%') ?? [];
  const via = entry.via ?? zone;
  const flags = entry.flags?.filter((flag) => flag !== 'use').sort() ?? [];
  const made: FdbArgs = { dev, mac: plainMac(mac) };
  if (dst !== undefined) made.dst = plainIp(dst);
  if (port !== undefined && port !== (link.dstport ?? DEFAULT_SETTINGS.port)) made.port = port;
  if (vni !== undefined && vni !== (link.id ?? 0)) made.vni = vni;
  if (src_vni !== undefined) made.src_vni = src_vni;
  if (via !== undefined) made.via = via;
  if (state !== undefined && state !== 'permanent') made.state = state;
  if (flags.length > 0) made.flags = flags;
  return made;
}

export function neighState({ dev, ip, mac, flags }: NeighArgs): NeighArgs {
  return { dev, ip: plainIp(ip), mac: plainMac(mac), ...(flags && flags.length > 0 && { flags }) };
}

/** A group's MAC, or the all-zero one: it has a list of destinations. */
export function isList(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1 || mac === ALL_ZERO;
}

/** What has one entry: a MAC, in a trunk that of a VNI. */
export function entryKey({ mac, src_vni }: FdbArgs): string {
  return src_vni === undefined ? mac : `${mac} src_vni ${src_vni}`;
}

/** VNI by VNI, as ranges may be cut otherwise; two that mean the same look the same. */
export function eachVni(entries: readonly VniArgs[]): VniArgs[] {
  return entries.flatMap(({ dev, vni: [first, last], group, remote, vlan }) =>
    Array.from({ length: last - first + 1 }, (_, at): VniArgs => {
      const one: VniArgs = { dev, vni: [first + at, first + at] };
      if (group !== undefined) one.group = plainIp(group);
      if (remote !== undefined) one.remote = plainIp(remote);
      if (vlan !== undefined) one.vlan = vlan + at;
      return one;
    }),
  );
}

/** Where an entry leads; a unicast one leads to one place only. */
export function destination({ dst, port, vni, src_vni, via }: FdbArgs): string {
  return [dst, port, vni, src_vni, via].join(' ');
}

/** Settings that are the link's alone: the TAP's own, which others may set too, and the remotes are compared by themselves. */
export function settings(args: LinkArgs): string {
  const { up, mtu, mac, addresses, remotes, group, ...own } = linkOptions(args);
  return JSON.stringify([own, group, args.external ?? false, args.vnifilter ?? false]);
}

function plainMac(text: string): string {
  const mac = parseMac(text);
  return mac ? formatMac(mac.high, mac.low) : text;
}

export function plainIp(text: string): string {
  const ip = parseIp(text);
  return ip ? formatIp(ip[0], ip[1], ip[2], ip[3]) : text;
}
