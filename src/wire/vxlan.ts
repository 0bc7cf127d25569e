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

export const HEADER_LENGTH = 8;
const FLAG_VNI = 0x08;
export const MAX_VNI = 0xffffff;

/** The first word of every header that we send. */
const HEADER_WORD_0 = FLAG_VNI << 24;

export function hasVni(view: DataView, at: number): boolean {
  return (view.getUint8(at) & FLAG_VNI) !== 0;
}

export function readVni(view: DataView, at: number): number {
  return view.getInt32(at + 4) >>> 8;
}

/** Bits of the header's two words. */
export interface HeaderBits {
  readonly high: number;
  readonly low: number;
}

/** Any bit but I and those of the VNI. */
export const RESERVED: HeaderBits = { high: ~HEADER_WORD_0, low: 0xff };

export function hasReservedBits(view: DataView, at: number): boolean {
  return hasBits(view, at, ~HEADER_WORD_0, 0xff);
}

/** Any of these set. */
export function hasBits(view: DataView, at: number, high: number, low: number): boolean {
  return ((view.getInt32(at) & high) | (view.getInt32(at + 4) & low)) !== 0;
}

export function writeHeader(view: DataView, at: number, vni: number): void {
  view.setInt32(at, HEADER_WORD_0);
  view.setInt32(at + 4, vni << 8);
}
