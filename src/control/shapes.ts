/** What arguments look like: checked where they come from another program or a file, and the schema for editors. */

import { isIPv4 } from 'node:net';
import { isIp, isMulticast, isUnspecified, parseIp, parseMac } from '../wire/address.ts';
import { MAX_VNI } from '../wire/vxlan.ts';
import {
  ANY_NAME,
  ANY_NAME_PATTERN,
  INTERFACE_NAME,
  INTERFACE_NAME_PATTERN,
  isAnyName,
  isInterfaceName,
} from './interface-name.ts';
import type { FdbArgs, FdbFilter, LinkArgs, NeighArgs, Verbs, VniArgs } from './protocol.ts';
import { Refusal } from './refusal.ts';

/** Undefined: it is one. Else what it should be. */
export interface Shape {
  accepts(value: unknown): boolean;
  /** Behind `is not`. */
  readonly is: string;
  readonly schema: object;
}

export type Shapes<T> = { readonly [K in keyof T]-?: Shape };

export function whole(least: number, most: number): Shape {
  return {
    accepts: (value) => Number.isInteger(value) && (value as number) >= least && (value as number) <= most,
    is: `a whole number from ${least} to ${most}`,
    schema: { type: 'integer', minimum: least, maximum: most },
  };
}

export function text(is: string, accepts: (value: string) => boolean, schema: object = {}): Shape {
  return {
    accepts: (value) => typeof value === 'string' && accepts(value),
    is,
    schema: { type: 'string', ...schema },
  };
}

export function oneOf(...values: readonly string[]): Shape {
  return {
    accepts: (value) => values.includes(value as string),
    is: values.join(' or '),
    schema: { enum: values },
  };
}

export function either(...shapes: readonly Shape[]): Shape {
  return {
    accepts: (value) => shapes.some((shape) => shape.accepts(value)),
    is: shapes.map(({ is }) => is).join(', or '),
    schema: { anyOf: shapes.map(({ schema }) => schema) },
  };
}

function list(item: Shape, least = 0, most = 65_536): Shape {
  return {
    accepts: (value) =>
      Array.isArray(value) && value.length >= least && value.length <= most && value.every(item.accepts),
    is: `a list of ${least > 0 && least === most ? `${least}, of ` : ''}which each is ${item.is}`,
    schema: { type: 'array', items: item.schema, ...(least > 0 && { minItems: least, maxItems: most }) },
  };
}

const SWITCH: Shape = {
  accepts: (value) => typeof value === 'boolean',
  is: 'true or false',
  schema: { type: 'boolean' },
};
const NONE: Shape = { accepts: (value) => value === null, is: 'null', schema: { type: 'null' } };
const INHERIT = oneOf('inherit');
const NAME = text(`the name of an interface: ${INTERFACE_NAME}`, isInterfaceName, {
  pattern: INTERFACE_NAME_PATTERN,
});
/** Of one that is there: by any of its names. */
const DEVICE = text(`a name of an interface: ${ANY_NAME}`, isAnyName, { pattern: ANY_NAME_PATTERN });
const isGroup = (value: string) => {
  const ip = parseIp(value);
  return ip !== undefined && isMulticast(ip[0], ip[1], ip[2], ip[3]);
};
const isHost = (value: string) => {
  const ip = parseIp(value);
  if (!ip) return false;
  const [w0, w1, w2, w3] = ip;
  return !isMulticast(w0, w1, w2, w3) && !isUnspecified(w0, w1, w2, w3);
};
/** The device that it is reached by may stand with it. */
const zoned = (accepts: (ip: string) => boolean) => (value: string) => {
  if (!value.includes('%')) return accepts(value);
  const [ip, zone, more] = value.split('%');
  return accepts(ip) && isAnyName(zone) && more === undefined;
};
const IP = text('an IP address, such as 192.0.2.1 or 2001:db8::1', isIp);
const PLACE = text(IP.is, zoned(isIp));
const HOST = text('an IP address of one host, such as 192.0.2.1 or 2001:db8::1', isHost);
const REMOTE = text(HOST.is, zoned(isHost));
const GROUP = text('the IP address of a multicast group, such as 239.1.1.1 or ff05::100', isGroup);
const MAC = text('a MAC address, such as 02:00:00:00:00:01', (value) => parseMac(value) !== undefined);
export const OWN_MAC = text('a MAC address of one host, such as 02:00:00:00:00:01', (value) => {
  const mac = parseMac(value);
  return mac !== undefined && (mac.high & 0x100) === 0 && (mac.high !== 0 || mac.low !== 0);
});
export const VNI = whole(0, MAX_VNI);
const PORT = whole(0, 65_535);
const MOST = 2 ** 31 - 1;
const PREFIX = text('an IP address with its prefix, such as 10.0.0.1/24', (value) => {
  const [ip, bits, rest] = value.split('/');
  const most = isIPv4(ip) ? 32 : 128;
  return isIp(ip) && /^\d{1,3}$/.test(bits ?? '') && Number(bits) <= most && rest === undefined;
});

const HEADER_BITS = text('bits of the header, such as 0xf7ffffff000000ff', (value) =>
  /^0x[0-9a-f]{16}$/.test(value),
);

