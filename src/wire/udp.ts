/**
 * UDP header (RFC 768).
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-------------------------------+-------------------------------+
 *   |          source port          |       destination port        |
 *   +-------------------------------+-------------------------------+
 *   |     length, header too        |           checksum            |
 *   +-------------------------------+-------------------------------+
 */

import { read16 } from './big-endian.ts';

export const HEADER_LENGTH = 8;
export const CHECKSUM_OFFSET = 6;

export function readSourcePort(bytes: Uint8Array, at: number): number {
  return read16(bytes, at);
}

export function readDestinationPort(bytes: Uint8Array, at: number): number {
  return read16(bytes, at + 2);
}

export function readLength(bytes: Uint8Array, at: number): number {
  return read16(bytes, at + 4);
}

/** 0 = the sender computed none. */
export function readChecksum(bytes: Uint8Array, at: number): number {
  return read16(bytes, at + CHECKSUM_OFFSET);
}
