/**
 * ARP and neighbour solicitations answered by the VTEP. `proxy` is the kernel's: every ARP frame and every
 * solicitation is consumed, questions for known neighbours are answered. `suppress` is ours: what is not known goes
 * on, and what comes out of the tunnel is remembered.
 */

import type { Batch } from '../memory/batch.ts';
import { COUNTER } from '../tables/counters.ts';
import { EVENT } from '../tables/events.ts';
import { FDB_FLAG } from '../tables/fdb.ts';
import { LINK_FLAG } from '../tables/links.ts';
import { NEIGHBOR_ROUTER, NEIGHBOR_UNRESOLVED } from '../tables/neighbors.ts';
import type { Remotes } from '../tables/remotes.ts';
import { isIpv4Mapped, isUnspecified } from '../wire/address.ts';
import * as arp from '../wire/arp.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as ipv6 from '../wire/ipv6.ts';
import * as ndp from '../wire/ndp.ts';
import { type Datapath, flushInbound } from './datapath.ts';

const { HEADER_LENGTH, TYPE_ARP, TYPE_IPV6 } = ethernet;
const ARP_FRAME = HEADER_LENGTH + arp.LENGTH;

/** What a frame is to the proxy. */
const NOTHING = 0;
/** A question for a neighbour whose MAC is known, and stands in the table's last look-up. */
const ANSWERABLE = 1;
const UNANSWERABLE = 2;

/** True when the frame ends here, answered or consumed. Whole frames only. */
export function proxy(path: Datapath, batch: Batch, i: number, link: number): boolean {
  const { counters, links } = path.tables;
  const { view } = batch.pool;
  const at = batch.offset(i);
  const type = ethernet.readType(view, at);
  if (type !== TYPE_ARP && type !== TYPE_IPV6) return false;
  const end = at + batch.length[i];
  const kind = type === TYPE_ARP ? askArp(path, view, at, end, link) : askNd(path, view, at, end, link);
  if (kind === NOTHING) return false;
  if (kind === ANSWERABLE && answer(path, batch, i, link)) return true;
  if (!(links.flags(link) & LINK_FLAG.proxy)) return false;
  counters.add(link, COUNTER['proxy-unanswered'], 1);
  return true;
}

/** A whole question or answer about IPv4, not only a frame of that type. */
function isWhole(view: DataView, at: number, end: number): boolean {
  return at + ARP_FRAME <= end && arp.isEthernetIpv4(view, at + HEADER_LENGTH);
}

/** Nobody is asked for a loopback or multicast address. */
function isAskable(ip: number): boolean {
  return ip >>> 24 !== 127 && ip >>> 28 !== 14;
}

function askArp(path: Datapath, view: DataView, at: number, end: number, link: number): number {
  const request = at + HEADER_LENGTH;
  if (!isWhole(view, at, end) || arp.readOperation(view, request) !== arp.REQUEST) return UNANSWERABLE;
  const ip = arp.readTargetIp(view, request);
  if (!isAskable(ip)) return UNANSWERABLE;
  if (path.tables.neighbors.lookUpIpv4(link, ip)) return ANSWERABLE;
  tellMiss(path, link, 0, 0, 0xffff, ip);
  return UNANSWERABLE;
}

function askNd(path: Datapath, view: DataView, at: number, end: number, link: number): number {
  const ip = at + HEADER_LENGTH;
  const message = ndp.find(view, ip, end);
  if (message < 0 || ndp.readType(view, message) !== ndp.SOLICITATION) return NOTHING;
  const t0 = ndp.readTarget(view, message, 0);
  if (t0 >>> 24 === 0xff || isToLoopback(view, ip)) return UNANSWERABLE;
  const t1 = ndp.readTarget(view, message, 1);
  const t2 = ndp.readTarget(view, message, 2);
  const t3 = ndp.readTarget(view, message, 3);
  // such addresses are those of IPv4 neighbours in the table
  if (isIpv4Mapped(t0, t1, t2)) return UNANSWERABLE;
  if (path.tables.neighbors.lookUpIp(link, t0, t1, t2, t3)) return ANSWERABLE;
  tellMiss(path, link, t0, t1, t2, t3);
  return UNANSWERABLE;
}

function isToLoopback(view: DataView, ip: number): boolean {
  const others =
    ipv6.readDestination(view, ip, 0) | ipv6.readDestination(view, ip, 1) | ipv6.readDestination(view, ip, 2);
  return others === 0 && ipv6.readDestination(view, ip, 3) === 1;
}

function tellMiss(path: Datapath, link: number, i0: number, i1: number, i2: number, i3: number): void {
  const { events, links } = path.tables;
  if (links.flags(link) & LINK_FLAG.l3miss) events.push(EVENT.l3miss, link, 0, 0, i0, i1, i2, i3);
}

/**
 * The question becomes the answer in its own slot, and goes back to the TAP. False: the neighbour found cannot be
 * spoken for, as it is not resolved, or on this side of the tunnel.
 */
