/**
 * The way back: a datagram from the underlay to the TAP.
 *
 *   1. length, I flag, VNI -> link      3. our own, brought back?      5. congestion on the way: passed on (RFC 6040)
 *   2. reserved bits, inner tag         4. source address: learn       6. to the TAP, where frames of one flow
 *                                                                         are merged (`native/merge.c`)
 */

import type { Batch } from '../memory/batch.ts';
import { COUNTER } from '../tables/counters.ts';
import { FDB_FLAG } from '../tables/fdb.ts';
import { LINK_FLAG } from '../tables/links.ts';
import * as ecn from '../wire/ecn.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as vlan from '../wire/vlan.ts';
import * as vxlan from '../wire/vxlan.ts';
import { type Datapath, flushInbound } from './datapath.ts';
import { learn, move } from './learn.ts';
import { snoop } from './proxy.ts';

// Bound once: what is reached through an import is looked at again for every frame, a name in COUNTER even looked up.
const { rxFrames: RX_FRAMES, rxBytes: RX_BYTES } = COUNTER;
const UNKNOWN_VNI = COUNTER['unknown-vni'];
const DATAGRAM_SHORT = COUNTER['datagram-short'];
const NO_VNI_FLAG = COUNTER['no-vni-flag'];
const { HEADER_LENGTH, hasVni, hasBits, hasReservedBits, readVni } = vxlan;
const { isGroup, readSourceHigh, readSourceLow, readType } = ethernet;
const { isTag } = vlan;
const { learning: LEARNING, suppress: SUPPRESS, refusesOwn: REFUSES_OWN } = LINK_FLAG;
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
      if (hasBits(view, at, links.bitsHigh(link), links.bitsLow(link))) {
        return counters.add(link, COUNTER['reserved-bits'], 1);
      }
      counters.add(link, COUNTER['reserved-bits-ignored'], 1);
    }
    if (flags & REFUSES_OWN && own.isOwn(from0[i], from1[i], from2[i], from3[i], fromPort[i])) {
      return counters.add(link, COUNTER['own-datagram'], 1);
    }

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
