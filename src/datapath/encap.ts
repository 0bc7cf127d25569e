/**
 * The way out: a frame from the TAP to the remotes that should have it.
 *
 *   1. length, offload header     3. destination's entry: one remote
 *   2. ARP proxy                  4. default destinations: a copy each      5. nobody: dropped
 */

import type { Batch } from '../memory/batch.ts';
import { COUNTER } from '../tables/counters.ts';
import { EVENT } from '../tables/events.ts';
import { LINK_FLAG } from '../tables/links.ts';
import { REMOTE_TX_FRAMES } from '../tables/remotes.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as flow from '../wire/flow.ts';
import * as vxlan from '../wire/vxlan.ts';
import { type Datapath, flushOutbound } from './datapath.ts';
import { proxyArp } from './proxy.ts';

/** A UDP datagram carries this much over IPv4 and, by a little, over IPv6. */
const LONGEST = 65_507 - vxlan.HEADER_LENGTH;

export function encap(path: Datapath, batch: Batch, link: number, now: number): void {
  const { counters } = path.tables;
  let bytes = 0;
  for (let i = 0; i < batch.count; i++) {
    bytes += batch.length[i];
    encapOne(path, batch, i, link, now);
  }
  counters.add(link, COUNTER.txFrames, batch.count);
  counters.add(link, COUNTER.txBytes, bytes);
}

function encapOne(path: Datapath, batch: Batch, i: number, link: number, now: number): void {
  const { links, fdb, remotes, floods, counters, events } = path.tables;
  const { bytes } = batch.pool;
  const at = batch.offset(i);
  const length = batch.length[i];

  if (length < ethernet.HEADER_LENGTH) return counters.add(link, COUNTER['frame-short'], 1);
  const offload = batch.vnet[3 * i];
  if (offload === 0 && length > LONGEST) return counters.add(link, COUNTER['frame-long'], 1);
  if (offload !== 0 && !isSuperframe(offload)) return counters.add(link, COUNTER['bad-offload'], 1);

  const flags = links.flags(link);
  if (flags & (LINK_FLAG.proxy | LINK_FLAG.suppress) && proxyArp(path, batch, i, link, flags)) return;

  const high = ethernet.readDestinationHigh(bytes, at);
  const low = ethernet.readDestinationLow(bytes, at);
  const hash = flow.hash(bytes, at, length);
  const entry = fdb.find(link, high, low);
  if (entry >= 0) {
    const remote = fdb.remote(entry);
    if (fdb.holds(entry, link, high, low)) {
      fdb.touchUsed(entry, now);
      vxlan.writeHeader(bytes, at - vxlan.HEADER_LENGTH, remotes.vni(remote));
      return queue(path, batch, i, remote, hash);
    }
  }

  const head = floods.head(link);
  const copies = floods.arena[head];
  if (copies === 0) {
    if (!ethernet.isGroup(high)) events.push(EVENT.l2miss, link, high, low, 0);
    return counters.add(link, COUNTER['no-destination'], 1);
  }
  counters.add(link, COUNTER.flooded, 1);
  vxlan.writeHeader(bytes, at - vxlan.HEADER_LENGTH, links.vni(link));
  for (let k = 1; k <= copies; k++) queue(path, batch, i, floods.arena[head + k], hash);
}

/** A checksum alone is finished when the frame is read: what still has flags must be one to be cut. */
function isSuperframe(offload: number): boolean {
  return (offload & 0xff00) !== 0;
}

function queue(path: Datapath, batch: Batch, i: number, remote: number, hash: number): void {
  const { outbound, tables } = path;
  if (outbound.count === outbound.capacity && !flushOutbound(path)) {
    return tables.counters.add(tables.remotes.link(remote), COUNTER['no-buffers'], 1);
  }
  tables.remotes.count(remote, REMOTE_TX_FRAMES, 1);
  const start = batch.start[i] - vxlan.HEADER_LENGTH;
  const item = outbound.queue(batch.slot[i], start, batch.length[i] + vxlan.HEADER_LENGTH, remote, hash);
  if (batch.vnet[3 * i] !== 0) batch.copyVnet(i, outbound, item);
}