function answer(path: Datapath, batch: Batch, i: number, link: number): boolean {
  const { inbound, tables } = path;
  const { neighbors, fdb, remotes, links } = tables;
  const { macHigh, macLow, flags } = neighbors;
  if (flags & NEIGHBOR_UNRESOLVED) return false;
  const { view } = batch.pool;
  const at = batch.offset(i);
  const entry = fdb.lookUpSource(link, macHigh, macLow);
  if (entry >= 0 && isHere(remotes, entry >>> 8)) return false;
  const isRouter = (flags & NEIGHBOR_ROUTER) !== 0 || (entry >= 0 && (entry & FDB_FLAG.router) !== 0);
  // nobody is told of himself: who asks so wants to hear from others, and has perhaps just come to this side
  const isAsker =
    ethernet.readSourceHigh(view, at) === macHigh && ethernet.readSourceLow(view, at) === macLow;
  if (isAsker && links.flags(link) & LINK_FLAG.suppress) return false;
  if (ethernet.readType(view, at) === TYPE_ARP) answerArp(view, at, macHigh, macLow);
  else if (!answerNd(batch, i, macHigh, macLow, isRouter)) return false;
  tables.counters.add(link, COUNTER['proxy-answered'], 1);
  if (inbound.count === inbound.capacity) flushInbound(path);
  inbound.queue(batch.slot[i], batch.start[i], batch.length[i], link, 0);
  return true;
}

function answerArp(view: DataView, at: number, high: number, low: number): void {
  const askerHigh = ethernet.readSourceHigh(view, at);
  const askerLow = ethernet.readSourceLow(view, at);
  arp.turnIntoReply(view, at + HEADER_LENGTH, high, low);
  ethernet.writeDestination(view, at, askerHigh, askerLow);
  ethernet.writeSource(view, at, high, low);
}

/** False: what stands behind the question is no options. */
function answerNd(batch: Batch, i: number, high: number, low: number, router: boolean): boolean {
  const { view } = batch.pool;
  const at = batch.offset(i);
  const ip = at + HEADER_LENGTH;
  const end = ndp.endOf(view, ip, at + batch.length[i]);
  const said = ndp.findMac(view, ip + ipv6.HEADER_LENGTH, end, ndp.SOURCE_MAC);
  if (said < 0) return false;
  ndp.turnIntoAdvertisement(view, at, said > 0 ? said : at + 6, high, low, router);
  batch.length[i] = ndp.ANSWER_FRAME;
  return true;
}

/** Takes note of what ARP and neighbour discovery out of the tunnel say of those who speak. */
export function snoop(
  path: Datapath,
  view: DataView,
  at: number,
  length: number,
  link: number,
  now: number,
): void {
  const type = ethernet.readType(view, at);
  if (type === TYPE_ARP) snoopArp(path, view, at, at + length, link, now);
  else if (type === TYPE_IPV6) snoopNd(path, view, at + HEADER_LENGTH, at + length, link, now);
}

function snoopArp(path: Datapath, view: DataView, at: number, end: number, link: number, now: number): void {
  if (!isWhole(view, at, end)) return;
  const message = at + HEADER_LENGTH;
  const ip = arp.readSenderIp(view, message);
  const high = arp.readSenderMacHigh(view, message);
  if (ip === 0 || ethernet.isGroup(high)) return;
  path.tables.neighbors.snoopIpv4(link, ip, high, arp.readSenderMacLow(view, message), now);
}

/** Who asks tells its address and MAC, and who answers. */
function snoopNd(path: Datapath, view: DataView, ip: number, end: number, link: number, now: number): void {
  const message = ndp.find(view, ip, end);
  if (message < 0) return;
  const type = ndp.readType(view, message);
  const asks = type === ndp.SOLICITATION;
  if ((!asks && type !== ndp.ADVERTISEMENT) || !ndp.isSound(view, ip, end)) return;
  const option = asks ? ndp.SOURCE_MAC : ndp.TARGET_MAC;
  const mac = ndp.findMac(view, message, ndp.endOf(view, ip, end), option);
  if (mac <= 0 || ethernet.isGroup(view.getUint16(mac))) return;
  const who = asks ? ip + ipv6.SOURCE_OFFSET : message + ndp.TARGET_OFFSET;
  const w0 = view.getInt32(who);
  const w1 = view.getInt32(who + 4);
  const w2 = view.getInt32(who + 8);
  const w3 = view.getInt32(who + 12);
  if (w0 >>> 24 === 0xff || isIpv4Mapped(w0, w1, w2) || isUnspecified(w0, w1, w2, w3)) return;
  const { neighbors } = path.tables;
  // without the flag it speaks only for who is not known yet (RFC 4861 section 7.2.5)
  const overrides = asks || (ndp.readFlags(view, message) & ndp.OVERRIDE) !== 0;
  if (!overrides && neighbors.lookUpIp(link, w0, w1, w2, w3)) return;
  neighbors.snoopIpv6(link, w0, w1, w2, w3, view.getUint16(mac), view.getInt32(mac + 2), now);
}

/** An entry without an address of a remote: the MAC is on this side, as the kernel has it. */
const isHere = (remotes: Remotes, remote: number): boolean =>
  isUnspecified(
    remotes.address(remote, 0),
    remotes.address(remote, 1),
    remotes.address(remote, 2),
    remotes.address(remote, 3),
  );
