/**
 * What programs a host with its peers, as the reconciler sees it: three tables of one family, with what of ours is in
 * them.
 *
 *   table      key                         value
 *   neighbor   the other end's address     its MAC
 *   fdb        MAC of the other end        where its datagrams go
 *   route      subnet                      `via 10.5.52.0 dev flannel.1 onlink`; without the tunnel `via 192.0.2.7 dev eth0`
 */

import { formatIp, formatMac, parseIp, parseMac } from '../../wire/address.ts';
import type { Peer } from './peer.ts';

/** In the order in which a new peer's entries are made: nothing is sent its way before the way is whole. */
export const TABLES = ['neighbor', 'fdb', 'route'] as const;
export type Table = (typeof TABLES)[number];

export interface Entry {
  readonly table: Table;
  readonly key: string;
  readonly value: string;
}

export type Programmed = Readonly<Record<Table, Map<string, string>>>;

export interface Programmer {
  /** Sees to it that there is something to program, and tells what of ours is in it. Ends with `Away`, or not at all. */
  programmed(): Promise<Programmed>;
  /** What a peer needs; a sentence is thrown where that cannot be told. */
  entriesOf(peer: Peer): Entry[];
  /** `before`: what of ours is there now, and is replaced without a gap. Throws a sentence, about this entry only, or `Away`. */
  put(entry: Entry, before: string | undefined): Promise<void>;
  /** One of ours; that it has gone already is no failure. */
  remove(entry: Entry): Promise<void>;
}

/** Nothing at all can be programmed now: a sentence. */
export class Away extends Error {}

export function nothingProgrammed(): Programmed {
  return { neighbor: new Map(), fdb: new Map(), route: new Map() };
}

/** Through the tunnel `device`. */
export function tunnelEntries(peer: Peer, device: string): Entry[] {
  const gateway = plainIp(peer.gateway);
  const mac = plainMac(peer.mac);
  return [
    { table: 'neighbor', key: gateway, value: mac },
    { table: 'fdb', key: mac, value: plainIp(peer.remote) },
    { table: 'route', key: plainSubnet(peer.subnet), value: `via ${gateway} dev ${device} onlink` },
  ];
}

/** To a peer on the same link as we: its packets go as they are. */
export function directEntries(peer: Peer, device: string): Entry[] {
  return [
    {
      table: 'route',
      key: plainSubnet(peer.subnet),
      value: `via ${plainIp(peer.remote)} dev ${device}`,
    },
  ];
}

function plainIp(text: string): string {
  const ip = parseIp(text);
  if (!ip) throw new Error(`"${text}" is no IP address, such as 192.0.2.1 or 2001:db8::1`);
  return formatIp(ip[0], ip[1], ip[2], ip[3]);
}

function plainMac(text: string): string {
  const mac = parseMac(text);
  if (!mac) throw new Error(`"${text}" is no MAC address, such as 02:00:00:00:00:01`);
  return formatMac(mac.high, mac.low);
}

function plainSubnet(text: string): string {
  const [address, prefix] = text.split('/');
  return `${plainIp(address)}/${prefix}`;
}
