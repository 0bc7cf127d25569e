/**
 * Route short-circuit (`rsc`): a packet to a router, whose next neighbour is known here, goes straight to that
 * neighbour, as the router would have sent it. Its TTL stays, as with the kernel.
 */

import { EVENT } from '../tables/events.ts';
import { FDB_FLAG } from '../tables/fdb.ts';
import { LINK_FLAG } from '../tables/links.ts';
import { isIpv4Mapped } from '../wire/address.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as ipv6 from '../wire/ipv6.ts';
import type { Datapath } from './datapath.ts';

const { HEADER_LENGTH, TYPE_IPV4, TYPE_IPV6, readDestinationHigh, readDestinationLow } = ethernet;

/** The frame's MACs are another pair afterwards, if there is a shorter way. */
export function shortCut(
  path: Datapath,
  view: DataView,
  at: number,
  end: number,
  link: number,
  now: number,
): void {
  const { fdb, neighbors } = path.tables;
  const high = readDestinationHigh(view, at);
  const low = readDestinationLow(view, at);
  const router = fdb.lookUpSource(link, high, low);
  if (router < 0 || !(router & FDB_FLAG.router) || ethernet.isGroup(high)) return;
  if (!findNeighbor(path, view, at, end, link)) return;
  const { macHigh, macLow } = neighbors;
  // one that is being resolved has no MAC yet
  if ((macHigh | macLow) === 0 || (macHigh === high && macLow === low)) return;
  fdb.lookUp(link, high, low, now); // says that the entry is in use
  ethernet.writeSource(view, at, high, low);
  ethernet.writeDestination(view, at, macHigh, macLow);
}

/** Whether the packet's destination is a neighbour, which then stands in the table's last look-up. */
function findNeighbor(path: Datapath, view: DataView, at: number, end: number, link: number): boolean {
  const ip = at + HEADER_LENGTH;
  const type = ethernet.readType(view, at);
  if (type === TYPE_IPV4 && ip + ipv4.MINIMUM_LENGTH <= end) {
    return findAddress(path, link, 0, 0, 0xffff, ipv4.readDestination(view, ip));
  }
  if (type !== TYPE_IPV6 || ip + ipv6.HEADER_LENGTH > end) return false;
  const isMapped = isIpv4Mapped(
    ipv6.readDestination(view, ip, 0),
    ipv6.readDestination(view, ip, 1),
    ipv6.readDestination(view, ip, 2),
  );
  if (isMapped) return false; // the table has IPv4 neighbours under such addresses
  return findAddress(
    path,
    link,
    ipv6.readDestination(view, ip, 0),
    ipv6.readDestination(view, ip, 1),
    ipv6.readDestination(view, ip, 2),
    ipv6.readDestination(view, ip, 3),
  );
}

function findAddress(path: Datapath, link: number, i0: number, i1: number, i2: number, i3: number): boolean {
  const { neighbors, events, links } = path.tables;
  if (neighbors.lookUpIp(link, i0, i1, i2, i3)) return true;
  if (links.flags(link) & LINK_FLAG.l3miss) events.push(EVENT.l3miss, link, 0, 0, i0, i1, i2, i3);
  return false;
}
