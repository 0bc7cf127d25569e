/** What the config key says: the network that all nodes share, read as flannel reads it (`pkg/subnet/config.go` of 0.26). */

import {
  booleanOf,
  type Fields,
  integerOf,
  readFields,
  stringOf,
  structOf,
  wordOf,
  wrong,
} from './go-json.ts';
import {
  type Address,
  baseOf,
  contains,
  FAMILIES,
  type Family,
  formatAddress,
  formatSubnet,
  lastOf,
  parseAddress,
  parseSubnet,
  type Subnet,
  sizeOf,
  subnetAround,
} from './subnet.ts';
import { quoted, Unusable } from './unusable.ts';

/** Where the subnets of one family come from. */
export interface Pool {
  readonly network: Subnet;
  /** Of each node's subnet. */
  readonly length: number;
  /** The first and the last that are given out. */
  readonly first: Subnet;
  readonly last: Subnet;
}

export interface Network {
  readonly ipv4?: Pool;
  readonly ipv6?: Pool;
  readonly vni: number;
  readonly port: number;
  /** Of the underlay; undefined: its interface's. */
  readonly mtu?: number;
  readonly learning: boolean;
  readonly directRouting: boolean;
}

/** What `init` was told of it; what was not said is left to the defaults of those who read. */
export interface NetworkWords {
  readonly network?: string;
  readonly subnetLength?: number;
  readonly subnetMin?: string;
  readonly subnetMax?: string;
  readonly ipv6Network?: string;
  readonly ipv6SubnetLength?: number;
  readonly ipv6SubnetMin?: string;
  readonly ipv6SubnetMax?: string;
  readonly vni?: number;
  readonly port?: number;
  readonly mtu?: number;
  readonly learning?: boolean;
  readonly directRouting?: boolean;
}

const DEFAULT_VNI = 1;
const MOST_VNI = 0xffffff;
/** The kernel's, which flannel leaves to it. */
const DEFAULT_PORT = 8472;
const MOST_MTU = 65_535;

/** What each family's keys are called, and which sizes flannel likes. */
const KEYS = {
  ipv4: {
    enable: 'EnableIPv4',
    network: 'Network',
    length: 'SubnetLen',
    first: 'SubnetMin',
    last: 'SubnetMax',
    usual: 24,
    longest: 30,
    example: '10.5.0.0/16',
  },
  ipv6: {
    enable: 'EnableIPv6',
    network: 'IPv6Network',
    length: 'IPv6SubnetLen',
    first: 'IPv6SubnetMin',
    last: 'IPv6SubnetMax',
    usual: 64,
    longest: 126,
    example: '2001:db8::/48',
  },
} as const;

const CONFIG = structOf(
  ...FAMILIES.flatMap((family) => {
    const { enable, network, length, first, last } = KEYS[family];
    return [enable, network, length, first, last];
  }),
  'Backend',
);
const BACKEND = structOf('Type', 'VNI', 'Port', 'MTU', 'GBP', 'Learning', 'DirectRouting');

/** The first subnet is never given out, and two of the rest are the least that makes a network. */
const LEAST_BITS = 2;

/** Throws `Unusable`. */
export function parseNetwork(text: string): Network {
  const fields = readFields(text, CONFIG, 'the network config');
  const said = { ipv4: readSaid(fields, 'ipv4'), ipv6: readSaid(fields, 'ipv6') };
  const ipv4 = booleanOf(fields, 'EnableIPv4', true) ? poolOf(said.ipv4) : undefined;
  const ipv6 = booleanOf(fields, 'EnableIPv6', false) ? poolOf(said.ipv6) : undefined;
  if (!ipv4 && !ipv6) throw unfit('EnableIPv4 and EnableIPv6 are both false, and one of them should be true');
  return { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }), ...readBackend(fields.get('Backend')) };
}

function readBackend(text: string | undefined): Omit<Network, Family> {
  if (text === undefined)
    throw unfit('Backend is missing, which means udp: only {"Type":"vxlan"} is carried here');
  const fields = readFields(text, BACKEND, 'Backend');
  const type = stringOf(fields, 'Type');
  if (type.toLowerCase() !== 'vxlan') {
    throw unfit(`the Backend's Type is ${quoted(type)}, and only "vxlan" is carried here`);
  }
  if (booleanOf(fields, 'GBP', false)) {
    throw unfit('GBP is true, and group policies cannot be carried over a TAP: it should be false');
  }
  const mtu = integerOf(fields, 'MTU', [0, MOST_MTU]);
  return {
    vni: integerOf(fields, 'VNI', [0, MOST_VNI]) ?? DEFAULT_VNI,
    port: integerOf(fields, 'Port', [0, 65_535]) || DEFAULT_PORT,
    ...(mtu && { mtu }),
    learning: booleanOf(fields, 'Learning', false),
    directRouting: booleanOf(fields, 'DirectRouting', false),
  };
}

