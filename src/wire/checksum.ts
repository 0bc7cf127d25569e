/**
 * The Internet checksum (RFC 1071): the one's complement of the one's complement sum of 16-bit words.
 *
 *   finish(sum(view, tcpAt, length, pseudoHeaderIpv4(view, ipAt, PROTOCOL_TCP, length)))
 */

/**
 * Adds `length` bytes to the running sum `initial` (0, or what another call returned). The result has at
 * most 17 bits, so sums may be chained without end; but only the last piece may have an odd length.
 * The accumulator is 32 bits, which is enough for twice the largest IP packet.
 */
export function sum(view: DataView, at: number, length: number, initial: number): number {
  const even = at + (length & ~1);
  let total = initial;
  // `| 0` keeps it an int32; its bits are those of an unsigned one, as which it is folded.
  for (let i = at; i < even; i += 2) total = (total + view.getUint16(i)) | 0;
  if ((length & 1) !== 0) total = (total + (view.getUint8(even) << 8)) | 0;
  return (total >>> 16) + (total & 0xffff);
}

/** A running sum as 16 bits: what stands in a checksum field that the sender left unfinished. */
export function fold(total: number): number {
  const once = (total >>> 16) + (total & 0xffff);
  return (once >>> 16) + (once & 0xffff);
}

/** The value of the checksum field. (UDP sends 0xffff where this is 0, which would mean "none".) */
export function finish(total: number): number {
  return ~fold(total) & 0xffff;
}

/** `length` is that of the transport header and its payload. */
export function pseudoHeaderIpv4(view: DataView, ipAt: number, protocol: number, length: number): number {
  return sum(view, ipAt + 12, 8, protocol + length);
}

/** `length` is that of the transport header and its payload, without extension headers. */
export function pseudoHeaderIpv6(view: DataView, ipAt: number, protocol: number, length: number): number {
  return sum(view, ipAt + 8, 32, protocol + length);
}