export const LINK_SHAPES: Shapes<LinkArgs> = {
  name: NAME,
  id: VNI,
  remotes: list(REMOTE),
  group: either(GROUP, NONE),
  local: either(HOST, NONE),
  dev: either(DEVICE, NONE),
  dstport: PORT,
  srcport: list(PORT, 2, 2),
  ttl: either(whole(0, 255), INHERIT),
  tos: either(whole(0, 255), INHERIT),
  df: oneOf('unset', 'set', 'inherit'),
  flowlabel: either(whole(0, 0xfffff), INHERIT),
  learning: SWITCH,
  proxy: SWITCH,
  suppress: SWITCH,
  rsc: SWITCH,
  l2miss: SWITCH,
  l3miss: SWITCH,
  udpcsum: SWITCH,
  udp6zerocsumtx: SWITCH,
  udp6zerocsumrx: SWITCH,
  ageing: whole(0, MOST),
  maxaddress: whole(0, MOST),
  external: SWITCH,
  vnifilter: SWITCH,
  localbypass: SWITCH,
  reserved_bits: either(oneOf('ignore', 'kernel'), HEADER_BITS),
  innervlan: oneOf('pass', 'strip', 'drop'),
  index: whole(1, MOST),
  mtu: whole(68, 65_485),
  address: OWN_MAC,
  addresses: list(PREFIX),
  up: SWITCH,
};

const { index: _, ...WITHOUT_INDEX } = LINK_SHAPES;

/** Of one that is there. */
export const CHANGE_SHAPES: Shapes<Omit<LinkArgs, 'index'>> = { ...WITHOUT_INDEX, name: DEVICE };

/** What an entry is found by, and where it leads. */
const ENTRY = { dev: DEVICE, mac: MAC, dst: PLACE, port: PORT, vni: VNI, src_vni: VNI, via: DEVICE };

export const FDB_SHAPES: Shapes<FdbArgs> = {
  ...ENTRY,
  state: oneOf('permanent', 'static', 'dynamic'),
  flags: list(oneOf('router', 'use', 'extern_learn', 'sticky')),
};

const WORD = text('a word', () => true);

export const FDB_FILTER_SHAPES: Shapes<FdbFilter> = { ...ENTRY, words: list(WORD) };

export const NEIGH_SHAPES: Shapes<NeighArgs> = {
  dev: DEVICE,
  ip: IP,
  mac: MAC,
  flags: list(oneOf('router')),
};

export const VNI_SHAPES: Shapes<VniArgs> = {
  dev: DEVICE,
  vni: list(VNI, 2, 2),
  group: GROUP,
  remote: REMOTE,
  vlan: whole(0, 4094),
};

export const SHOW_SHAPES: Shapes<{ name?: string; dev?: string; stats?: boolean; moved?: boolean }> = {
  name: DEVICE,
  dev: DEVICE,
  stats: SWITCH,
  moved: SWITCH,
};

export const MONITOR_SHAPES: Shapes<{ what: string[] }> = {
  what: list(oneOf('link', 'fdb', 'neigh', 'miss')),
};

export const CONFIG_SHAPES: Shapes<Verbs['config reload']['args']> = { text: WORD, path: WORD };

/** What is wrong with `args`, as sentences, each with the key that it is about. */
export function complaints<T>(
  args: unknown,
  shapes: Shapes<T>,
  needed: readonly (keyof T & string)[],
): { key: string; sentence: string }[] {
  if (typeof args !== 'object' || args === null || Array.isArray(args)) {
    return [{ key: '', sentence: `${quoted(args)} is no object with ${needed.join(', ')}` }];
  }
  const missing = needed
    .filter((key) => !Object.hasOwn(args, key))
    .map((key) => ({ key, sentence: `${key} is missing: it is ${shapes[key].is}` }));
  const wrong = Object.entries(args).flatMap(([key, value]) => {
    const shape = Object.hasOwn(shapes, key) ? (shapes as Record<string, Shape>)[key] : undefined;
    if (!shape) {
      return [
        { key, sentence: `"${key.slice(0, 40)}" is not known; there are ${Object.keys(shapes).join(', ')}` },
      ];
    }
    if (value === undefined || shape.accepts(value)) return [];
    return [{ key, sentence: `${key} ${quoted(value)} is not ${shape.is}` }];
  });
  return [...missing, ...wrong];
}

/** As a sentence has it. */
function quoted(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value); // JSON has neither NaN nor infinity
  try {
    return JSON.stringify(value)?.slice(0, 80);
  } catch {
    return 'of such a depth'; // JSON is read to any depth, and written as deep as the stack
  }
}

/** The same arguments, known to be of that shape; else a refusal. */
export function checked<T>(args: unknown, shapes: Shapes<T>, needed: readonly (keyof T & string)[] = []): T {
  if (fits(args, shapes as Record<string, Shape>, needed)) return args as T;
  throw new Refusal('EINVAL', complaints(args, shapes, needed)[0].sentence);
}

/** Whether there are no complaints: of a hundred thousand arguments there seldom are. */
function fits(args: unknown, shapes: Record<string, Shape>, needed: readonly string[]): boolean {
  if (typeof args !== 'object' || args === null || Array.isArray(args)) return false;
  for (const key of needed) if (!Object.hasOwn(args, key)) return false;
  for (const key of Object.keys(args)) {
    const value = (args as Record<string, unknown>)[key];
    if (!Object.hasOwn(shapes, key)) return false;
    if (value !== undefined && !shapes[key].accepts(value)) return false;
  }
  return true;
}

export function schemaOf<T>(shapes: Shapes<T>, needed: readonly (keyof T & string)[]): object {
  const properties = Object.fromEntries(
    Object.entries<Shape>(shapes as Record<string, Shape>).map(([key, { schema }]) => [key, schema]),
  );
  return { type: 'object', properties, required: needed, additionalProperties: false };
}
