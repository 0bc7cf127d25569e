/**
 * The way back: a datagram from the underlay to the TAP.
 *
 *   1. length, I flag, VNI -> link      3. our own, brought back?      5. congestion on the way: passed on (RFC 6040)
 *   2. reserved bits, inner tag         4. source address: learn       6. to the TAP, where frames of one flow
 *                                                                         are merged (`native/merge.c`)
 */

import type { Batch } from '../memory/batch.ts';
import { COUNTER } from '../tables/counters.ts';
import { EVENT } from '../tables/events.ts';
import { FDB_FLAG } from '../tables/fdb.ts';
import { LINK_FLAG } from '../tables/links.ts';
import { REMOTES_BUSY } from '../tables/remotes.ts';
import * as ecn from '../wire/ecn.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as vlan from '../wire/vlan.ts';
import * as vxlan from '../wire/vxlan.ts';
import { type Datapath, flushInbound } from './datapath.ts';
import { snoop } from './proxy.ts';

// Bound once: what is reached through an import is looked at again for every frame, a name in COUNTER even looked up.
const { rxFrames: RX_FRAMES, rxBytes: RX_BYTES } = COUNTER;
const UNKNOWN_VNI = COUNTER['unknown-vni'];
const DATAGRAM_SHORT = COUNTER['datagram-short'];
const NO_VNI_FLAG = COUNTER['no-vni-flag'];
const { HEADER_LENGTH, hasVni, hasReservedBits, readVni } = vxlan;
const { isGroup, readSourceHigh, readSourceLow, readType } = ethernet;
const { isTag } = vlan;
const { learning: LEARNING, suppress: SUPPRESS, strictReserved: STRICT_RESERVED } = LINK_FLAG;
const UNTAGGED = LINK_FLAG.stripTags | LINK_FLAG.dropTags;
const { learned: LEARNED, sticky: STICKY } = FDB_FLAG;
const SHORTEST = HEADER_LENGTH + ethernet.HEADER_LENGTH;

/** Carries the datagrams of the batch, which came in at `endpoint` (`tables/links.ts`). */
export type Decap = (endpoint: number, now: number) => void;

/** One journey for each worker, over its own tables and batch: `makeEncap` says why. */
export function makeDecap(path: Datapath, batch: Batch): Decap {
  const { inbound, tables } = path;
  const { links, counters, own, fdb, remotes } = tables;
  const { view } = batch.pool;
  const { slot, start, length, from0, from1, from2, from3, fromPort, tos, vnet } = batch;

  function decap(endpoint: number, now: number): void {
    const { count } = batch;
    let vni = -1;
    let link = 0;
    for (let i = 0; i < count; i++) {
      const at = batch.offset(i);
      if (length[i] < SHORTEST) counters.add(0, DATAGRAM_SHORT, 1);
      else if (!hasVni(view, at)) counters.add(0, NO_VNI_FLAG, 1);
      else {
        // a batch seldom has more than a few of them
        if (vni !== readVni(view, at)) {
          vni = readVni(view, at);
          link = links.find(endpoint, vni);
        }
        if (link === 0) counters.add(0, UNKNOWN_VNI, 1);
        else deliver(i, at, link, now);
      }
    }
  }

  function deliver(i: number, at: number, link: number, now: number): void {
    const flags = links.flags(link);
    if (hasReservedBits(view, at)) {
      if (flags & STRICT_RESERVED) return counters.add(link, COUNTER['reserved-bits'], 1);
      counters.add(link, COUNTER['reserved-bits-ignored'], 1);
    }
    const isOwn = own.isOwn(from0[i], from1[i], from2[i], from3[i], fromPort[i]);
    if (isOwn) return counters.add(link, COUNTER['own-datagram'], 1);

    const frame = at + HEADER_LENGTH;
    if (flags & UNTAGGED && isTag(readType(view, frame))) return counters.add(link, COUNTER['inner-vlan'], 1);
    const refusal = checkSource(i, frame, link, flags, now);
    if (refusal >= 0) return counters.add(link, refusal, 1);
    const bytes = length[i] - HEADER_LENGTH;
    // ECT(1) and CE: the marks that change what is inside
    if ((tos[i] & 1) !== 0 && !ecn.decapsulate(view, frame, bytes, tos[i])) {
      return counters.add(link, COUNTER.congested, 1);
    }
    if (flags & SUPPRESS) snoop(path, view, frame, bytes, link, now);

    counters.add(link, RX_FRAMES, 1);
    counters.add(link, RX_BYTES, bytes);
    if (inbound.count === inbound.capacity) flushInbound(path);
    const item = inbound.queue(slot[i], start[i] + HEADER_LENGTH, bytes, link, 0);
    if (vnet[3 * i] !== 0) batch.copyVnet(i, inbound, item);
  }

  /** The drop reason of a source that is not believed, or -1; learns one that is. */
  function checkSource(i: number, frame: number, link: number, flags: number, now: number): number {
    const high = readSourceHigh(view, frame);
    const low = readSourceLow(view, frame);
    if (isGroup(high) || (high === 0 && low === 0)) return COUNTER['bad-source-mac'];
    if (high === links.macHigh(link) && low === links.macLow(link)) return COUNTER['own-mac'];
    if (!(flags & LEARNING)) return -1;
    const known = fdb.lookUpSource(link, high, low);
    if (known < 0) {
      learn(path, batch, i, high, low, link, now);
      return -1;
    }
    if (remotes.hasAddress(known >>> 8, from0[i], from1[i], from2[i], from3[i])) {
      fdb.confirmSource(now);
      return -1;
    }
    if (!(known & LEARNED)) return COUNTER['static-mac-elsewhere'];
    if (!(known & STICKY)) move(path, batch, i, high, low, link, now, known >>> 8);
    return -1;
  }

  return decap;
}

