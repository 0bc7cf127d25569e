/**
 * IPv6 header and the chain of extension headers behind it (RFC 8200).
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-------+---------------+---------------------------------------+
 *   | ver=6 | traffic class |              flow label               |
 *   +-------+---------------+-------+---------------+---------------+
 *   |        payload length         |  next header  |   hop limit   |
 *   +-------------------------------+---------------+---------------+
 *   |                       source, 4 words ...                     |
 *   +---------------------------------------------------------------+
 *   |                    destination, 4 words ...                   |
 *   +---------------------------------------------------------------+
 */

export const HEADER_LENGTH = 40;
export const SOURCE_OFFSET = 8;
export const DESTINATION_OFFSET = 24;

export const PROTOCOL_ICMPV6 = 58;

const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION_OPTIONS = 60;

/** Every kind of extension header starts with (next header, length), and none is shorter. */
const MINIMUM_EXTENSION_LENGTH = 8;

/** More than any real packet has; a bound, so that a forged chain costs little. */
const MAX_EXTENSIONS = 8;

export function readVersion(view: DataView, at: number): number {
  return view.getUint8(at) >>> 4;
}

export function readTrafficClass(view: DataView, at: number): number {
  return (view.getUint16(at) >>> 4) & 0xff;
}

export function readFlowLabel(view: DataView, at: number): number {
  return view.getInt32(at) & 0xfffff;
}

export function readPayloadLength(view: DataView, at: number): number {
  return view.getUint16(at + 4);
}

export function readNextHeader(view: DataView, at: number): number {
  return view.getUint8(at + 6);
}

export function readHopLimit(view: DataView, at: number): number {
  return view.getUint8(at + 7);
}

/** `word` is 0 to 3. */
export function readSource(view: DataView, at: number, word: number): number {
  return view.getInt32(at + SOURCE_OFFSET + 4 * word);
}

/** `word` is 0 to 3. */
export function readDestination(view: DataView, at: number, word: number): number {
  return view.getInt32(at + DESTINATION_OFFSET + 4 * word);
}

export function writePayloadLength(view: DataView, at: number, length: number): void {
  view.setUint16(at + 4, length);
}

/** `word` is 0 to 3. */
export function writeSource(view: DataView, at: number, word: number, value: number): void {
  view.setInt32(at + SOURCE_OFFSET + 4 * word, value);
}

/** `word` is 0 to 3. */
export function writeDestination(view: DataView, at: number, word: number, value: number): void {
  view.setInt32(at + DESTINATION_OFFSET + 4 * word, value);
}

/** All that stands in front of the addresses; without a flow label. */
export function writeStart(
  view: DataView,
  at: number,
  trafficClass: number,
  length: number,
  nextHeader: number,
  hopLimit: number,
): void {
  view.setUint32(at, 0x60000000 | (trafficClass << 20));
  view.setUint16(at + 4, length);
  view.setUint8(at + 6, nextHeader);
  view.setUint8(at + 7, hopLimit);
}

export function writeTrafficClass(view: DataView, at: number, trafficClass: number): void {
  view.setUint16(at, (view.getUint16(at) & 0xf00f) | (trafficClass << 4));
}

/**
 * Walks the extension headers of the packet at `at` and returns the transport, a small integer to be
 * read by `transportOffset` and `transportProtocol`, or -1 if there is none: the chain is cut by `end`,
 * or longer than the bound, or holds a fragment header (any, even of a packet in one piece: RFC 6980
 * does not want neighbour discovery in those, and the rest of a fragmented packet has no ports).
 * The transport header itself may still be cut: the caller compares with `end`.
 */
export function findTransport(view: DataView, at: number, end: number): number {
  let next = at + HEADER_LENGTH;
  if (next > end) return -1;
  let protocol = readNextHeader(view, at);
  for (let walked = 0; isExtension(protocol); walked++) {
    if (walked === MAX_EXTENSIONS || protocol === FRAGMENT) return -1;
    if (next + MINIMUM_EXTENSION_LENGTH > end) return -1;
    const length = extensionLength(protocol, view.getUint8(next + 1));
    protocol = view.getUint8(next);
    next += length;
    if (next > end) return -1;
  }
  // Relative to the packet: an offset into a slab, times 256, would no longer be a small integer.
  return ((next - at) << 8) | protocol;
}

/** The absolute offset of the transport header of the packet at `at`. */
export function transportOffset(at: number, transport: number): number {
  return at + (transport >> 8);
}

export function transportProtocol(transport: number): number {
  return transport & 0xff;
}

function isExtension(protocol: number): boolean {
  return (
    protocol === HOP_BY_HOP ||
    protocol === ROUTING ||
    protocol === FRAGMENT ||
    protocol === AUTHENTICATION ||
    protocol === DESTINATION_OPTIONS
  );
}

/** The authentication header counts in words (RFC 4302 section 2.2), all others in units of 8 bytes. */
function extensionLength(protocol: number, field: number): number {
  return protocol === AUTHENTICATION ? (field + 2) * 4 : (field + 1) * 8;
}
