/**
 * The hash of a frame's inner flow, from which the outer source port is chosen (RFC 7348 section 5), so
 * that the underlay spreads flows over its paths and keeps each one in order.
 *
 *   TCP, UDP, SCTP        addresses, protocol, ports
 *   other IP, fragments   addresses, protocol (fragments have no ports but the first, and must stay together)
 *   everything else       MACs, EtherType
 *
 * A frame that is shorter than its headers claim falls back to the next coarser line.
 */

import * as ethernet from './ethernet.ts';
import * as ipv4 from './ipv4.ts';
import * as ipv6 from './ipv6.ts';
import * as vlan from './vlan.ts';

// Bound once: what is reached through an import is looked at again for every frame.
const { HEADER_LENGTH, TYPE_IPV4, TYPE_IPV6, TYPE_OFFSET } = ethernet;
const { PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP } = ipv4;
const { MINIMUM_LENGTH, readProtocol, readHeaderLength, readSource, readDestination, isFragment } = ipv4;
const { isTag } = vlan;

/** EtherType, version and header length of IPv4 without options, and the least that such a frame has. */
const PLAIN_IPV4 = 0x080045;
const PLAIN_IPV4_LENGTH = HEADER_LENGTH + MINIMUM_LENGTH;

/** Stands in for the protocol where an IPv6 packet has no transport; 255 is reserved by IANA. */
const NO_PROTOCOL = 255;

/** An int32, well mixed in all of its bits; the same for all frames of one direction of a flow. */
export function hash(view: DataView, at: number, length: number): number {
  const end = at + length;
  if (isPlainIpv4(view, at, length)) return hashIpv4(view, at + HEADER_LENGTH, end);
  if (length < HEADER_LENGTH) return 0;
  let typeAt = at + TYPE_OFFSET;
  let type = view.getUint16(typeAt);
  if (isTag(type)) {
    typeAt = vlan.skipTags(view, at, end);
    if (typeAt < 0) return hashEthernet(view, at, type);
    type = view.getUint16(typeAt);
  }
  const ip = typeAt + 2;
  if (type === TYPE_IPV4 && isIpv4(view, ip, end)) return hashIpv4(view, ip, end);
  if (type === TYPE_IPV6 && isIpv6(view, ip, end)) return hashIpv6(view, ip, end);
  return hashEthernet(view, at, type);
}

/** Most frames are untagged IPv4 without options: a word says so, where the layers would be asked six things. */
const isPlainIpv4 = (view: DataView, at: number, length: number): boolean =>
  length >= PLAIN_IPV4_LENGTH && view.getInt32(at + TYPE_OFFSET) >>> 8 === PLAIN_IPV4;

const isIpv4 = (view: DataView, at: number, end: number): boolean => {
  return at + MINIMUM_LENGTH <= end && ipv4.readVersion(view, at) === 4;
};

const isIpv6 = (view: DataView, at: number, end: number): boolean => {
  return at + ipv6.HEADER_LENGTH <= end && ipv6.readVersion(view, at) === 6;
};

function hashEthernet(view: DataView, at: number, type: number): number {
  let h = mix(type, view.getInt32(at));
  h = mix(h, view.getInt32(at + 4));
  h = mix(h, view.getInt32(at + 8));
  return finish(h);
}

const hashIpv4 = (view: DataView, at: number, end: number): number => {
  const protocol = readProtocol(view, at);
  const headerLength = readHeaderLength(view, at);
  let h = mix(protocol, readSource(view, at));
  h = mix(h, readDestination(view, at));
  if (headerLength < MINIMUM_LENGTH || isFragment(view, at)) return finish(h);
  return finish(mixPorts(h, view, at + headerLength, end, protocol));
};

function hashIpv6(view: DataView, at: number, end: number): number {
  const transport = ipv6.findTransport(view, at, end);
  const protocol = transport < 0 ? NO_PROTOCOL : ipv6.transportProtocol(transport);
  const h = mixAddress(
    mixAddress(protocol, view, at + ipv6.SOURCE_OFFSET),
    view,
    at + ipv6.DESTINATION_OFFSET,
  );
  if (transport < 0) return finish(h);
  return finish(mixPorts(h, view, ipv6.transportOffset(at, transport), end, protocol));
}

/** The four words of an IPv6 address. */
function mixAddress(h: number, view: DataView, at: number): number {
  h = mix(h, view.getInt32(at));
  h = mix(h, view.getInt32(at + 4));
  h = mix(h, view.getInt32(at + 8));
  return mix(h, view.getInt32(at + 12));
}

const mixPorts = (h: number, view: DataView, at: number, end: number, protocol: number): number => {
  if (!hasPorts(protocol) || at + 4 > end) return h;
  return mix(h, view.getInt32(at));
};

/** Protocols whose header starts with source and destination port. */
const hasPorts = (protocol: number): boolean => {
  return protocol === PROTOCOL_TCP || protocol === PROTOCOL_UDP || protocol === PROTOCOL_SCTP;
};

/** One word more: the multiplier is 2^32 / golden ratio, the shift brings its high bits back down. */
const mix = (h: number, word: number): number => {
  const product = Math.imul(h ^ word, 0x9e3779b1);
  return product ^ (product >>> 15);
};

/** The finalizer of MurmurHash3: every input bit changes every output bit with probability near 1/2. */
const finish = (h: number): number => {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
};
