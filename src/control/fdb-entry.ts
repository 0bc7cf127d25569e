/** An entry of a forwarding table between its text form (`protocol.ts`) and the words of the tables. */

import { FDB_FLAG } from '../tables/fdb.ts';
import type { Tables } from '../tables/tables.ts';
import { formatIp, formatMac, isIpv4Mapped, isUnspecified, parseIp, parseMac } from '../wire/address.ts';
import { MAX_VNI } from '../wire/vxlan.ts';
import type { FdbArgs, FdbItem } from './protocol.ts';
import { Refusal } from './refusal.ts';

/** What a verb is given; the link is the one whose table it is. */
export type FdbChange = Omit<FdbArgs, 'dev'>;

/** Interfaces that datagrams may be told to leave by. */
export interface Interfaces {
  index(name: string): number | undefined;
  name(index: number): string | undefined;
}

/** What the verbs know of the link whose table they change. */
export interface FdbOwner {
  readonly tables: Tables;
  readonly index: number;
  readonly name: string;
  readonly ipv6: boolean;
  /** Remotes are of either family. */
  readonly isDual?: boolean;
  /** Undefined: the transport lets nobody choose. */
  readonly interfaces?: Interfaces;
  /** One of the VNIs of a trunk. */
  readonly srcVni?: number;
  clock(): number;
}

export interface Key {
  readonly mac: string;
  readonly high: number;
  readonly low: number;
  /** A group MAC, or the all-zero one: it has a list of destinations. */
  readonly isList: boolean;
}

export interface Place {
  readonly ip: Int32Array;
  readonly port: number;
  readonly vni: number;
  readonly scope: number;
}

const STATES = {
  permanent: FDB_FLAG.permanent,
  static: FDB_FLAG.static,
  dynamic: FDB_FLAG.learned,
} as const;

/** Those that are kept; `use` only says that the entry is in use now. */
const FLAGS = {
  router: FDB_FLAG.router,
  extern_learn: FDB_FLAG.externLearn,
  sticky: FDB_FLAG.sticky,
} as const;
const FLAG_WORDS = Object.keys(FLAGS) as (keyof typeof FLAGS)[];

export function parseKey(mac: string): Key {
  const parsed = parseMac(mac);
  if (!parsed) throw new Refusal('EINVAL', `"${mac}" is no MAC address, such as 02:00:00:00:00:01`);
  const { high, low } = parsed;
  return { mac, high, low, isList: (high & 0x100) !== 0 || (high === 0 && low === 0) };
}

/** Where `dst` is, with the link's own port and VNI unless others are named. */
export function parsePlace(change: FdbChange, owner: FdbOwner): Place {
  const { index, ipv6, isDual, tables } = owner;
  const { dst, port = tables.links.port(index), vni = tables.links.vni(index) } = change;
  refuseForeign(change, owner);
  if (dst === undefined)
    throw new Refusal('EINVAL', `dst is missing: ${change.mac} needs the address of a remote`);
  const [address, zone] = dst.includes('%') ? dst.split('%') : [dst];
  const ip = parseIp(address);
  if (!ip || isUnspecified(ip[0], ip[1], ip[2], ip[3]))
    throw new Refusal('EINVAL', `dst "${dst}" is not an IP address, such as 192.0.2.1 or 2001:db8::1`);
  if (!isDual && isIpv4Mapped(ip[0], ip[1], ip[2]) === ipv6) {
    const [own, other] = ipv6 ? ['IPv6', 'IPv4'] : ['IPv4', 'IPv6'];
    throw new Refusal(
      'EAFNOSUPPORT',
      `dst ${dst} is of ${other}, the remotes of ${owner.name} are of ${own}`,
    );
  }
  check('port', port, 1, 65_535);
  check('vni', vni, 0, MAX_VNI);
  return { ip, port, vni, scope: parseVia(change.via ?? zone, owner) };
}

/** The flags of an entry that is made so by hand. */
export function parseFlags({ state = 'permanent', flags }: FdbChange): number {
  const stateFlag = STATES[state];
  if (stateFlag === undefined)
    throw new Refusal('EINVAL', `state "${state}" is none of ${Object.keys(STATES).join(', ')}`);
  let all = stateFlag | FDB_FLAG.byHand;
  for (const word of flags ?? []) {
    if (word === 'use') continue;
    const flag = FLAGS[word];
    if (flag === undefined) throw new Refusal('EINVAL', `"${word}" is none of ${FLAG_WORDS.join(', ')}, use`);
    all |= flag;
  }
  return all;
}

/** What is meant for another kind of link than this. */
export function refuseForeign({ src_vni }: { src_vni?: number }, { name, srcVni }: FdbOwner): void {
  if (src_vni === undefined || src_vni === srcVni) return;
  throw new Refusal('EOPNOTSUPP', `src_vni ${src_vni}: ${name} has one VNI, and is no trunk`);
}

/** The index of an interface; 0: none is named. */
export function parseVia(via: string | undefined, { interfaces, name }: FdbOwner): number {
  if (via === undefined) return 0;
  if (!interfaces)
    throw new Refusal('EOPNOTSUPP', `via ${via}: the transport of ${name} sends where the route goes`);
  const index = interfaces.index(via);
  if (index === undefined)
    throw new Refusal('EADDRNOTAVAIL', `via "${via}" is no interface of this namespace`);
  return index;
}

/** An entry's MAC and flags, as everyone shows them. */
export function describeEntry(
  high: number,
  low: number,
  flags: number,
): Pick<FdbItem, 'mac' | 'state' | 'flags'> {
  const words = FLAG_WORDS.filter((word) => flags & FLAGS[word]);
  return {
    mac: formatMac(high, low),
    state: stateOf(flags),
    ...(words.length > 0 && { flags: words }),
  };
}

function stateOf(flags: number): FdbItem['state'] {
  if (flags & FDB_FLAG.permanent) return 'permanent';
  if (flags & FDB_FLAG.static) return 'static';
  return flags & FDB_FLAG.byHand ? 'dynamic' : 'learned';
}

/** Where a remote is; port, VNI and interface are named where they are not the link's own. */
export function describeRemote(
  remote: number,
  owner: FdbOwner,
): Pick<FdbItem, 'dst' | 'port' | 'vni' | 'src_vni' | 'via'> {
  const { links, remotes } = owner.tables;
  const [port, vni, scope] = [remotes.port(remote), remotes.vni(remote), remotes.scope(remote)];
  return {
    dst: addressOf(remote, owner.tables),
    ...(port !== links.port(owner.index) && { port }),
    ...(vni !== links.vni(owner.index) && { vni }),
    ...(owner.srcVni !== undefined && { src_vni: owner.srcVni }),
    ...(scope !== 0 && { via: owner.interfaces?.name(scope) ?? `if${scope}` }),
  };
}

export function addressOf(remote: number, { remotes }: Tables): string {
  const word = (at: number) => remotes.address(remote, at);
  return formatIp(word(0), word(1), word(2), word(3));
}

function check(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new Refusal('EINVAL', `${name} ${value} is not a whole number from ${least} to ${most}`);
}
