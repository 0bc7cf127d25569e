/**
 * Frames that the path does not carry: whoever sent one is told, as a router would, in the name of the receiver. The
 * answer is made in the frame's own slot, in front of the packet that it quotes, and goes back to the TAP.
 */

import type { Batch } from '../memory/batch.ts';
import { COUNTER } from '../tables/counters.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as icmp from '../wire/icmp.ts';
import * as tcp from '../wire/tcp.ts';
import * as udp from '../wire/udp.ts';
import * as vlan from '../wire/vlan.ts';
import { type Datapath, flushInbound } from './datapath.ts';

const { HEADER_LENGTH, TYPE_IPV4, TYPE_IPV6 } = ethernet;
const GSO_UDP = 5;

/** The longest frame that a superframe is cut into; 0: it cannot be cut, which is for others to say. */
export function longestSegment(batch: Batch, i: number): number {
  const { view } = batch.pool;
  const transport = batch.vnet[3 * i + 1] >>> 16;
  const size = batch.vnet[3 * i + 1] & 0xffff;
  const length = batch.length[i];
  if (transport + tcp.MINIMUM_LENGTH > length) return 0;
  const isUdp = ((batch.vnet[3 * i] >>> 8) & 0x7f) === GSO_UDP;
  const headers = isUdp ? udp.HEADER_LENGTH : tcp.readHeaderLength(view, batch.offset(i) + transport);
  return Math.min(length, transport + headers + size);
}

/** The frame at `i` does not fit: it is answered, or dropped in silence where nobody may be told. */
export function tellTooBig(
  path: Datapath,
  batch: Batch,
  i: number,
  link: number,
  mtu: number,
  now: number,
): void {
  const { inbound, tables } = path;
  const { counters, links } = tables;
  const { view } = batch.pool;
  const at = batch.offset(i);
  const end = at + batch.length[i];
  const typeAt = isAnswerable(view, at) ? vlan.skipTags(view, at, end) : -1;
  const type = typeAt < 0 ? 0 : view.getUint16(typeAt);
  const ip = typeAt + 2;
  // the tags are among what the path carries
  const room = mtu - (ip - at - HEADER_LENGTH);
  const isV4 = type === TYPE_IPV4 && room >= icmp.LEAST_IPV4 && icmp.mayBeTold(view, ip, end);
  const isV6 = type === TYPE_IPV6 && room >= icmp.LEAST_IPV6 && icmp.mayBeToldV6(view, ip, end);
  if (!(isV4 || isV6) || !links.takeAnswer(link, now)) return counters.add(link, COUNTER['too-big'], 1);
  const inFront = isV4 ? icmp.IN_FRONT_IPV4 : icmp.IN_FRONT_IPV6;
  const header = ip - at;
  turnBack(view, at, at - inFront, header); // first, as the message comes to stand where it was
  const length = isV4 ? icmp.writeTooBig(view, ip, end, room) : icmp.writeTooBigV6(view, ip, end, room);
  counters.add(link, COUNTER['too-big-answered'], 1);
  if (inbound.count === inbound.capacity) flushInbound(path);
  inbound.queue(batch.slot[i], batch.start[i] - inFront, header + length, link, 0);
}

/** From one host to one host: of groups nobody speaks, and none is told (RFC 1812 section 4.3.2.7). */
const isAnswerable = (view: DataView, at: number): boolean =>
  !ethernet.isGroup(ethernet.readDestinationHigh(view, at)) &&
  !ethernet.isGroup(ethernet.readSourceHigh(view, at));

/** The Ethernet header of the frame at `from`, tags and type included, once more at `to`, on its way back. */
function turnBack(view: DataView, from: number, to: number, length: number): void {
  ethernet.writeDestination(
    view,
    to,
    ethernet.readSourceHigh(view, from),
    ethernet.readSourceLow(view, from),
  );
  ethernet.writeSource(
    view,
    to,
    ethernet.readDestinationHigh(view, from),
    ethernet.readDestinationLow(view, from),
  );
  for (let i = ethernet.TYPE_OFFSET; i < length; i += 2) view.setUint16(to + i, view.getUint16(from + i));
}
