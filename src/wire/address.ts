/**
 * Text forms of addresses, for configuration and printing; nothing here runs per frame.
 *
 * An IP address is four int32 words, IPv4 mapped into IPv6 (::ffff:a.b.c.d), so that one form serves
 * both families.
 */

import { isIPv6 } from 'node:net';

export interface Mac {
  /** The first two bytes. */
  readonly high: number;
  /** The other four, as int32. */
  readonly low: number;
}

const MAPPED_PREFIX = 0x0000ffff;
const ZERO = '0'.charCodeAt(0);
const NINE = '9'.charCodeAt(0);
const LETTER_A = 'a'.charCodeAt(0);
const COLON = ':'.charCodeAt(0);
const DOT = '.'.charCodeAt(0);

/** `aa:bb:cc:dd:ee:ff`; like iproute2 it takes single digits too. Undefined if it is no MAC. */
export function parseMac(text: string): Mac | undefined {
  let high = 0;
  let low = 0;
  let byte = 0;
  let digits = 0;
  let bytes = 0;
  for (let at = 0; at <= text.length; at++) {
    const code = at < text.length ? text.charCodeAt(at) : COLON;
    const digit = hexDigit(code);
    if (digit >= 0 && digits < 2) {
      byte = (byte << 4) | digit;
      digits++;
    } else if (code === COLON && digits > 0 && bytes < 6) {
      if (bytes < 2) high = (high << 8) | byte;
      else low = (low << 8) | byte;
      bytes++;
      byte = digits = 0;
    } else return undefined;
  }
  return bytes === 6 ? { high, low } : undefined;
}

/** Negative: it is none. */
function hexDigit(code: number): number {
  if (code <= NINE) return code - ZERO;
  const letter = (code | 0x20) - LETTER_A;
  return letter >= 0 && letter < 6 ? letter + 10 : -1;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function formatMac(high: number, low: number): string {
  const first = `${HEX[(high >>> 8) & 0xff]}:${HEX[high & 0xff]}:${HEX[low >>> 24]}`;
  return `${first}:${HEX[(low >>> 16) & 0xff]}:${HEX[(low >>> 8) & 0xff]}:${HEX[low & 0xff]}`;
}

/** Undefined if it is no IP address. A zone (`%eth0`) is refused: the words have no room for it. */
export function parseIp(text: string): Int32Array | undefined {
  const dotted = parseDotted(text);
  if (dotted !== undefined) return Int32Array.of(0, 0, MAPPED_PREFIX, dotted);
  return isIPv6(text) && !text.includes('%') ? parseGroups(text) : undefined;
}

/** Of what has been checked before. */
export function knownIp(text: string): Int32Array {
  const ip = parseIp(text);
  if (ip) return ip;
  throw new Error(`"${text}" is not an IP address (EINVAL)`);
}

/** What `parseIp` takes. */
export function isIp(text: string): boolean {
  return parseDotted(text) !== undefined || (isIPv6(text) && !text.includes('%'));
}

/** RFC 5952 for IPv6; dotted for a mapped IPv4 address. */
export function formatIp(w0: number, w1: number, w2: number, w3: number): string {
  if (isIpv4Mapped(w0, w1, w2)) {
    return `${w3 >>> 24}.${(w3 >>> 16) & 0xff}.${(w3 >>> 8) & 0xff}.${w3 & 0xff}`;
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

/** Undefined if it is no IPv4 address. Tables are filled from text a hundred thousand lines at a time. */
export function parseDotted(text: string): number | undefined {
  let word = 0;
  let byte = -1;
  let dots = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === DOT && byte >= 0) {
      word = (word << 8) | byte;
      byte = -1;
      dots++;
    } else {
      // a zero in front would make it octal to some
      if (code < ZERO || code > NINE || byte === 0) return undefined;
      byte = 10 * Math.max(byte, 0) + code - ZERO;
      if (byte > 255) return undefined;
    }
  }
  return dots === 3 && byte >= 0 ? (word << 8) | byte : undefined;
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
    const word = parseDotted(group) as number;
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
