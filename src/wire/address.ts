/**
 * Text forms of addresses, for configuration and printing; nothing here runs per frame.
 *
 * An IP address is four int32 words, IPv4 mapped into IPv6 (::ffff:a.b.c.d), so that one form serves
 * both families.
 */

import { isIP } from 'node:net';

export interface Mac {
  /** The first two bytes. */
  readonly high: number;
  /** The other four, as int32. */
  readonly low: number;
}

const MAPPED_PREFIX = 0x0000ffff;
const MAC = /^[0-9a-f]{1,2}(?::[0-9a-f]{1,2}){5}$/i;
const ZERO = '0'.charCodeAt(0);
/** Characters of a MAC with all its digits. */
const FULL_MAC = 17;

/** `aa:bb:cc:dd:ee:ff`; like iproute2 it takes single digits too. Undefined if it is no MAC. */
export function parseMac(text: string): Mac | undefined {
  if (!MAC.test(text)) return undefined;
  const digits = text.length === FULL_MAC ? text.replaceAll(':', '') : text.split(':').map(padded).join('');
  return { high: Number.parseInt(digits.slice(0, 4), 16), low: Number.parseInt(digits.slice(4), 16) | 0 };
}

function padded(byte: string): string {
  return byte.padStart(2, '0');
}

export function formatMac(high: number, low: number): string {
  const bytes = [high >>> 8, high, low >>> 24, low >>> 16, low >>> 8, low];
  return bytes.map((byte) => (byte & 0xff).toString(16).padStart(2, '0')).join(':');
}

/** Undefined if it is no IP address. A zone (`%eth0`) is refused: the words have no room for it. */
export function parseIp(text: string): Int32Array | undefined {
  if (text.includes('%')) return undefined;
  const family = isIP(text);
  if (family === 4) return Int32Array.of(0, 0, MAPPED_PREFIX, parseDotted(text));
  if (family === 6) return parseGroups(text);
  return undefined;
}

/** RFC 5952 for IPv6; dotted for a mapped IPv4 address. */
export function formatIp(w0: number, w1: number, w2: number, w3: number): string {
  if (isIpv4Mapped(w0, w1, w2)) {
    return [w3 >>> 24, (w3 >>> 16) & 0xff, (w3 >>> 8) & 0xff, w3 & 0xff].join('.');
  }
  const groups = [w0, w1, w2, w3].flatMap((word) => [word >>> 16, word & 0xffff]);
  const [start, length] = longestZeroRun(groups);
  const text = (part: number[]) => part.map((group) => group.toString(16)).join(':');
  if (length < 2) return text(groups);
  return `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

export function isIpv4Mapped(w0: number, w1: number, w2: number): boolean {
  return w0 === 0 && w1 === 0 && w2 === MAPPED_PREFIX;
}

export function isMulticast(w0: number, w1: number, w2: number, w3: number): boolean {
  return isIpv4Mapped(w0, w1, w2) ? w3 >>> 28 === 0xe : w0 >>> 24 === 0xff;
}

/** 0.0.0.0 or `::`. */
export function isUnspecified(w0: number, w1: number, w2: number, w3: number): boolean {
  return w3 === 0 && (isIpv4Mapped(w0, w1, w2) || (w0 | w1 | w2) === 0);
}

/** `text` is known to be a valid IPv4 address. Tables are filled from text a hundred thousand lines at a time. */
function parseDotted(text: string): number {
  let word = 0;
  let byte = 0;
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - ZERO;
    if (digit >= 0) byte = 10 * byte + digit;
    else {
      word = (word << 8) | byte;
      byte = 0;
    }
  }
  return (word << 8) | byte;
}

/** `text` is known to be a valid IPv6 address. */
function parseGroups(text: string): Int32Array {
  const [head, tail] = text.split('::').map(parseRun);
  const groups = tail
    ? [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail]
    : head;
  return Int32Array.from({ length: 4 }, (_, i) => (groups[2 * i] << 16) | groups[2 * i + 1]);
}

/** The 16-bit groups between colons, of which the last may be a dotted IPv4 address. */
function parseRun(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const word = parseDotted(group);
    return [word >>> 16, word & 0xffff];
  });
}

/** Start and length of the first longest run of zero groups. */
function longestZeroRun(groups: number[]): [start: number, length: number] {
  let best: [number, number] = [0, 0];
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (groups[end] === 0) end++;
    if (end - start > best[1]) best = [start, end - start];
  }
  return best;
}

/** An IPv6 address that means something only together with an interface. */
export function isLinkLocal(ip: string): boolean {
  return /^fe[89ab]/i.test(ip);
}
