/**
 * What `native/segment.c` and `native/merge.c` do, slowly and plainly: the oracle that the C is held against. Frames
 * are made from fields here, so nothing is parsed that was not written down before.
 */

export interface Packet {
  /** Before the IP header: the last two bytes of each VLAN tag; the first one's type. */
  tags: number[];
  tagType: 0x8100 | 0x88a8;
  /** In the source address of the Ethernet header. */
  station: number;
  ipv6: boolean;
  tcp: boolean;
  trafficClass: number;
  flowLabel: number;
  hopLimit: number;
  /** IPv4: the identification, and the word of flags and fragment offset. */
  id: number;
  fragment: number;
  /** IPv4 options, a multiple of 4 bytes. */
  ipOptions: Uint8Array;
  /** IPv6: type of each extension header, and its further bytes in units of 8. */
  extensions: [type: number, length: number][];
  source: number;
  destination: number;
  ports: [number, number];
  sequence: number;
  ack: number;
  flags: number;
  window: number;
  urgent: number;
  /** TCP options, a multiple of 4 bytes. */
  options: Uint8Array;
  /** Right, the unfinished sum of the pseudo-header alone, wrong, or none (UDP). */
  checksum: 'right' | 'unfinished' | 'wrong' | 'none';
  payload: Uint8Array;
  /** Behind the IP packet, as in a frame of 60 bytes. */
  padding: number;
}

/** The offload header in front of a TAP's frames. */
export interface Offload {
  needsChecksum: boolean;
  /** 0 none, 1 TCPv4, 4 TCPv6, 5 UDP; 0x80 beside TCP: with ECN */
  type: number;
  headerLength: number;
  size: number;
  start: number;
  offset: number;
}

export const NO_OFFLOAD: Offload = {
  needsChecksum: false,
  type: 0,
  headerLength: 0,
  size: 0,
  start: 0,
  offset: 0,
};
export const OFFLOAD_BYTES = 10;
export const TCP_FLAG = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ece: 64, cwr: 128 };

export const ipAt = (p: Packet): number => 14 + 4 * p.tags.length;

export function transportAt(p: Packet): number {
  if (!p.ipv6) return ipAt(p) + 20 + p.ipOptions.length;
  return p.extensions.reduce((at, [, length]) => at + 8 + 8 * length, ipAt(p) + 40);
}

export const headerLength = (p: Packet): number => transportAt(p) + (p.tcp ? 20 + p.options.length : 8);
const protocol = (p: Packet): number => (p.tcp ? 6 : 17);

/** The bytes as numbers of 16 bits, the last one filled up with a zero; folded. */
function sum(bytes: Uint8Array, from: number, to: number, start = 0): number {
  let total = start;
  for (let i = from; i < to - 1; i += 2) total += bytes[i] * 256 + bytes[i + 1];
  if ((to - from) % 2 === 1) total += bytes[to - 1] * 256;
  while (total > 0xffff) total = (total % 0x10000) + Math.floor(total / 0x10000);
  return total;
}

function pseudoSum(p: Packet, bytes: Uint8Array): number {
  const length = headerLength(p) - transportAt(p) + p.payload.length;
  const addresses = ipAt(p) + (p.ipv6 ? 8 : 12);
  return sum(bytes, addresses, addresses + (p.ipv6 ? 32 : 8), length + protocol(p));
}

function writeEthernet(p: Packet, view: DataView): void {
  view.setUint16(0, 0x0200);
  view.setUint8(5, p.destination);
  view.setUint16(6, 0x0200);
  view.setUint8(10, p.station);
  view.setUint8(11, p.source);
  let at = 12;
  for (const [i, tag] of p.tags.entries()) {
    view.setUint32(at, (i === 0 ? p.tagType : 0x8100) * 0x10000 + tag);
    at += 4;
  }
  view.setUint16(at, p.ipv6 ? 0x86dd : 0x0800);
}

function writeIpv4(p: Packet, view: DataView, bytes: Uint8Array, end: number): void {
  const at = ipAt(p);
  view.setUint8(at, 0x45 + p.ipOptions.length / 4);
  view.setUint8(at + 1, p.trafficClass);
  view.setUint16(at + 2, end - at);
  view.setUint16(at + 4, p.id);
  view.setUint16(at + 6, p.fragment);
  view.setUint8(at + 8, p.hopLimit);
  view.setUint8(at + 9, protocol(p));
  view.setUint32(at + 12, 0x0a000000 + p.source);
  view.setUint32(at + 16, 0x0a000000 + p.destination);
  bytes.set(p.ipOptions, at + 20);
  view.setUint16(at + 10, ~sum(bytes, at, at + 20 + p.ipOptions.length));
}