function learn(
  path: Datapath,
  batch: Batch,
  i: number,
  high: number,
  low: number,
  link: number,
  now: number,
): void {
  const { links, fdb, remotes, counters, events } = path.tables;
  if (!links.takeAddress(link)) return counters.add(link, COUNTER['learn-limit'], 1);
  const { from0, from1, from2, from3 } = batch;
  // replies go to the configured port, whatever port the datagram came from
  const port = links.port(link);
  const remote = remotes.acquire(link, from0[i], from1[i], from2[i], from3[i], port, links.vni(link));
  const locked = remote >= 0 && fdb.table.tryLock();
  // another thread may have learned it since we looked
  const known = locked && fdb.find(link, high, low) >= 0;
  const done = locked && !known && fdb.insert(link, high, low, remote, FDB_FLAG.learned, now) >= 0;
  // told under the lock, so that what happens to one address is told in order
  if (done) events.push(EVENT.learn, link, high, low, remote);
  if (locked) fdb.table.unlock();
  if (done) return;
  if (remote >= 0) remotes.release(remote);
  links.returnAddress(link);
  if (known) return;
  const busy = remote === REMOTES_BUSY || (remote >= 0 && !locked);
  counters.add(link, busy ? COUNTER['learn-busy'] : COUNTER['learn-table-full'], 1);
}

/** As with the kernel, only the address becomes another: a port or VNI that was said of the entry stays. */
function move(
  path: Datapath,
  batch: Batch,
  i: number,
  high: number,
  low: number,
  link: number,
  now: number,
  from: number,
): void {
  const { fdb, remotes, counters, events } = path.tables;
  const { from0, from1, from2, from3 } = batch;
  const port = remotes.port(from);
  const vni = remotes.vni(from);
  const scope = remotes.scope(from);
  const remote = remotes.acquire(link, from0[i], from1[i], from2[i], from3[i], port, vni, scope);
  if (remote < 0) {
    const busy = remote === REMOTES_BUSY;
    return counters.add(link, busy ? COUNTER['learn-busy'] : COUNTER['learn-table-full'], 1);
  }
  const locked = fdb.table.tryLock();
  // another thread may have moved it, forgotten it or made it static since we looked
  const entry = locked ? fdb.find(link, high, low) : -1;
  const before = entry >= 0 && fdb.flags(entry) & LEARNED ? fdb.remote(entry) : remote;
  if (before !== remote) {
    fdb.moveTo(entry, remote, now);
    events.push(EVENT.move, link, high, low, remote);
  }
  if (locked) fdb.table.unlock();
  remotes.release(before);
  if (!locked) counters.add(link, COUNTER['learn-busy'], 1);
}
