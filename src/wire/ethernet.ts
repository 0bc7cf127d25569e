/**
 * Ethernet II, without the frame check sequence (RFC 7348 section 5: it is not carried inside).
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-------------+-+---------------+-------------------------------+
 *   |  destination:|G  high (16)    |        low (32) ...           |
 *   +-------------------------------+-------------------------------+
 *   |          ... low              |       source: high (16)       |
 *   +-------------------------------+-------------------------------+
 *   |                           low (32)                            |
 *   +-------------------------------+-------------------------------+
 *   |           EtherType           |   payload ...
 *   +-------------------------------+
 *
 * A MAC is two integers, `high` (its first two bytes) and `low` (the other four, as int32): the form in
 * which the tables keep it. G, the last bit of the first byte, marks a group (multicast, broadcast).
 */

import { read16, read32, write16, write32 } from './big-endian.ts';

export const HEADER_LENGTH = 14;
export const TYPE_OFFSET = 12;

export const TYPE_IPV4 = 0x0800;
export const TYPE_ARP = 0x0806;
export const TYPE_VLAN = 0x8100;
export const TYPE_IPV6 = 0x86dd;
export const TYPE_QINQ = 0x88a8;

const GROUP_BIT = 0x0100;

export function readDestinationHigh(bytes: Uint8Array, at: number): number {
  return read16(bytes, at);
}

export function readDestinationLow(bytes: Uint8Array, at: number): number {
  return read32(bytes, at + 2);
}

export function readSourceHigh(bytes: Uint8Array, at: number): number {
  return read16(bytes, at + 6);
}

export function readSourceLow(bytes: Uint8Array, at: number): number {
  return read32(bytes, at + 8);
}

export function isGroup(high: number): boolean {
  return (high & GROUP_BIT) !== 0;
}

export function readType(bytes: Uint8Array, at: number): number {
  return read16(bytes, at + TYPE_OFFSET);
}

export function writeDestination(bytes: Uint8Array, at: number, high: number, low: number): void {
  write16(bytes, at, high);
  write32(bytes, at + 2, low);
}

export function writeSource(bytes: Uint8Array, at: number, high: number, low: number): void {
  write16(bytes, at + 6, high);
  write32(bytes, at + 8, low);
}

export function writeType(bytes: Uint8Array, at: number, type: number): void {
  write16(bytes, at + TYPE_OFFSET, type);
}
