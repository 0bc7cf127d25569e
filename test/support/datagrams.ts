/** VXLAN datagrams as they come over a cable, honest and odd, and what is read of those that left. */
import { END_MAC, HOST_MAC } from './twins.ts';

const hex = (value: number, bytes: number) =>
  (value >>> 0)
    .toString(16)
    .padStart(2 * bytes, '0')
    .slice(-2 * bytes);
const bare = (text: string) => text.replaceAll(':', '');
const v4 = (text: string) =>
  text
    .split('.')
    .map((part) => hex(Number(part), 1))
    .join('');

/** Of an Internet header, whose checksum field is zero. */
function sum(header: string): string {
  let all = 0;
  for (const [word] of header.matchAll(/.{4}/g)) all += Number.parseInt(word, 16);
  while (all > 0xffff) all = (all & 0xffff) + (all >>> 16);
  return hex(~all, 2);
}

export interface Odd {
  from?: string;
  to?: string;
  vni?: number;
  /** The first four bytes of the VXLAN header. */
  flags?: number;
  /** The byte behind the VNI. */
  last?: number;
  port?: number;
  sourcePort?: number;
  /** 0: none. */
  checksum?: number;
  tos?: number;
  /** Bytes that are missing at its end. */
  cut?: number;
}

/** A frame in hex in a datagram over IPv4, as a frame for the host's eth0. */
export function datagram(frame: string, odd: Odd = {}): string {
  const { from = '192.0.2.2', to = '192.0.2.1', vni = 42, flags = 0x0800_0000, last = 0 } = odd;
  const { port = 4789, sourcePort = 50_000, checksum = 0, tos = 0, cut = 0 } = odd;
  const vxlan = `${hex(flags, 4)}${hex(vni, 3)}${hex(last, 1)}${frame}`;
  const payload = vxlan.slice(0, vxlan.length - 2 * cut);
  const udp = `${hex(sourcePort, 2)}${hex(port, 2)}${hex(8 + payload.length / 2, 2)}${hex(checksum, 2)}${payload}`;
  const start = `45${hex(tos, 1)}${hex(20 + udp.length / 2, 2)}000140004011`;
  const ends = v4(from) + v4(to);
  return `${bare(HOST_MAC)}${bare(END_MAC)}0800${start}${sum(`${start}0000${ends}`)}${ends}${udp}`;
}

export interface Left {
  to: string;
  port: number;
  /** TTL, TOS, DF, and whether there is a checksum. */
  outer: [ttl: number, tos: number, df: boolean, checksum: boolean];
  /** In hex. */
  header: string;
  frame: string;
}

/** The datagrams over IPv4 among frames that were seen on a cable, in an order that is none of theirs. */
export function datagramsOf(frames: readonly string[]): { left: Left[]; sourcePorts: number[] } {
  const seen = frames
    .map((frame) => Buffer.from(frame, 'hex'))
    .filter((frame) => frame.readUInt16BE(12) === 0x0800 && frame[23] === 17);
  const left = seen.map(
    (frame): Left => ({
      to: [...frame.subarray(30, 34)].join('.'),
      port: frame.readUInt16BE(36),
      outer: [frame[22], frame[15], (frame[20] & 0x40) !== 0, frame.readUInt16BE(40) !== 0],
      header: frame.toString('hex', 42, 50),
      frame: frame.toString('hex', 50),
    }),
  );
  const key = (each: Left) => `${each.frame} ${each.to} ${each.port} ${each.header}`;
  left.sort((a, b) => (key(a) < key(b) ? -1 : 1));
  return { left, sourcePorts: seen.map((frame) => frame.readUInt16BE(34)) };
}
