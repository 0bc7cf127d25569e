/**
 * IPv4 header (RFC 791).
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-------+-------+-----------+---+-------------------------------+
 *   | ver=4 |  IHL  |   DSCP    |ECN|         total length          |
 *   +-------+-------+-----------+---+-+-+-+-------------------------+
 *   |        identification         |0|D|M|     fragment offset     |
 *   +---------------+---------------+-+-+-+-------------------------+
 *   |      TTL      |   protocol    |        header checksum        |
 *   +---------------+---------------+-------------------------------+
 *   |                            source                             |
 *   +---------------------------------------------------------------+
 *   |                          destination                          |
 *   +---------------------------------------------------------------+
 *   |  options, (IHL - 5) words ...
 */

import * as checksum from './checksum.ts';

export const MINIMUM_LENGTH = 20;

/** Protocol numbers, the same for IPv6. */
export const PROTOCOL_ICMP = 1;
export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;
export const PROTOCOL_SCTP = 132;

const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;
const FRAGMENT_OFFSET = 0x1fff;
const CHECKSUM_OFFSET = 10;

export function readVersion(view: DataView, at: number): number {
  return view.getUint8(at) >>> 4;
}

/** In bytes; less than MINIMUM_LENGTH in a malformed packet. */
export function readHeaderLength(view: DataView, at: number): number {
  return (view.getUint8(at) & 0x0f) << 2;
}

export function readTos(view: DataView, at: number): number {
  return view.getUint8(at + 1);
}

export function readTotalLength(view: DataView, at: number): number {
  return view.getUint16(at + 2);
}

/** Any fragment, the first one too. */
export function isFragment(view: DataView, at: number): boolean {
  return (view.getUint16(at + 6) & (MORE_FRAGMENTS | FRAGMENT_OFFSET)) !== 0;
}

/** A fragment that does not start with the transport header. */
export function isLaterFragment(view: DataView, at: number): boolean {
  return (view.getUint16(at + 6) & FRAGMENT_OFFSET) !== 0;
}

export function readTtl(view: DataView, at: number): number {
  return view.getUint8(at + 8);
}

export function readProtocol(view: DataView, at: number): number {
  return view.getUint8(at + 9);
}

export function readChecksum(view: DataView, at: number): number {
  return view.getUint16(at + CHECKSUM_OFFSET);
}

export function readSource(view: DataView, at: number): number {
  return view.getInt32(at + 12);
}

export function readDestination(view: DataView, at: number): number {
  return view.getInt32(at + 16);
}

/** Does not touch the checksum: `finishHeader` comes last. */
export function writeTotalLength(view: DataView, at: number, length: number): void {
  view.setUint16(at + 2, length);
}

/** Does not touch the checksum: `finishHeader` comes last. */
export function writeIdentification(view: DataView, at: number, identification: number): void {
  view.setUint16(at + 4, identification);
}

/** Mends the checksum by the difference (RFC 1624): one that was wrong stays wrong. */
export function replaceTos(view: DataView, at: number, tos: number): void {
  const difference = readTos(view, at) - tos;
  view.setUint8(at + 1, tos);
  const sum = readChecksum(view, at) + (difference < 0 ? difference + 0xffff : difference);
  view.setUint16(at + CHECKSUM_OFFSET, checksum.fold(sum));
}

/** A whole header without options, of a packet that nobody may cut. */
export function writeHeader(
  view: DataView,
  at: number,
  length: number,
  ttl: number,
  protocol: number,
  source: number,
  destination: number,
): void {
  view.setUint16(at, 0x4500);
  view.setUint16(at + 2, length);
  view.setUint32(at + 4, DONT_FRAGMENT);
  view.setUint16(at + 8, (ttl << 8) | protocol);
  view.setInt32(at + 12, source);
  view.setInt32(at + 16, destination);
  finishHeader(view, at);
}

/** Computes and writes the header checksum. */
export function finishHeader(view: DataView, at: number): void {
  view.setUint16(at + CHECKSUM_OFFSET, 0);
  const sum = checksum.sum(view, at, readHeaderLength(view, at), 0);
  view.setUint16(at + CHECKSUM_OFFSET, checksum.finish(sum));
}
