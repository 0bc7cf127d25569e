/**
 * The way out: a frame from the TAP to the remotes that should have it.
 *
 *   1. what the link asks for: tags taken off, ARP and ND proxy, short-circuit
 *   2. length, offload header: what does not fit is told so
 *   3. destination's entry: one remote, or a list: a copy each
 *   4. default destinations: a copy each     5. nobody: dropped
 */

import type { Batch } from '../memory/batch.ts';
import { COUNTER } from '../tables/counters.ts';
import { EVENT } from '../tables/events.ts';
import { NOWHERE } from '../tables/fdb.ts';
import { LINK_FLAG } from '../tables/links.ts';
import { REMOTE_TX_FRAMES } from '../tables/remotes.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as flow from '../wire/flow.ts';
import * as vxlan from '../wire/vxlan.ts';
import { endsOnHost } from './bypass.ts';
import { type Datapath, flushOutbound } from './datapath.ts';
import { leavesUntagged } from './inner-vlan.ts';
import { longestSegment, tellTooBig } from './path-mtu.ts';
import { proxy } from './proxy.ts';
import { shortCut } from './shortcut.ts';

/** A UDP datagram carries this much over IPv4 and, by a little, over IPv6. */
const LONGEST = 65_507 - vxlan.HEADER_LENGTH;
// Bound once: what is reached through an import is looked at again for every frame.
const { readDestinationHigh, readDestinationLow } = ethernet;
const { writeHeader, HEADER_LENGTH, MAX_VNI } = vxlan;
const SHORTEST = ethernet.HEADER_LENGTH;
const { hash: hashFlow } = flow;
const PROXIES = LINK_FLAG.proxy | LINK_FLAG.suppress;
const UNTAGGED = LINK_FLAG.stripTags | LINK_FLAG.dropTags;
const SHORT_CIRCUIT = LINK_FLAG.shortCircuit;
/** What has a frame looked at, beside its destination. */
const WISHES = PROXIES | UNTAGGED | SHORT_CIRCUIT;
/** Constants for the compiler: a look-up by name would cost as much as the table's. */
const { flooded: FLOODED, txFrames: TX_FRAMES, txBytes: TX_BYTES } = COUNTER;
const NO_BUFFERS = COUNTER['no-buffers'];
const SENT = REMOTE_TX_FRAMES;
const NO_ENTRY = NOWHERE;

/** Carries the items `from` up to `to` of the batch, all of one link. */
export type Encap = (link: number, now: number, from?: number, to?: number) => void;

/**
 * One journey for each worker, over its own tables and batch. A closure: V8 compiles it for these very arrays, whose
 * places and lengths then stand in the machine code, where parameters would be asked for them for every frame.
 */
export function makeEncap(path: Datapath, batch: Batch): Encap {
  const { outbound, tables } = path;
  const { counters, fdb, floods, links, remotes } = tables;
  const { view } = batch.pool;
  const { slot, start, length, vnet } = batch;

  function encap(link: number, now: number, from = 0, to = batch.count): void {
    const wishes = links.flags(link) & WISHES;
    const longest = longestFrame(links.pathMtu(link));
    let bytes = 0;
    for (let i = from; i < to; i++) {
      bytes += length[i];
      if (wishes !== 0 && endsHere(path, batch, i, link, longest, now)) continue;
      const isWrong =
        vnet[3 * i] !== 0 ? !isFit(batch, i, longest) : length[i] > longest || length[i] < SHORTEST;
      if (isWrong) {
        refuse(path, batch, i, link, longest, now);
        continue;
      }
      const at = batch.offset(i);
      const remote = fdb.lookUp(link, readDestinationHigh(view, at), readDestinationLow(view, at), now);
      const hash = hashFlow(view, at, length[i]);
      if (remote >= 0) {
        const vni = remotes.vniWord(remote);
        if (vni < 0 && endsOnHost(path, batch, i, link, remote, now)) continue;
        writeHeader(view, at - HEADER_LENGTH, vni);
        queue(i, remote, hash);
      } else flood(i, link, remote === NO_ENTRY ? link : ~remote, hash, now);
    }
    if (wishes & UNTAGGED) batch.rewind(from, to);
    counters.add(link, TX_FRAMES, to - from);
    counters.add(link, TX_BYTES, bytes);
  }

  /** A copy to each remote of a list, all of them of the one slot. */
  function flood(i: number, link: number, list: number, hash: number, now: number): void {
    const header = batch.offset(i) - HEADER_LENGTH;
    const head = floods.head(list);
    const copies = floods.arena[head];
    if (copies === 0) return miss(path, batch, i, link);
    counters.add(link, FLOODED, 1);
    let vni = -1;
    for (let k = 1; k <= copies; k++) {
      const remote = floods.arena[head + k];
      const word = remotes.vniWord(remote);
      if (word < 0 && endsOnHost(path, batch, i, link, remote, now)) continue;
      const its = word & MAX_VNI;
      if (vni !== its) {
        // the copies that are queued have the VNI of those before in their one slot: they leave first
        if (vni >= 0 && !flushOutbound(path)) return counters.add(link, NO_BUFFERS, copies - k + 1);
        writeHeader(view, header, its);
        vni = its;
      }
      queue(i, remote, hash);
    }
  }

  function queue(i: number, remote: number, hash: number): void {
    if (outbound.count === outbound.capacity && !flushOutbound(path)) {
      return counters.add(remotes.link(remote), NO_BUFFERS, 1);
    }
    remotes.count(remote, SENT, 1);
    const item = outbound.queue(slot[i], start[i] - HEADER_LENGTH, length[i] + HEADER_LENGTH, remote, hash);
    if (vnet[3 * i] !== 0) batch.copyVnet(i, outbound, item);
  }

  return encap;
}

