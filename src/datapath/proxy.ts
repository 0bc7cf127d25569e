/**
 * ARP answered by the VTEP. `proxy` is the kernel's: every ARP frame is consumed, requests for known neighbours
 * are answered. `suppress` is ours: what is not known goes on, and what comes out of the tunnel is remembered.
 */

import type { Batch } from '../memory/batch.ts';
import { COUNTER } from '../tables/counters.ts';
import { EVENT } from '../tables/events.ts';
import { LINK_FLAG } from '../tables/links.ts';
import { NEIGHBOR_UNRESOLVED } from '../tables/neighbors.ts';
import * as arp from '../wire/arp.ts';
import * as ethernet from '../wire/ethernet.ts';
import { type Datapath, flushInbound } from './datapath.ts';

const ARP_FRAME = ethernet.HEADER_LENGTH + arp.LENGTH;

/** A whole question or answer about IPv4, not only a frame of that type. */
function isWhole(view: DataView, at: number, length: number): boolean {
  return length >= ARP_FRAME && arp.isEthernetIpv4(view, at + ethernet.HEADER_LENGTH);
}

/** Nobody is asked for a loopback or multicast address. */
function isAskable(ip: number): boolean {
  return ip >>> 24 !== 127 && ip >>> 28 !== 14;
}

/** True when the frame ends here, answered or consumed. */
export function proxyArp(path: Datapath, batch: Batch, i: number, link: number): boolean {
  const { neighbors, counters, events, links } = path.tables;
  const { view } = batch.pool;
  const at = batch.offset(i);
  if (ethernet.readType(view, at) !== ethernet.TYPE_ARP) return false;
  const request = at + ethernet.HEADER_LENGTH;
  const asked = isWhole(view, at, batch.length[i]) && arp.readOperation(view, request) === arp.REQUEST;
  const ip = asked ? arp.readTargetIp(view, request) : 0;
  if (asked && isAskable(ip)) {
    const isKnown = neighbors.lookUpIpv4(link, ip);
    if (isKnown && !(neighbors.flags & NEIGHBOR_UNRESOLVED)) {
      reply(path, batch, i, link, neighbors.macHigh, neighbors.macLow);
      return true;
    }
    if (!isKnown) events.push(EVENT.l3miss, link, 0, 0, 0, 0, 0xffff, ip);
  }
  if (!(links.flags(link) & LINK_FLAG.proxy)) return false;
  counters.add(link, COUNTER['proxy-unanswered'], 1);
  return true;
}

/** The request becomes the reply in its own slot, and goes back to the TAP. */
function reply(path: Datapath, batch: Batch, i: number, link: number, high: number, low: number): void {
  const { inbound, tables } = path;
  const { view } = batch.pool;
  const at = batch.offset(i);
  const askerHigh = ethernet.readSourceHigh(view, at);
  const askerLow = ethernet.readSourceLow(view, at);
  arp.turnIntoReply(view, at + ethernet.HEADER_LENGTH, high, low);
  ethernet.writeDestination(view, at, askerHigh, askerLow);
  ethernet.writeSource(view, at, high, low);
  tables.counters.add(link, COUNTER['proxy-answered'], 1);
  if (inbound.count === inbound.capacity) flushInbound(path);
  inbound.queue(batch.slot[i], batch.start[i], batch.length[i], link, 0);
}

export function snoopArp(
  path: Datapath,
  view: DataView,
  at: number,
  length: number,
  link: number,
  now: number,
): void {
  if (ethernet.readType(view, at) !== ethernet.TYPE_ARP || !isWhole(view, at, length)) return;
  const message = at + ethernet.HEADER_LENGTH;
  const ip = arp.readSenderIp(view, message);
  const high = arp.readSenderMacHigh(view, message);
  if (ip === 0 || ethernet.isGroup(high)) return;
  path.tables.neighbors.snoopIpv4(link, ip, high, arp.readSenderMacLow(view, message), now);
}
