/**
 * The short way to another link of this host, the kernel's `localbypass`: a frame whose remote is this host itself, at
 * the port and with the VNI of another link, comes out of that link, and no datagram is made of it. As there, it is
 * learned to have come from the loopback's address.
 */

import type { Batch } from '../memory/batch.ts';
import { COUNTER } from '../tables/counters.ts';
import { FDB_FLAG } from '../tables/fdb.ts';
import { endpoint, LINK_FLAG } from '../tables/links.ts';
import { REMOTE_TX_FRAMES } from '../tables/remotes.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as vlan from '../wire/vlan.ts';
import { type Datapath, flushInbound } from './datapath.ts';
import { learn, move } from './learn.ts';
import { snoop } from './proxy.ts';

const UNTAGGED = LINK_FLAG.stripTags | LINK_FLAG.dropTags;
const LOOPBACK_V4 = [0, 0, 0xffff, 0x7f000001] as const;
const LOOPBACK_V6 = [0, 0, 0, 1] as const;

/**
 * Item `i` of what came from the link's TAP, for a remote that is this host. False: it is to leave as a datagram, as
 * another program of the host may take it. What a link sends to itself ends here: a list of all VTEPs names this one.
 */
export function endsOnHost(
  path: Datapath,
  batch: Batch,
  i: number,
  link: number,
  remote: number,
  now: number,
): boolean {
  const { counters, links, remotes } = path.tables;
  const isIpv4 = remotes.isIpv4(remote);
  const to = links.find(endpoint(!isIpv4, remotes.port(remote)), remotes.vni(remote));
  const flags = links.flags(link);
  if (to === link && !(flags & LINK_FLAG.refusesOwn)) {
    counters.add(link, COUNTER['own-datagram'], 1);
    return true;
  }
  if (to === 0 || to === link || !(flags & LINK_FLAG.localBypass) || remotes.scope(remote) !== 0)
    return false;
  // the frame's slot may be queued for other remotes, too, and a tag would be put into it
  if (links.flags(to) & LINK_FLAG.tagged) return false;
  remotes.count(remote, REMOTE_TX_FRAMES, 1);
  const from = isIpv4 ? LOOPBACK_V4 : LOOPBACK_V6;
  batch.from0[i] = from[0];
  batch.from1[i] = from[1];
  batch.from2[i] = from[2];
  batch.from3[i] = from[3];
  comeOut(path, batch, i, to, now);
  return true;
}

/** As `decap` does with what was in a datagram; but the kernel believes such a source whatever it is. */
function comeOut(path: Datapath, batch: Batch, i: number, link: number, now: number): void {
  const { inbound, tables } = path;
  const { counters, links } = tables;
  const { view } = batch.pool;
  const at = batch.offset(i);
  const bytes = batch.length[i];
  const flags = links.flags(link);
  if (flags & UNTAGGED && vlan.isTag(ethernet.readType(view, at))) {
    return counters.add(link, COUNTER['inner-vlan'], 1);
  }
  if (flags & LINK_FLAG.learning) learnSource(path, batch, i, at, link, now);
  if (flags & LINK_FLAG.suppress) snoop(path, view, at, bytes, link, now);
  counters.add(link, COUNTER.rxFrames, 1);
  counters.add(link, COUNTER.rxBytes, bytes);
  if (inbound.count === inbound.capacity) flushInbound(path);
  batch.copyVnet(i, inbound, inbound.queue(batch.slot[i], batch.start[i], bytes, link, 0));
}

function learnSource(path: Datapath, batch: Batch, i: number, at: number, link: number, now: number): void {
  const { fdb, remotes } = path.tables;
  const { view } = batch.pool;
  const { from0, from1, from2, from3 } = batch;
  const high = ethernet.readSourceHigh(view, at);
  const low = ethernet.readSourceLow(view, at);
  if (ethernet.isGroup(high) || (high === 0 && low === 0)) return;
  const known = fdb.lookUpSource(link, high, low);
  if (known < 0) learn(path, batch, i, high, low, link, now);
  else if (remotes.hasAddress(known >>> 8, from0[i], from1[i], from2[i], from3[i])) fdb.confirmSource(now);
  else if (known & FDB_FLAG.learned && !(known & FDB_FLAG.sticky))
    move(path, batch, i, high, low, link, now, known >>> 8);
}