function writeIpv6(p: Packet, view: DataView, end: number): void {
  const at = ipAt(p);
  const types = [...p.extensions.map(([type]) => type), protocol(p)];
  view.setUint32(at, 6 * 2 ** 28 + p.trafficClass * 2 ** 20 + p.flowLabel);
  view.setUint16(at + 4, end - at - 40);
  view.setUint8(at + 6, types[0]);
  view.setUint8(at + 7, p.hopLimit);
  for (const [start, last] of [
    [at + 8, p.source],
    [at + 24, p.destination],
  ]) {
    view.setUint8(start, 0xfd);
    view.setUint8(start + 15, last);
  }
  let next = at + 40;
  for (const [i, [, length]] of p.extensions.entries()) {
    view.setUint8(next, types[i + 1]);
    view.setUint8(next + 1, length);
    view.setUint16(next + 2, 0x0100 + 4 + 8 * length); // PadN: what follows is zero
    next += 8 + 8 * length;
  }
}

function writeTcp(p: Packet, view: DataView, bytes: Uint8Array, at: number): void {
  view.setUint32(at + 4, p.sequence);
  view.setUint32(at + 8, p.ack);
  view.setUint8(at + 12, (5 + p.options.length / 4) << 4);
  view.setUint8(at + 13, p.flags);
  view.setUint16(at + 14, p.window);
  view.setUint16(at + 18, p.urgent);
  bytes.set(p.options, at + 20);
}

export function build(p: Packet): Uint8Array {
  const [at, payload] = [transportAt(p), headerLength(p)];
  const end = payload + p.payload.length;
  const bytes = new Uint8Array(end + p.padding);
  const view = new DataView(bytes.buffer);
  writeEthernet(p, view);
  if (p.ipv6) writeIpv6(p, view, end);
  else writeIpv4(p, view, bytes, end);
  view.setUint16(at, p.ports[0]);
  view.setUint16(at + 2, p.ports[1]);
  if (p.tcp) writeTcp(p, view, bytes, at);
  else view.setUint16(at + 4, end - at);
  bytes.set(p.payload, payload);
  bytes.fill(0x5a, end);
  const pseudo = pseudoSum(p, bytes);
  let right = ~sum(bytes, at, end, pseudo) & 0xffff;
  if (right === 0 && !p.tcp) right = 0xffff;
  const value = { right, unfinished: pseudo, wrong: right ^ 0x0101, none: 0 }[p.checksum];
  view.setUint16(at + (p.tcp ? 16 : 6), value);
  return bytes;
}

/** How a superframe whose segments have `size` bytes of payload is described. */
export function offloadOf(p: Packet, size: number): Offload {
  const [start, type] = [transportAt(p), !p.tcp ? 5 : p.ipv6 ? 4 : 1];
  return { needsChecksum: true, type, headerLength: headerLength(p), size, start, offset: p.tcp ? 16 : 6 };
}

/** As it stands in front of a frame. */
export function offloadBytes(o: Offload): Uint8Array {
  const bytes = new Uint8Array(OFFLOAD_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, o.needsChecksum ? 1 : 0);
  view.setUint8(1, o.type);
  for (const [i, value] of [o.headerLength, o.size, o.start, o.offset].entries())
    view.setUint16(2 + 2 * i, value, true);
  return bytes;
}

/** The frames that a superframe is cut into. */
export function cut(p: Packet, size: number): Uint8Array[] {
  const count = Math.ceil(p.payload.length / size);
  return Array.from({ length: count }, (_, i) => {
    let { flags } = p;
    if (i > 0) flags &= ~TCP_FLAG.cwr;
    if (i < count - 1) flags &= ~(TCP_FLAG.fin | TCP_FLAG.psh);
    const payload = p.payload.subarray(i * size, (i + 1) * size);
    const sequence = (p.sequence + i * size) >>> 0;
    return build({ ...p, id: (p.id + i) & 0xffff, sequence, flags, payload, checksum: 'right', padding: 0 });
  });
}

export interface Written {
  /** What the frame is, merged or not. */
  packet: Packet;
  offload: Offload;
  frame: Uint8Array;
  flow: string;
}

