/**
 * VLAN tags of frames that go into the tunnel, on a link that takes none (`innervlan`): RFC 7348 section 6.1 has them
 * taken off on the way in, and frames that come out with one dropped.
 */

import type { Batch } from '../memory/batch.ts';
import { COUNTER } from '../tables/counters.ts';
import { LINK_FLAG } from '../tables/links.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as vlan from '../wire/vlan.ts';
import type { Datapath } from './datapath.ts';

const { HEADER_LENGTH, readType } = ethernet;
const { TAG_LENGTH, isTag } = vlan;

/** False: the frame ends here. Else it has no tag any more. */
export function leavesUntagged(path: Datapath, batch: Batch, i: number, link: number): boolean {
  const { counters, links } = path.tables;
  const { view } = batch.pool;
  if (!isTag(readType(view, batch.offset(i)))) return true;
  if (links.flags(link) & LINK_FLAG.dropTags) {
    counters.add(link, COUNTER['inner-vlan'], 1);
    return false;
  }
  let taken = 0;
  for (let length = batch.length[i]; length >= HEADER_LENGTH + TAG_LENGTH; length -= TAG_LENGTH) {
    if (!isTag(readType(view, batch.offset(i) + taken))) break;
    taken += TAG_LENGTH;
  }
  takeOff(batch, i, taken);
  // what is a tag still has nothing behind it
  const isWhole = !isTag(readType(view, batch.offset(i)));
  counters.add(link, isWhole ? COUNTER['vlan-stripped'] : COUNTER['inner-vlan'], 1);
  return isWhole;
}

/** The MACs move up to what lies behind the tags, and what the offload header says of places moves with them. */
export function takeOff(batch: Batch, i: number, bytes: number): void {
  const { view } = batch.pool;
  const at = batch.offset(i);
  for (let from = at + 8; from >= at; from -= 4) view.setInt32(from + bytes, view.getInt32(from));
  batch.start[i] += bytes;
  batch.length[i] -= bytes;
  if (batch.vnet[3 * i] === 0) return;
  // the length of the headers in the first word's upper half, where the checksum starts in the second's
  batch.vnet[3 * i] -= bytes << 16;
  batch.vnet[3 * i + 1] -= bytes << 16;
}
