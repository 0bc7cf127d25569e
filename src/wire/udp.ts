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

export const HEADER_LENGTH = 8;
export const CHECKSUM_OFFSET = 6;

export function readSourcePort(view: DataView, at: number): number {
  return view.getUint16(at);
}

export function readDestinationPort(view: DataView, at: number): number {
  return view.getUint16(at + 2);
}

export function readLength(view: DataView, at: number): number {
  return view.getUint16(at + 4);
}

/** 0 = the sender computed none. */
export function readChecksum(view: DataView, at: number): number {
  return view.getUint16(at + CHECKSUM_OFFSET);
}
