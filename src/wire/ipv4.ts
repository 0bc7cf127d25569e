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

import { read16, read32, write16 } from './big-endian.ts';
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

export function readVersion(bytes: Uint8Array, at: number): number {
  return bytes[at] >>> 4;
}

/** In bytes; less than MINIMUM_LENGTH in a malformed packet. */
export function readHeaderLength(bytes: Uint8Array, at: number): number {
  return (bytes[at] & 0x0f) << 2;
}

export function readTos(bytes: Uint8Array, at: number): number {
  return bytes[at + 1];
}

export function readTotalLength(bytes: Uint8Array, at: number): number {
  return read16(bytes, at + 2);
}

export function isDontFragment(bytes: Uint8Array, at: number): boolean {
  return (read16(bytes, at + 6) & DONT_FRAGMENT) !== 0;
}

/** Any fragment, the first one too. */
export function isFragment(bytes: Uint8Array, at: number): boolean {
  return (read16(bytes, at + 6) & (MORE_FRAGMENTS | FRAGMENT_OFFSET)) !== 0;
}

/** A fragment that does not start with the transport header. */
export function isLaterFragment(bytes: Uint8Array, at: number): boolean {
  return (read16(bytes, at + 6) & FRAGMENT_OFFSET) !== 0;
}

export function readTtl(bytes: Uint8Array, at: number): number {
  return bytes[at + 8];
}

export function readProtocol(bytes: Uint8Array, at: number): number {
  return bytes[at + 9];
}

export function readChecksum(bytes: Uint8Array, at: number): number {
  return read16(bytes, at + CHECKSUM_OFFSET);
}

export function readSource(bytes: Uint8Array, at: number): number {
  return read32(bytes, at + 12);
}

export function readDestination(bytes: Uint8Array, at: number): number {
  return read32(bytes, at + 16);
}

/** Does not touch the checksum: `finishHeader` comes last. */
export function writeTotalLength(bytes: Uint8Array, at: number, length: number): void {
  write16(bytes, at + 2, length);
}

/** Does not touch the checksum: `finishHeader` comes last. */
export function writeIdentification(bytes: Uint8Array, at: number, identification: number): void {
  write16(bytes, at + 4, identification);
}

/** Computes and writes the header checksum. */
export function finishHeader(bytes: Uint8Array, at: number): void {
  write16(bytes, at + CHECKSUM_OFFSET, 0);
  const sum = checksum.sum(bytes, at, readHeaderLength(bytes, at), 0);
  write16(bytes, at + CHECKSUM_OFFSET, checksum.finish(sum));
}
