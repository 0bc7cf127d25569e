/**
 * VXLAN header (RFC 7348 section 5).
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +---------------+-----------------------------------------------+
 *   |R R R R I R R R|                   reserved                    |
 *   +---------------+-------------------------------+---------------+
 *   |        VXLAN network identifier (VNI)         |   reserved    |
 *   +-----------------------------------------------+---------------+
 *
 * I says that the VNI is valid. Reserved bits are 0 on sending and ignored on receipt; Linux drops
 * datagrams that have one.
 */

import { read32, write32 } from './big-endian.ts';

export const HEADER_LENGTH = 8;
export const FLAG_VNI = 0x08;
export const MAX_VNI = 0xffffff;

/** The first word of every header that we send. */
export const HEADER_WORD_0 = FLAG_VNI << 24;

export function hasVni(bytes: Uint8Array, at: number): boolean {
  return (bytes[at] & FLAG_VNI) !== 0;
}

export function readVni(bytes: Uint8Array, at: number): number {
  return read32(bytes, at + 4) >>> 8;
}

/** Any bit set but I and those of the VNI. */
export function hasReservedBits(bytes: Uint8Array, at: number): boolean {
  return (read32(bytes, at) & ~HEADER_WORD_0) !== 0 || bytes[at + 7] !== 0;
}

export function writeHeader(bytes: Uint8Array, at: number, vni: number): void {
  write32(bytes, at, HEADER_WORD_0);
  write32(bytes, at + 4, vni << 8);
}
