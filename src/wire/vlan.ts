/**
 * IEEE 802.1Q tag; it stands where the EtherType would, and the real EtherType follows it.
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-------------------------------+-----+-+-----------------------+
 *   |     type: 0x8100 or 0x88a8    | PCP |D|        VLAN id        |
 *   +-------------------------------+-----+-+-----------------------+
 */

import * as ethernet from './ethernet.ts';

const { TYPE_OFFSET, TYPE_QINQ, TYPE_VLAN } = ethernet;

export const TAG_LENGTH = 4;

/** 802.1ad knows an outer and an inner tag; what lies deeper is payload to us. */
export const MAX_TAGS = 2;

export function isTag(type: number): boolean {
  return type === TYPE_VLAN || type === TYPE_QINQ;
}

/** `at` is the offset of the tag, so of its type. */
export function readId(view: DataView, at: number): number {
  return view.getUint16(at + 2) & 0x0fff;
}

/** A tag of 802.1Q without a priority. */
export function writeTag(view: DataView, at: number, id: number): void {
  view.setUint16(at, TYPE_VLAN);
  view.setUint16(at + 2, id);
}

/**
 * The offset of the EtherType behind up to two tags of the frame at `at` (`at + 12` if it has none),
 * or -1 when that does not fit before `end`. The payload starts two bytes behind it.
 */
export function skipTags(view: DataView, at: number, end: number): number {
  let typeAt = at + TYPE_OFFSET;
  for (let tags = 0; typeAt + 2 <= end; tags++) {
    if (tags === MAX_TAGS || !isTag(view.getUint16(typeAt))) return typeAt;
    typeAt += TAG_LENGTH;
  }
  return -1;
}
