/**
 * TCP header (RFC 9293).
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-------------------------------+-------------------------------+
 *   |          source port          |       destination port        |
 *   +-------------------------------+-------------------------------+
 *   |                        sequence number                        |
 *   +---------------------------------------------------------------+
 *   |                    acknowledgment number                      |
 *   +-------+-------+---------------+-------------------------------+
 *   | words | resvd |C|E|U|A|P|R|S|F|            window             |
 *   +-------+-------+---------------+-------------------------------+
 *   |           checksum            |        urgent pointer         |
 *   +-------------------------------+-------------------------------+
 *   |  options, (words - 5) words ...
 */

import { read16, read32 } from './big-endian.ts';

export const MINIMUM_LENGTH = 20;
export const CHECKSUM_OFFSET = 16;

export const FLAG_FIN = 0x01;
export const FLAG_SYN = 0x02;
export const FLAG_RST = 0x04;
export const FLAG_PSH = 0x08;
export const FLAG_ACK = 0x10;
export const FLAG_URG = 0x20;
export const FLAG_ECE = 0x40;
export const FLAG_CWR = 0x80;

export function readSourcePort(bytes: Uint8Array, at: number): number {
  return read16(bytes, at);
}

export function readDestinationPort(bytes: Uint8Array, at: number): number {
  return read16(bytes, at + 2);
}

/** An int32. */
export function readSequence(bytes: Uint8Array, at: number): number {
  return read32(bytes, at + 4);
}

/** In bytes; less than MINIMUM_LENGTH in a malformed segment. */
export function readHeaderLength(bytes: Uint8Array, at: number): number {
  return (bytes[at + 12] >>> 4) << 2;
}

export function readFlags(bytes: Uint8Array, at: number): number {
  return bytes[at + 13];
}

export function readChecksum(bytes: Uint8Array, at: number): number {
  return read16(bytes, at + CHECKSUM_OFFSET);
}