const MAY_DIFFER = TCP_FLAG.psh | TCP_FLAG.fin;
const NEVER = TCP_FLAG.syn | TCP_FLAG.rst | TCP_FLAG.urg | TCP_FLAG.cwr;
const PARTS_MOST = { tcp: 128, udp: 64 };

/** A checksum may equal the unfinished one by chance: nobody can tell them apart, and finishing a right one changes nothing. */
function isUnfinished(p: Packet): boolean {
  const bytes = build(p);
  const at = transportAt(p) + (p.tcp ? 16 : 6);
  return bytes[at] * 256 + bytes[at + 1] === pseudoSum(p, bytes);
}

/** May `p` be part of a superframe at all? */
function isMergeable(p: Packet): boolean {
  if (p.payload.length === 0 || p.extensions.length > 0 || p.ipOptions.length > 0) return false;
  return p.checksum === 'right' && (!p.tcp || (p.flags & NEVER) === 0) && !isUnfinished(p);
}

export function flowOf(p: Packet): string {
  const { tags, tagType, station, ipv6, tcp, ipOptions, extensions, source, destination, ports } = p;
  const before = [tags, tags.length > 0 && tagType, station, ipv6, tcp, source, destination, ports];
  return [before, ipOptions, extensions].join();
}

/** What parts of one superframe have in common beside their flow. */
function commonOf(p: Packet): string {
  const ip = p.ipv6 ? [p.trafficClass, p.flowLabel] : [p.trafficClass, p.fragment];
  const tcp = p.tcp ? [p.flags & ~MAY_DIFFER, p.ack, p.window, p.urgent, p.options] : [];
  return [...ip, p.hopLimit, ...tcp].join();
}

function continues(run: Packet[], p: Packet): boolean {
  const [first, last] = [run[0], run[run.length - 1]];
  const total = run.reduce((bytes, each) => bytes + each.payload.length, 0) + p.payload.length;
  const ended = last.payload.length < first.payload.length || (p.tcp && (last.flags & MAY_DIFFER) !== 0);
  if (ended || run.length === PARTS_MOST[p.tcp ? 'tcp' : 'udp']) return false;
  if (p.payload.length > first.payload.length || headerLength(first) - ipAt(first) + total > 65_535)
    return false;
  const expected = (last.sequence + last.payload.length) >>> 0;
  return (!p.tcp || p.sequence === expected) && commonOf(p) === commonOf(first);
}

/** Of an unfinished frame: how to finish it and, above the MTU, how to cut it. What is behind it would be taken for payload. */
function writeUnfinished(p: Packet, mtu: number): Written {
  const size = mtu - (headerLength(p) - ipAt(p));
  const isSuper = size > 0 && p.payload.length > size;
  const offload = isSuper ? offloadOf(p, size) : { ...offloadOf(p, 0), type: 0, headerLength: 0 };
  const packet = { ...p, padding: 0 };
  return { packet, offload, frame: build(packet), flow: flowOf(p) };
}

function write(run: Packet[], mtu: number): Written {
  const [first, last] = [run[0], run[run.length - 1]];
  const flow = flowOf(first);
  if (run.length === 1) {
    if (isUnfinished(first)) return writeUnfinished(first, mtu);
    return { packet: first, offload: NO_OFFLOAD, frame: build(first), flow };
  }
  const payload = Uint8Array.from(Buffer.concat(run.map((p) => p.payload)));
  const flags = first.flags | (last.flags & MAY_DIFFER);
  const packet: Packet = { ...first, flags, payload, checksum: 'unfinished', padding: 0 };
  return { packet, offload: offloadOf(first, first.payload.length), frame: build(packet), flow };
}

/** What reaches the TAP of frames, in order flow by flow; the flows may be interleaved. */
export function merge(packets: readonly Packet[], mtu: number): Written[] {
  const open = new Map<string, Packet[]>();
  const written: Written[] = [];
  for (const p of packets) {
    const flow = flowOf(p);
    const run = open.get(flow);
    const mergeable = isMergeable(p);
    if (run && mergeable && continues(run, p)) {
      run.push(p);
      continue;
    }
    if (run) written.push(write(run, mtu));
    if (mergeable) open.set(flow, [p]);
    else {
      open.delete(flow);
      written.push(write([p], mtu));
    }
  }
  for (const run of open.values()) written.push(write(run, mtu));
  return written;
}
