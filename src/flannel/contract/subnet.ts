/** Subnets of both families, and the keys that leases of them have. An address is one bigint. */

import { formatIp, isIpv4Mapped, parseIp } from '../../wire/address.ts';

export const FAMILIES = ['ipv4', 'ipv6'] as const;
export type Family = (typeof FAMILIES)[number];

const BITS = { ipv4: 32, ipv6: 128 } as const;

/** `base` has no bit behind the first `length`. */
export interface Subnet {
  readonly family: Family;
  readonly base: bigint;
  readonly length: number;
}

/** What one lease is about: one family, or both. */
export type Subnets = { readonly [F in Family]?: Subnet };

export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

/** Undefined if it is none. `::ffff:1.2.3.4` is of IPv4, as in Go. */
export function parseAddress(text: string): Address | undefined {
  const words = parseIp(text);
  if (!words) return undefined;
  const ofIpv4 = isIpv4Mapped(words[0], words[1], words[2]);
  const value = Array.from(words).reduce((sum, word) => (sum << 32n) | BigInt(word >>> 0), 0n);
  return ofIpv4 ? { family: 'ipv4', value: BigInt.asUintN(BITS.ipv4, value) } : { family: 'ipv6', value };
}

/** As Go prints it, which is RFC 5952's way too. */
export function formatAddress({ family, value }: Address): string {
  if (family === 'ipv4') return formatIp(0, 0, 0xffff, Number(BigInt.asIntN(32, value)));
  const word = (at: bigint) => Number(BigInt.asIntN(32, value >> at));
  return formatIp(word(96n), word(64n), word(32n), word(0n));
}

/** Bits behind the prefix do not matter, as in Go: `10.5.1.1/16` is 10.5.0.0/16. Undefined if it is no subnet. */
export function parseSubnet(text: string): Subnet | undefined {
  const [ip, length, ...more] = text.split('/');
  const address = parseAddress(ip);
  if (!address || more.length > 0 || !/^\d{1,3}$/.test(length ?? '')) return undefined;
  if (Number(length) > BITS[address.family]) return undefined;
  return subnetAround(address, Number(length));
}

export function formatSubnet(subnet: Subnet): string {
  return `${formatAddress(baseOf(subnet))}/${subnet.length}`;
}

/** The one of that length in which the address is. */
export function subnetAround({ family, value }: Address, length: number): Subnet {
  const free = BigInt(BITS[family] - length);
  return { family, base: (value >> free) << free, length };
}

export function baseOf({ family, base }: Subnet): Address {
  return { family, value: base };
}

export function lastOf(subnet: Subnet): Address {
  return { family: subnet.family, value: subnet.base + sizeOf(subnet) - 1n };
}

export function sizeOf({ family, length }: Subnet): bigint {
  return 1n << BigInt(BITS[family] - length);
}

export function contains(outer: Subnet, { family, value }: Address): boolean {
  return family === outer.family && subnetAround({ family, value }, outer.length).base === outer.base;
}

export function isWithin(inner: Subnet, outer: Subnet): boolean {
  return inner.length >= outer.length && contains(outer, baseOf(inner));
}

export function overlap(a: Subnet, b: Subnet): boolean {
  return isWithin(a, b) || isWithin(b, a);
}

export function isSame(a: Subnet | undefined, b: Subnet | undefined): boolean {
  return a?.family === b?.family && a?.base === b?.base && a?.length === b?.length;
}

/** What stands for IPv4 in the key of a lease that has none of it: Go's empty network. */
const NO_IPV4 = '0.0.0.0-0';

/** `10.5.52.0-24`, `10.5.52.0-24&2001:cafe:42:3::-64`. */
export function formatKey({ ipv4, ipv6 }: Subnets): string {
  const part = (subnet: Subnet) => formatSubnet(subnet).replace('/', '-');
  const first = ipv4 ? part(ipv4) : NO_IPV4;
  return ipv6 ? `${first}&${part(ipv6)}` : first;
}

/** Undefined unless it is written as every node writes it: two keys are never about the same. */
export function parseKey(key: string): Subnets | undefined {
  const [first, second, ...more] = key.split('&');
  const ipv4 = parsePart(first, 'ipv4');
  const ipv6 = second === undefined ? undefined : parsePart(second, 'ipv6');
  if (more.length > 0 || (second !== undefined && !ipv6) || (first !== NO_IPV4 && !ipv4)) return undefined;
  const subnets = { ...(first !== NO_IPV4 && { ipv4 }), ...(ipv6 && { ipv6 }) };
  return (subnets.ipv4 || subnets.ipv6) && formatKey(subnets) === key ? subnets : undefined;
}

function parsePart(text: string, family: Family): Subnet | undefined {
  const subnet = text.includes('/') ? undefined : parseSubnet(text.replace('-', '/'));
  return subnet?.family === family ? subnet : undefined;
}
