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

export const HEADER_LENGTH = 14;
export const TYPE_OFFSET = 12;

export const TYPE_IPV4 = 0x0800;
export const TYPE_ARP = 0x0806;
export const TYPE_VLAN = 0x8100;
export const TYPE_IPV6 = 0x86dd;
export const TYPE_QINQ = 0x88a8;

const GROUP_BIT = 0x0100;

export function readDestinationHigh(view: DataView, at: number): number {
  return view.getUint16(at);
}

export function readDestinationLow(view: DataView, at: number): number {
  return view.getInt32(at + 2);
}

export function readSourceHigh(view: DataView, at: number): number {
  return view.getUint16(at + 6);
}

export function readSourceLow(view: DataView, at: number): number {
  return view.getInt32(at + 8);
}

export function isGroup(high: number): boolean {
  return (high & GROUP_BIT) !== 0;
}

export function readType(view: DataView, at: number): number {
  return view.getUint16(at + TYPE_OFFSET);
}

export function writeDestination(view: DataView, at: number, high: number, low: number): void {
  view.setUint16(at, high);
  view.setInt32(at + 2, low);
}

export function writeSource(view: DataView, at: number, high: number, low: number): void {
  view.setUint16(at + 6, high);
  view.setInt32(at + 8, low);
}

export function writeType(view: DataView, at: number, type: number): void {
  view.setUint16(at + TYPE_OFFSET, type);
}
