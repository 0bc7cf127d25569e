/** Learning: who is where, as the source addresses of frames tell. */

import type { Batch } from '../memory/batch.ts';
import { COUNTER } from '../tables/counters.ts';
import { EVENT } from '../tables/events.ts';
import { FDB_FLAG } from '../tables/fdb.ts';
import { REMOTES_BUSY } from '../tables/remotes.ts';
import type { Datapath } from './datapath.ts';

const { learned: LEARNED } = FDB_FLAG;

/** The source of item `i` is where it came from. */
export function learn(
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
  const done = locked && !known && fdb.insert(link, high, low, remote, LEARNED, now) >= 0;
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

/** It is there now. As with the kernel, only the address becomes another: a port or VNI that was said of the entry stays. */
export function move(
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
