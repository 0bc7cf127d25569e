/**
 * Explicit congestion notification through a tunnel (RFC 6040): what the underlay said of congestion goes into the inner
 * header. The mark is the two last bits of IPv4's TOS and of IPv6's traffic class:
 *
 *   0 not ECN-capable     1 ECT(1)     2 ECT(0)     3 CE, congestion experienced
 */

import * as ethernet from './ethernet.ts';
import * as ipv4 from './ipv4.ts';
import * as ipv6 from './ipv6.ts';
import * as vlan from './vlan.ts';

const MASK = 3;
const NOT_CAPABLE = 0;
const ECT_1 = 1;
const ECT_0 = 2;
const CE = 3;

/**
 * Marks the frame at `at` as RFC 6040 section 4.2 wants it after the outer header's `tos`. False: it must be dropped, as
 * the congestion would be hidden from a sender that knows no mark.
 */
export function decapsulate(view: DataView, at: number, length: number, tos: number): boolean {
  const end = at + length;
  const typeAt = vlan.skipTags(view, at, end);
  if (typeAt < 0) return true;
  const type = view.getUint16(typeAt);
  const ip = typeAt + 2;
  if (type === ethernet.TYPE_IPV4 && ip + ipv4.MINIMUM_LENGTH <= end) {
    const inner = ipv4.readTos(view, ip);
    const mark = combine(tos & MASK, inner & MASK);
    if (mark < 0) return false;
    if (mark !== (inner & MASK)) ipv4.replaceTos(view, ip, (inner & ~MASK) | mark);
    return true;
  }
  if (type === ethernet.TYPE_IPV6 && ip + ipv6.HEADER_LENGTH <= end) {
    const inner = ipv6.readTrafficClass(view, ip);
    const mark = combine(tos & MASK, inner & MASK);
    if (mark < 0) return false;
    if (mark !== (inner & MASK)) ipv6.writeTrafficClass(view, ip, (inner & ~MASK) | mark);
    return true;
  }
  return true;
}

/** The mark that goes on, or -1. */
function combine(outer: number, inner: number): number {
  if (inner === NOT_CAPABLE) return outer === CE ? -1 : NOT_CAPABLE;
  if (outer === CE) return CE;
  return outer === ECT_1 && inner === ECT_0 ? ECT_1 : inner;
}
