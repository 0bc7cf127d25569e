/**
 * The value of a lease: where its node is, and the MAC of its end of the tunnel in each family. Written byte for byte as
 * Go's json.Marshal writes flannel's LeaseAttrs:
 *
 *   {"PublicIP":"192.168.64.3","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:..."}}
 */

import { formatMac, parseMac } from '../../wire/address.ts';
import { isGroup } from '../../wire/ethernet.ts';
import { type Fields, integerOf, readFields, stringOf, structOf, wordOf } from './go-json.ts';
import { contains, FAMILIES, type Family, formatAddress, parseAddress, parseSubnet } from './subnet.ts';
import { quoted, Unusable } from './unusable.ts';

const BACKEND = 'vxlan';

/** A node's end of one family's tunnel. */
export interface End {
  /** On the underlay. */
  readonly publicIp: string;
  readonly mac: string;
}

export type Ends = { readonly [F in Family]?: End };

export interface Lease extends Ends {
  /** As the lease has it (see `leaseVni`); undefined: old nodes write none. */
  readonly vni?: number;
}

const ATTRIBUTES = structOf('PublicIP', 'PublicIPv6', 'BackendType', 'BackendData', 'BackendV6Data');
const DATA = structOf('VNI', 'VtepMAC');
const KEYS = {
  ipv4: { publicIp: 'PublicIP', data: 'BackendData' },
  ipv6: { publicIp: 'PublicIPv6', data: 'BackendV6Data' },
} as const;

const WHAT = 'its value';
/** Go's zero of an IPv4 address: a lease without IPv4 has it. */
const NO_IPV4 = '0.0.0.0';

/** Flannel keeps the VNI in 16 bits here, whatever it is. */
export function leaseVni(vni: number): number {
  return vni & 0xffff;
}

export function formatLease({ vni, ipv4, ipv6 }: Lease): string {
  const data = (end: End | undefined) => end && { VNI: leaseVni(vni ?? 0), VtepMAC: end.mac };
  return JSON.stringify({
    PublicIP: ipv4?.publicIp ?? NO_IPV4,
    PublicIPv6: ipv6?.publicIp ?? null,
    BackendType: BACKEND,
    BackendData: data(ipv4),
    BackendV6Data: data(ipv6),
  });
}

/**
 * What a lease says in those families. Undefined: it is of another backend, or only reserves its subnet. Throws
 * `Unusable`.
 */
export function parseLease(value: string, families: readonly Family[]): Lease | undefined {
  const fields = readFields(value, ATTRIBUTES, WHAT);
  if (stringOf(fields, 'BackendType') !== BACKEND) return undefined;
  let vni: number | undefined;
  const lease: { -readonly [F in Family]?: End } = {};
  for (const family of families) {
    const data = readFields(fields.get(KEYS[family].data) ?? 'null', DATA, KEYS[family].data);
    lease[family] = { publicIp: publicIp(fields, family), mac: readMac(data) };
    vni = integerOf(data, 'VNI', [0, 0xffff]) ?? vni;
  }
  return { ...(vni !== undefined && { vni }), ...lease };
}

/** Of whose node it is, whatever else it says: a lease may be no more than that. */
export function parsePublicIps(value: string): { readonly [F in Family]?: string } {
  try {
    const fields = readFields(value, ATTRIBUTES, WHAT);
    const ips = FAMILIES.map((family) => {
      const address = parseAddress(wordOf(fields, KEYS[family].publicIp) ?? '');
      return [family, address?.family === family ? formatAddress(address) : undefined];
    });
    return Object.fromEntries(ips);
  } catch {
    return {};
  }
}

/** No node is there. */
const NOWHERE = ['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/3', '::/127', 'ff00::/8', 'fe80::/10'].map(
  (text) => parseSubnet(text)!,
);

function publicIp(fields: Fields, family: Family): string {
  const name = KEYS[family].publicIp;
  const text = wordOf(fields, name) ?? 'null';
  const address = parseAddress(text);
  const right = `an address of a node over ${family === 'ipv4' ? 'IPv4' : 'IPv6'}`;
  if (text === 'null') throw new Unusable('address', `${name} is missing, and should be ${right}`);
  if (address?.family !== family || NOWHERE.some((subnet) => contains(subnet, address))) {
    throw new Unusable('address', `${name} is ${quoted(text)}, and should be ${right}`);
  }
  return formatAddress(address);
}

function readMac(data: Fields): string {
  const text = wordOf(data, 'VtepMAC') ?? 'null';
  if (text === 'null') throw new Unusable('mac', 'VtepMAC is missing');
  const mac = text.length === 17 ? parseMac(text.replaceAll('-', ':')) : undefined;
  if (!mac || isGroup(mac.high) || (mac.high | mac.low) === 0) {
    throw new Unusable('mac', `VtepMAC is ${quoted(text)}, and should be the MAC of one device`);
  }
  return formatMac(mac.high, mac.low);
}