/** What the keys of one family say, whether the network has that family or not. */
interface Said {
  readonly family: Family;
  readonly network?: Subnet;
  readonly length?: number;
  readonly first?: Address;
  readonly last?: Address;
}

/** Zero means, as in Go, that it was not said. */
function readSaid(fields: Fields, family: Family): Said {
  const keys = KEYS[family];
  const text = wordOf(fields, keys.network);
  const network = parseSubnet(text ?? '');
  if (text !== undefined && network?.family !== family) {
    throw wrong(keys.network, text, `a network such as ${keys.example}`);
  }
  return {
    family,
    network: network?.length === 0 ? undefined : network,
    length: integerOf(fields, keys.length, [0, 2 ** 32]) || undefined,
    first: readAddress(fields, keys.first, family),
    last: readAddress(fields, keys.last, family),
  };
}

/** Those of IPv6 are pointers in flannel, which may be null. */
function readAddress(fields: Fields, name: string, family: Family): Address | undefined {
  const text = wordOf(fields, name);
  if (text === undefined || (text === 'null' && family === 'ipv6')) return undefined;
  const address = parseAddress(text);
  if (address?.family !== family)
    throw wrong(name, text, `an address such as ${KEYS[family].example.split('/')[0]}`);
  return address.value === 0n ? undefined : address;
}

function poolOf({ family, network, length: saidLength, first, last }: Said): Pool {
  const keys = KEYS[family];
  if (!network) throw unfit(`${keys.network} is missing, and should be a network such as ${keys.example}`);
  const length = lengthIn(network, saidLength);
  const second = { family, value: network.base + sizeOf({ ...network, length }) };
  const pool = {
    network,
    length,
    first: boundary(keys.first, first ?? second, network, length),
    last: boundary(keys.last, last ?? baseOf(subnetAround(lastOf(network), length)), network, length),
  };
  if (pool.first.base > pool.last.base) {
    throw unfit(`${keys.first} ${textOf(pool.first)} is behind ${keys.last} ${textOf(pool.last)}`);
  }
  return pool;
}

/** The usual one if four such subnets fit, else a quarter of the network. */
function lengthIn(network: Subnet, said: number | undefined): number {
  const { usual, longest, length: name, network: networkName } = KEYS[network.family];
  const least = network.length + LEAST_BITS;
  if (least > longest) {
    throw unfit(
      `${networkName} ${formatSubnet(network)} is too small: /${longest - LEAST_BITS} is the longest prefix that works`,
    );
  }
  const length = said ?? Math.max(usual, least);
  if (length < least || length > longest) {
    throw unfit(
      `${name} is ${length}, and should be ${least} to ${longest}, so that four subnets fit into ${formatSubnet(network)}`,
    );
  }
  return length;
}

function boundary(name: string, address: Address, network: Subnet, length: number): Subnet {
  const text = formatAddress(address);
  if (!contains(network, address)) throw unfit(`${name} ${text} is not in ${formatSubnet(network)}`);
  const subnet = subnetAround(address, length);
  if (subnet.base !== address.value) {
    throw unfit(`${name} ${text} is not the beginning of a /${length}: ${textOf(subnet)} would be`);
  }
  return subnet;
}

function textOf(subnet: Subnet): string {
  return formatAddress(baseOf(subnet));
}

function unfit(sentence: string): Unusable {
  return new Unusable('json', sentence);
}

/** A lease of it has the right place and size. */
export function fits({ first, last, length }: Pool, subnet: Subnet): boolean {
  const { family, base } = subnet;
  return family === first.family && subnet.length === length && base >= first.base && base <= last.base;
}

/** With flannel's names in flannel's order; what was not said is left out. Throws `Unusable` if nodes could not read it. */
export function formatNetwork(words: NetworkWords): string {
  const text = JSON.stringify({
    ...(words.network === undefined && { EnableIPv4: false }),
    ...(words.ipv6Network !== undefined && { EnableIPv6: true }),
    Network: words.network,
    IPv6Network: words.ipv6Network,
    SubnetMin: words.subnetMin,
    SubnetMax: words.subnetMax,
    IPv6SubnetMin: words.ipv6SubnetMin,
    IPv6SubnetMax: words.ipv6SubnetMax,
    SubnetLen: words.subnetLength,
    IPv6SubnetLen: words.ipv6SubnetLength,
    Backend: {
      Type: 'vxlan',
      VNI: words.vni,
      Port: words.port,
      MTU: words.mtu,
      Learning: words.learning,
      DirectRouting: words.directRouting,
    },
  });
  parseNetwork(text);
  return text;
}