const longestFrame = (pathMtu: number): number =>
  pathMtu === 0 ? LONGEST : Math.min(pathMtu + ethernet.HEADER_LENGTH, LONGEST);

function isFit(batch: Batch, i: number, longest: number): boolean {
  const length = batch.length[i];
  const offload = batch.vnet[3 * i];
  if (offload === 0) return length >= SHORTEST && length <= longest;
  return length >= SHORTEST && isSuperframe(offload) && isCutFit(batch, i, longest);
}

/** Each frame that the superframe is cut into. */
const isCutFit = (batch: Batch, i: number, longest: number): boolean =>
  longest === LONGEST || longestSegment(batch, i) <= longest;

/** True: the frame ends here. Else it may be another one now. */
function endsHere(
  path: Datapath,
  batch: Batch,
  i: number,
  link: number,
  longest: number,
  now: number,
): boolean {
  if (batch.length[i] < SHORTEST) return false;
  const flags = path.tables.links.flags(link);
  if (flags & UNTAGGED && !leavesUntagged(path, batch, i, link)) return true;
  if (flags & PROXIES && proxy(path, batch, i, link)) return true;
  // what does not fit is answered with the MACs that it came with
  if (flags & SHORT_CIRCUIT && isFit(batch, i, longest)) {
    const at = batch.offset(i);
    shortCut(path, batch.pool.view, at, at + batch.length[i], link, now);
  }
  return false;
}

function refuse(path: Datapath, batch: Batch, i: number, link: number, longest: number, now: number): void {
  const { counters } = path.tables;
  const offload = batch.vnet[3 * i];
  if (batch.length[i] < SHORTEST) counters.add(link, COUNTER['frame-short'], 1);
  else if (offload !== 0 && !isSuperframe(offload)) counters.add(link, COUNTER['bad-offload'], 1);
  else if (longest === LONGEST) counters.add(link, COUNTER['frame-long'], 1);
  else tellTooBig(path, batch, i, link, longest - ethernet.HEADER_LENGTH, now);
}

function miss(path: Datapath, batch: Batch, i: number, link: number): void {
  const { counters, events, links } = path.tables;
  const { view } = batch.pool;
  const at = batch.offset(i);
  const high = readDestinationHigh(view, at);
  const tells = (links.flags(link) & LINK_FLAG.l2miss) !== 0;
  if (tells && !ethernet.isGroup(high))
    events.push(EVENT.l2miss, link, high, readDestinationLow(view, at), 0);
  counters.add(link, COUNTER['no-destination'], 1);
}

/** A checksum alone is finished when the frame is read: what still has flags must be one to be cut. */
function isSuperframe(offload: number): boolean {
  return (offload & 0xff00) !== 0;
}
