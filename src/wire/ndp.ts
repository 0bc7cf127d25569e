/**
 * Neighbour discovery (RFC 4861): the two ICMPv6 messages that ask for a neighbour's MAC and tell it.
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +---------------+---------------+-------------------------------+
 *   |  type 135,136 |    code = 0   |           checksum            |
 *   +-+-+-+---------+---------------+-------------------------------+
 *   |R|S|O|                      reserved                           |     R, S, O in advertisements only
 *   +-+-+-+---------------------------------------------------------+
 *   |                      target, 4 words ...                      |
 *   +---------------+---------------+-------------------------------+
 *   |  option type  | length, in 8s |          MAC: high ...        |
 *   +---------------+---------------+-------------------------------+
 *   |                        ... MAC: low                           |
 *   +---------------------------------------------------------------+
 */

import * as checksum from './checksum.ts';
import * as ethernet from './ethernet.ts';
import * as ipv6 from './ipv6.ts';

export const SOLICITATION = 135;
export const ADVERTISEMENT = 136;

export const ROUTER = 0x80000000;
export const SOLICITED = 0x40000000;
export const OVERRIDE = 0x20000000;

export const SOURCE_MAC = 1;
export const TARGET_MAC = 2;

/** What comes from off the wire has less (RFC 4861 section 7.1). */
const HOP_LIMIT = 255;
const LENGTH = 24;
export const TARGET_OFFSET = 8;
const OPTION_LENGTH = 8;
const ANSWER_LENGTH = LENGTH + OPTION_LENGTH;
/** Ethernet, IPv6, advertisement and its one option. */
export const ANSWER_FRAME = ethernet.HEADER_LENGTH + ipv6.HEADER_LENGTH + ANSWER_LENGTH;

/** All nodes of the wire: ff02::1, and its MAC. */
const ALL_NODES = [0xff020000 | 0, 0, 0, 1] as const;
const ALL_NODES_MAC = { high: 0x3333, low: 1 };

/** The message of the IPv6 packet at `ip`, or -1: it is none that is whole before `end`, directly behind the header. */
export function find(view: DataView, ip: number, end: number): number {
  const message = ip + ipv6.HEADER_LENGTH;
  if (message + LENGTH > end || ipv6.readNextHeader(view, ip) !== ipv6.PROTOCOL_ICMPV6) return -1;
  return view.getUint8(message + 1) === 0 ? message : -1;
}

export function readType(view: DataView, message: number): number {
  return view.getUint8(message);
}

export function readFlags(view: DataView, message: number): number {
  return view.getInt32(message + 4);
}

/** `word` is 0 to 3. */
export function readTarget(view: DataView, message: number, word: number): number {
  return view.getInt32(message + TARGET_OFFSET + 4 * word);
}

/** Where the message ends: where its packet does, and not behind `end`. */
export function endOf(view: DataView, ip: number, end: number): number {
  return Math.min(end, ip + ipv6.HEADER_LENGTH + ipv6.readPayloadLength(view, ip));
}

/** Whether RFC 4861 section 7.1 lets it be believed: it is of this wire, and arrived as it was sent. */
export function isSound(view: DataView, ip: number, end: number): boolean {
  const length = ipv6.readPayloadLength(view, ip);
  const message = ip + ipv6.HEADER_LENGTH;
  if (ipv6.readHopLimit(view, ip) !== HOP_LIMIT || length < LENGTH || message + length > end) return false;
  const pseudo = checksum.pseudoHeaderIpv6(view, ip, ipv6.PROTOCOL_ICMPV6, length);
  return checksum.finish(checksum.sum(view, message, length, pseudo)) === 0;
}

/** The MAC in the option of this type; 0: there is none, -1: the options are no options. */
export function findMac(view: DataView, message: number, end: number, type: number): number {
  for (let at = message + LENGTH; at + 2 <= end; ) {
    const length = view.getUint8(at + 1) * 8;
    if (length === 0 || at + length > end) return -1;
    if (view.getUint8(at) === type) return at + 2;
    at += length;
  }
  return 0;
}

/**
 * Makes the solicitation in the frame at `frame` the advertisement that this MAC has the target. `asker`: where the
 * asker's MAC stands. Who asks without an address of its own (duplicate address detection) can be told only by
 * telling all (RFC 4861 section 7.2.4).
 */
export function turnIntoAdvertisement(
  view: DataView,
  frame: number,
  asker: number,
  macHigh: number,
  macLow: number,
  router: boolean,
): void {
  const ip = frame + ethernet.HEADER_LENGTH;
  const message = ip + ipv6.HEADER_LENGTH;
  let nobody = 0;
  for (let i = 0; i < 4; i++) nobody |= ipv6.readSource(view, ip, i);
  const isProbe = nobody === 0;
  if (isProbe) ethernet.writeDestination(view, frame, ALL_NODES_MAC.high, ALL_NODES_MAC.low);
  else ethernet.writeDestination(view, frame, view.getUint16(asker), view.getInt32(asker + 2));
  ethernet.writeSource(view, frame, macHigh, macLow);

  // its upper half, as the kernel does
  const asked = ipv6.readTrafficClass(view, ip) & 0xf0;
  ipv6.writeStart(view, ip, asked, ANSWER_LENGTH, ipv6.PROTOCOL_ICMPV6, HOP_LIMIT);
  for (let i = 0; i < 4; i++) {
    ipv6.writeDestination(view, ip, i, isProbe ? ALL_NODES[i] : ipv6.readSource(view, ip, i));
    ipv6.writeSource(view, ip, i, readTarget(view, message, i));
  }
  view.setUint32(message, ADVERTISEMENT << 24);
  view.setInt32(message + 4, (router ? ROUTER : 0) | (isProbe ? 0 : SOLICITED) | OVERRIDE);
  view.setUint16(message + LENGTH, (TARGET_MAC << 8) | 1);
  view.setUint16(message + LENGTH + 2, macHigh);
  view.setInt32(message + LENGTH + 4, macLow);
  const pseudo = checksum.pseudoHeaderIpv6(view, ip, ipv6.PROTOCOL_ICMPV6, ANSWER_LENGTH);
  view.setUint16(message + 2, checksum.finish(checksum.sum(view, message, ANSWER_LENGTH, pseudo)));
}
