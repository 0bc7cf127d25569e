/**
 * What `native/segment.c` and `native/merge.c` do, slowly and plainly: the oracle that the C is held against. Frames
 * are made from fields here, so nothing is parsed that was not written down before.
 */

export interface Packet {
  tags: number[];
  ipv6: boolean;
  tcp: boolean;
  /** IPv6: a hop-by-hop header of 8 bytes in front of the transport. */
  extension: boolean;
  source: number;
  destination: number;
  ports: [number, number];
  id: number;
  sequence: number;
  ack: number;
  flags: number;
  window: number;
  /** TCP options, a multiple of 4 bytes. */
  options: number[];
  payload: Uint8Array;
}

/** The offload header in front of a TAP's frames. */
export interface Offload {
  needsChecksum: boolean;
  /** 0 none, 1 TCPv4, 4 TCPv6, 5 UDP */
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
export const TCP_FLAG = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, cwr: 128 };

const be16 = (value: number) => [(value >> 8) & 0xff, value & 0xff];
const be32 = (value: number) => [...be16(value >>> 16), ...be16(value)];

function sum(bytes: readonly number[]): number {
  let total = 0;
  for (let i = 0; i < bytes.length; i += 2) total += (bytes[i] << 8) + (bytes[i + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 0x10000);
  return total;
}

export function transportAt(p: Packet): number {
  return 14 + 4 * p.tags.length + (p.ipv6 ? 40 + (p.extension ? 8 : 0) : 20);
}

export function headerLength(p: Packet): number {
  return transportAt(p) + (p.tcp ? 20 + p.options.length : 8);
}

/** `checksum`: right, the unfinished sum of the pseudo-header alone, wrong, or none (UDP). */
export function build(p: Packet, checksum: 'right' | 'unfinished' | 'wrong' | 'none' = 'right'): Uint8Array {
  const length = (p.tcp ? 20 + p.options.length : 8) + p.payload.length;
  const protocol = p.tcp ? 6 : 17;
  const [source, destination] = [p.source, p.destination].map((last) =>
    p.ipv6 ? [0xfd, ...Array<number>(14).fill(0), last] : [10, 0, 0, last],
  );
  const pseudo = sum([...source, ...destination, ...be32(length), ...be16(protocol)]);
  const transport = (value: number) =>
    p.tcp
      ? [
          ...be16(p.ports[0]),
          ...be16(p.ports[1]),
          ...be32(p.sequence),
          ...be32(p.ack),
          (5 + p.options.length / 4) << 4,
          p.flags,
          ...be16(p.window),
          ...be16(value),
          0,
          0,
          ...p.options,
        ]
      : [...be16(p.ports[0]), ...be16(p.ports[1]), ...be16(length), ...be16(value)];
  let right = ~sum([...be16(pseudo), ...transport(0), ...p.payload]) & 0xffff;
  if (right === 0 && !p.tcp) right = 0xffff;
  const value = { right, unfinished: pseudo, wrong: right ^ 0x0101, none: 0 }[checksum];
  const extension = p.extension ? [protocol, 0, 1, 4, 0, 0, 0, 0] : [];
  const ip6 = [
    0x60,
    0,
    0,
    0,
    ...be16(length + extension.length),
    p.extension ? 0 : protocol,
    64,
    ...source,
    ...destination,
    ...extension,
  ];
  const ip4 = [
    0x45,
    0,
    ...be16(20 + length),
    ...be16(p.id),
    0x40,
    0,
    64,
    protocol,
    0,
    0,
    ...source,
    ...destination,
  ];
  ip4.splice(10, 2, ...be16(~sum(ip4)));
  const macs = [2, 0, 0, 0, 0, p.destination, 2, 0, 0, 0, 0, p.source];
  const tags = p.tags.flatMap((tag) => [0x81, 0x00, ...be16(tag)]);
  return Uint8Array.from([
    ...macs,
    ...tags,
    ...(p.ipv6 ? [0x86, 0xdd] : [8, 0]),
    ...(p.ipv6 ? ip6 : ip4),
    ...transport(value),
    ...p.payload,
  ]);
}

export function offloadOf(p: Packet, size: number): Offload {
  const [start, type] = [transportAt(p), !p.tcp ? 5 : p.ipv6 ? 4 : 1];
  return { needsChecksum: true, type, headerLength: headerLength(p), size, start, offset: p.tcp ? 16 : 6 };
}

/** The frames that a superframe is cut into. */
export function cut(p: Packet, size: number): Uint8Array[] {
  const count = Math.ceil(p.payload.length / size);
  return Array.from({ length: count }, (_, i) => {
    let { flags } = p;
    if (i > 0) flags &= ~TCP_FLAG.cwr;
    if (i < count - 1) flags &= ~(TCP_FLAG.fin | TCP_FLAG.psh);
    const payload = p.payload.subarray(i * size, (i + 1) * size);
    return build({ ...p, id: (p.id + i) & 0xffff, sequence: (p.sequence + i * size) >>> 0, flags, payload });
  });
}

export interface Written {
  offload: Offload;
  frame: Uint8Array;
}

const MAY_DIFFER = TCP_FLAG.psh | TCP_FLAG.fin;
const NEVER = TCP_FLAG.syn | TCP_FLAG.rst | TCP_FLAG.urg | TCP_FLAG.cwr;

/** May `p` be part of a superframe at all? */
function mergeable(p: Packet): boolean {
  return p.payload.length > 0 && !p.extension && !looksUnfinished(p) && (!p.tcp || (p.flags & NEVER) === 0);
}

/** A right checksum that equals the unfinished one: nobody can tell them apart, and finishing it changes nothing. */
function looksUnfinished(p: Packet): boolean {
  return Buffer.compare(build(p), build(p, 'unfinished')) === 0;
}

function sameFlow(a: Packet, b: Packet): boolean {
  const key = (p: Packet) =>
    JSON.stringify([p.tags, p.ipv6, p.tcp, p.extension, p.source, p.destination, p.ports]);
  return key(a) === key(b);
}

function continues(run: Packet[], p: Packet): boolean {
  const [first, last] = [run[0], run[run.length - 1]];
  const total = run.reduce((bytes, each) => bytes + each.payload.length, 0) + p.payload.length;
  const ended = last.payload.length < first.payload.length || (p.tcp && (last.flags & MAY_DIFFER) !== 0);
  if (ended || run.length === (p.tcp ? 128 : 64) || p.payload.length > first.payload.length) return false;
  if (headerLength(first) - 14 - 4 * first.tags.length + total > 65_535) return false;
  if (!p.tcp) return true;
  const expected = (last.sequence + last.payload.length) >>> 0;
  const rest = (each: Packet) =>
    JSON.stringify([each.flags & ~MAY_DIFFER, each.ack, each.window, each.options]);
  return p.sequence === expected && rest(p) === rest(first);
}

function write(run: Packet[]): Written {
  const [first, last] = [run[0], run[run.length - 1]];
  if (looksUnfinished(first)) {
    return { offload: { ...offloadOf(first, 0), type: 0, headerLength: 0 }, frame: build(first) };
  }
  if (run.length === 1) return { offload: NO_OFFLOAD, frame: build(first) };
  const payload = Uint8Array.from(run.flatMap((p) => [...p.payload]));
  const whole = { ...first, flags: first.flags | (last.flags & MAY_DIFFER), payload };
  return { offload: offloadOf(first, first.payload.length), frame: build(whole, 'unfinished') };
}

/** What reaches the TAP of frames with right checksums, flow by flow; the flows may be interleaved. */
export function merge(packets: readonly Packet[]): Written[] {
  const open: Packet[][] = [];
  const written: Written[] = [];
  for (const p of packets) {
    const at = open.findIndex((run) => sameFlow(run[0], p));
    if (at >= 0 && mergeable(p) && continues(open[at], p)) {
      open[at].push(p);
      continue;
    }
    if (at >= 0) written.push(write(open.splice(at, 1)[0]));
    if (mergeable(p)) open.push([p]);
    else written.push(write([p]));
  }
  return [...written, ...open.map(write)];
}
