/**
 * What a peer on the same machine leaves undone, said in the offload header of the TAP (virtio_net_hdr): over
 * veth the kernel hands us whole superframes of up to 64 KB, and checksums that hold only the pseudo-header's
 * sum. Handed over as they are, ping works and TCP hangs.
 */

import { COUNTER } from '../tables/counters.ts';
import * as checksum from '../wire/checksum.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as ipv6 from '../wire/ipv6.ts';
import * as tcp from '../wire/tcp.ts';
import * as udp from '../wire/udp.ts';
import * as vlan from '../wire/vlan.ts';
import type { Datapath } from './datapath.ts';

const NEEDS_CHECKSUM = 1;
const GSO_TCPV4 = 1;
const GSO_TCPV6 = 4;
const GSO_UDP_L4 = 5;

/** Writes the offload header of the inbound item `item`, a frame at `at`. */
export function describeOffload(
  path: Datapath,
  item: number,
  at: number,
  length: number,
  link: number,
): void {
  const { inbound, tables } = path;
  const { bytes } = inbound.pool;
  const { vnet } = inbound;
  vnet[3 * item] = 0;
  vnet[3 * item + 1] = 0;
  vnet[3 * item + 2] = 0;
  const end = at + length;
  const typeAt = vlan.skipTags(bytes, at, end);
  if (typeAt < 0) return;
  const ip = typeAt + 2;
  const type = ethernet.readType(bytes, typeAt - ethernet.TYPE_OFFSET);
  const isV4 = type === ethernet.TYPE_IPV4;
  const transport = isV4
    ? findInIpv4(bytes, ip, end)
    : type === ethernet.TYPE_IPV6
      ? findInIpv6(bytes, ip, end)
      : 0;
  if (transport === 0) return;
  const protocol = isV4
    ? ipv4.readProtocol(bytes, ip)
    : ipv6.transportProtocol(ipv6.findTransport(bytes, ip, end));
  const isTcp = protocol === ipv4.PROTOCOL_TCP;
  if (!isTcp && protocol !== ipv4.PROTOCOL_UDP) return;
  const field = isTcp ? tcp.CHECKSUM_OFFSET : udp.CHECKSUM_OFFSET;
  if (transport + (isTcp ? tcp.MINIMUM_LENGTH : udp.HEADER_LENGTH) > end) return;

  const ipEnd = isV4 ? ip + ipv4.readTotalLength(bytes, ip) : ip + 40 + ipv6.readPayloadLength(bytes, ip);
  const covered = ipEnd - transport;
  const pseudo = isV4
    ? checksum.pseudoHeaderIpv4(bytes, ip, protocol, covered)
    : checksum.pseudoHeaderIpv6(bytes, ip, protocol, covered);
  const stored = (bytes[transport + field] << 8) | bytes[transport + field + 1];
  if (stored !== checksum.fold(pseudo)) return;

  tables.counters.add(link, COUNTER['checksum-left'], 1);
  vnet[3 * item] = NEEDS_CHECKSUM;
  const headerEnd = transport + (isTcp ? tcp.readHeaderLength(bytes, transport) : udp.HEADER_LENGTH);
  const segment = tables.links.mtu(link) - (headerEnd - ip);
  let gso = 0;
  if (ipEnd - ip > tables.links.mtu(link) && segment > 0 && headerEnd < ipEnd && ipEnd <= end) {
    gso = isTcp ? (isV4 ? GSO_TCPV4 : GSO_TCPV6) : GSO_UDP_L4;
    tables.counters.add(link, COUNTER.superframes, 1);
  }
  if (gso !== 0) vnet[3 * item] = NEEDS_CHECKSUM | (gso << 8) | ((headerEnd - at) << 16);
  vnet[3 * item + 1] = (gso !== 0 ? segment : 0) | ((transport - at) << 16);
  vnet[3 * item + 2] = field;
}

/** Offset of the transport header, 0 where there is none to speak of. */
function findInIpv4(bytes: Uint8Array, ip: number, end: number): number {
  if (ip + ipv4.MINIMUM_LENGTH > end || ipv4.isFragment(bytes, ip)) return 0;
  const header = ipv4.readHeaderLength(bytes, ip);
  return header < ipv4.MINIMUM_LENGTH ? 0 : ip + header;
}

function findInIpv6(bytes: Uint8Array, ip: number, end: number): number {
  if (ip + ipv6.HEADER_LENGTH > end) return 0;
  const transport = ipv6.findTransport(bytes, ip, end);
  return transport < 0 ? 0 : ipv6.transportOffset(ip, transport);
}
