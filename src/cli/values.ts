/** What stands behind words: numbers, addresses, one of a few. Each says what was given, and what would be right. */

import { isIPv4 } from 'node:net';
import { INTERFACE_NAME, isAnyName, isInterfaceName } from '../control/interface-name.ts';
import { formatMac, isLinkLocal, isMulticast, isUnspecified, parseIp, parseMac } from '../wire/address.ts';
import { UsageError } from './grammar.ts';

/** As strtoul(3) has them, and so iproute2: behind a zero they are octal. */
const NUMBER = /^(0x[0-9a-f]+|-?0[0-7]*|-?[1-9]\d*)$/i;
const OCTAL = /^-?0\d/;
/** As `bridge` reads VNIs. */
const DECIMAL = /^(0x[0-9a-f]+|-?\d+)$/i;

export function whole(word: string, what: string, least: number, most: number): number {
  const value = OCTAL.test(word) ? Number.parseInt(word, 8) : Number(word);
  return within(NUMBER.test(word) ? value : Number.NaN, word, what, least, most);
}

function decimal(word: string, what: string, least: number, most: number): number {
  return within(DECIMAL.test(word) ? Number(word) : Number.NaN, word, what, least, most);
}

function within(value: number, word: string, what: string, least: number, most: number): number {
  if (value >= least && value <= most) return value;
  throw new UsageError(`${what} "${word}" is not a whole number from ${least} to ${most}`);
}

/** `7` or `7-9`: the first and the last. */
export function range(word: string, what: string, least: number, most: number): [number, number] {
  const [first, last = first, more] = word.split('-');
  if (more !== undefined || word.startsWith('-')) {
    throw new UsageError(`${what} "${word}" is neither a number nor a range such as 100-199`);
  }
  const ends: [number, number] = [decimal(first, what, least, most), decimal(last, what, least, most)];
  if (ends[1] < ends[0]) throw new UsageError(`${what} "${word}": the second is smaller than the first`);
  return ends;
}

/** iproute2 ends in a way of its own about a word that is none. */
export class NoAddress extends UsageError {}

type Sort = 'host' | 'group' | 'none';

/** Undefined: no IP address. A batch has a hundred thousand of them, so the usual one is not taken apart. */
function sortOf(word: string): Sort | undefined {
  if (isIPv4(word)) {
    const first = Number.parseInt(word, 10);
    return first >= 224 && first <= 239 ? 'group' : word === '0.0.0.0' ? 'none' : 'host';
  }
  const words = parseIp(word);
  if (!words) return undefined;
  const [w0, w1, w2, w3] = words;
  return isMulticast(w0, w1, w2, w3) ? 'group' : isUnspecified(w0, w1, w2, w3) ? 'none' : 'host';
}

function checked(word: string, what: string): Sort {
  const sort = sortOf(word);
  if (sort === undefined) {
    throw new NoAddress(`${what} "${word}" is not an IP address, such as 192.0.2.1 or 2001:db8::1`);
  }
  if (sort === 'none') throw new UsageError(`${what} "${word}" is no host's address`);
  return sort;
}

/** Of one host. */
export function host(word: string, what: string): string {
  if (checked(word, what) === 'host') return word;
  throw new UsageError(`${what} "${word}" is a group; it must be one host`);
}

/** Of a multicast group. */
export function group(word: string, what: string): string {
  const sort = sortOf(word);
  if (sort === 'group') return word;
  const Mistake = sort === undefined ? NoAddress : UsageError;
  throw new Mistake(`${what} "${word}" is no multicast group, such as 239.1.1.1 or ff05::100`);
}

/** Of one host or of a group. */
export function destination(word: string, what: string): string {
  checked(word, what);
  return word;
}

/** A host of this link and the device it is reached by, where it says so: `fe80::1%eth0`. */
export function zoned(
  word: string,
  what: string,
  read: (word: string, what: string) => string,
): { ip: string; dev?: string } {
  if (!word.includes('%')) return { ip: read(word, what) };
  const [ip, dev] = word.split('%', 2);
  if (!isLinkLocal(ip)) throw new UsageError(`${what} "${word}": only a link-local address has a device`);
  return { ip: read(ip, what), dev: device(dev, what) };
}

const PRINTED_MAC = /^[0-9a-f]{2}:[0-9a-f]{2}:[0-9a-f]{2}:[0-9a-f]{2}:[0-9a-f]{2}:[0-9a-f]{2}$/;

/** In the form that all of vtep prints. */
export function mac(word: string, what: string): string {
  if (PRINTED_MAC.test(word)) return word;
  const parsed = parseMac(word);
  if (!parsed) throw new UsageError(`${what} "${word}" is no MAC address, such as 02:00:00:00:00:01`);
  return formatMac(parsed.high, parsed.low);
}

/** Of an interface that is there: any of its names. */
export function device(word: string, what: string): string {
  return isAnyName(word) ? word : newDevice(word, what);
}

/** Of one that is to be made. */
export function newDevice(word: string, what: string): string {
  if (isInterfaceName(word)) return word;
  throw new UsageError(`${what} "${word}" is no name for an interface: ${INTERFACE_NAME}`);
}

export function oneOf<const T extends string>(given: string, what: string, allowed: readonly T[]): T {
  if ((allowed as readonly string[]).includes(given)) return given as T;
  throw new UsageError(`${what} "${given}" is not known; it takes ${allowed.join(' or ')}`);
}
