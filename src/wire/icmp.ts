/**
 * The two messages that a packet does not fit: ICMP "fragmentation needed" (RFC 792, RFC 1191) and ICMPv6 "packet too
 * big" (RFC 4443), each with the beginning of that packet behind it; and which packets may be answered so.
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +---------------+---------------+-------------------------------+
 *   |   type 3, 2   |   code 4, 0   |           checksum            |
 *   +---------------+---------------+-------------------------------+
 *   |   MTU: 16 bits behind 16 unused of ICMP, 32 bits of ICMPv6    |
 *   +---------------------------------------------------------------+
 */

import * as checksum from './checksum.ts';
import * as ipv4 from './ipv4.ts';
import * as ipv6 from './ipv6.ts';

const LENGTH = 8;
const UNREACHABLE = 3;
const FRAGMENTATION_NEEDED = 4;
const PACKET_TOO_BIG = 2;
const REDIRECT_V6 = 137;
const FIRST_QUERY_V6 = 128;
const FRAGMENT_HEADER = 44;

/** What the messages put in front of the packet that they quote. */
export const IN_FRONT_IPV4 = ipv4.MINIMUM_LENGTH + LENGTH;
export const IN_FRONT_IPV6 = ipv6.HEADER_LENGTH + LENGTH;
/** The least MTU of each, which no message may name less than, and the longest message. */
export const LEAST_IPV4 = 576;
export const LEAST_IPV6 = 1280;

/** Destination unreachable, source quench, redirect, time exceeded, parameter problem: of errors nobody is told. */
const isErrorV4 = (type: number): boolean =>
  type === 3 || type === 4 || type === 5 || type === 11 || type === 12;

/** A host's own address: not unspecified, loopback, a group or everybody. */
const isHostV4 = (ip: number): boolean => ip !== 0 && ip >>> 24 !== 127 && ip >>> 28 !== 14 && ip !== -1;

/**
 * Whether its sender may be told that the IPv4 packet at `ip` does not fit. One that may be cut too: nobody on an Ethernet
 * cuts it, and hosts that hear of it (as for their answers to pings) cut the next one themselves.
 */
export function mayBeTold(view: DataView, ip: number, end: number): boolean {
  if (ip + ipv4.MINIMUM_LENGTH > end || ipv4.readVersion(view, ip) !== 4) return false;
  const transport = ip + ipv4.readHeaderLength(view, ip);
  if (transport < ip + ipv4.MINIMUM_LENGTH || transport >= end) return false;
  if (ipv4.isLaterFragment(view, ip)) return false;
  const to = ipv4.readDestination(view, ip);
  if (!isHostV4(ipv4.readSource(view, ip)) || to >>> 28 === 14 || to === -1) return false;
  return ipv4.readProtocol(view, ip) !== ipv4.PROTOCOL_ICMP || !isErrorV4(view.getUint8(transport));
}

/** The same of the IPv6 packet at `ip`. */
export function mayBeToldV6(view: DataView, ip: number, end: number): boolean {
  if (ip + ipv6.HEADER_LENGTH > end || ipv6.readVersion(view, ip) !== 6) return false;
  const isGroup = view.getUint8(ip + ipv6.DESTINATION_OFFSET) === 0xff;
  if (isGroup || view.getUint8(ip + ipv6.SOURCE_OFFSET) === 0xff) return false;
  return isHostV6(view, ip + ipv6.SOURCE_OFFSET) && !mayBeErrorV6(view, ip, end);
}

/** Neither `::` nor `::1`. */
function isHostV6(view: DataView, at: number): boolean {
  if ((view.getInt32(at) | view.getInt32(at + 4) | view.getInt32(at + 8)) !== 0) return true;
  return view.getUint32(at + 12) > 1;
}

function mayBeErrorV6(view: DataView, ip: number, end: number): boolean {
  const transport = ipv6.findTransport(view, ip, end);
  if (transport < 0) return mayBePartOfError(view, ip, end);
  if (ipv6.transportProtocol(transport) !== ipv6.PROTOCOL_ICMPV6) return false;
  return isErrorV6(view, ipv6.transportOffset(ip, transport), end);
}

/** A fragment is told, but for one of an error; only the first one says what it is of. */
function mayBePartOfError(view: DataView, ip: number, end: number): boolean {
  const fragment = ip + ipv6.HEADER_LENGTH;
  if (ipv6.readNextHeader(view, ip) !== FRAGMENT_HEADER || fragment + 8 > end) return true;
  if (view.getUint8(fragment) !== ipv6.PROTOCOL_ICMPV6) return false;
  return view.getUint16(fragment + 2) >>> 3 !== 0 || isErrorV6(view, fragment + 8, end);
}

function isErrorV6(view: DataView, message: number, end: number): boolean {
  if (message >= end) return true;
  const type = view.getUint8(message);
  return type < FIRST_QUERY_V6 || type === REDIRECT_V6;
}

/**
 * Writes in front of the packet at `ip` that it does not fit `mtu`, from its receiver to its sender, and as far from it
 * as it came. Returns the length of the whole, which starts at `ip - IN_FRONT_IPV4`.
 */
export function writeTooBig(view: DataView, ip: number, end: number, mtu: number): number {
  const length = Math.min(IN_FRONT_IPV4 + end - ip, LEAST_IPV4);
  const message = ip - LENGTH;
  view.setUint16(message, (UNREACHABLE << 8) | FRAGMENTATION_NEEDED);
  view.setUint16(message + 2, 0);
  view.setUint32(message + 4, mtu & 0xffff);
  const size = length - ipv4.MINIMUM_LENGTH;
  view.setUint16(message + 2, checksum.finish(checksum.sum(view, message, size, 0)));
  const from = ipv4.readDestination(view, ip);
  const to = ipv4.readSource(view, ip);
  ipv4.writeHeader(view, ip - IN_FRONT_IPV4, length, ipv4.readTtl(view, ip), ipv4.PROTOCOL_ICMP, from, to);
  return length;
}

/** The same of an IPv6 packet; the whole starts at `ip - IN_FRONT_IPV6`. */
export function writeTooBigV6(view: DataView, ip: number, end: number, mtu: number): number {
  const size = Math.min(LENGTH + end - ip, LEAST_IPV6 - ipv6.HEADER_LENGTH);
  const message = ip - LENGTH;
  const header = ip - IN_FRONT_IPV6;
  ipv6.writeStart(view, header, 0, size, ipv6.PROTOCOL_ICMPV6, ipv6.readHopLimit(view, ip));
  for (let i = 0; i < 4; i++) {
    ipv6.writeSource(view, header, i, ipv6.readDestination(view, ip, i));
    ipv6.writeDestination(view, header, i, ipv6.readSource(view, ip, i));
  }
  view.setUint32(message, PACKET_TOO_BIG << 24);
  view.setUint32(message + 4, mtu);
  const pseudo = checksum.pseudoHeaderIpv6(view, header, ipv6.PROTOCOL_ICMPV6, size);
  view.setUint16(message + 2, checksum.finish(checksum.sum(view, message, size, pseudo)));
  return IN_FRONT_IPV6 - LENGTH + size;
}
