/** The way to a remote, as the kernel would send there, and the entries of its main table, by rtnetlink. */

import { formatIp, knownIp, parseIp } from '../wire/address.ts';
import { findDevice } from './devices.ts';
import {
  attribute,
  attributes,
  FAMILY,
  familyOf,
  fixedPart,
  ipBytes,
  ipOf,
  message,
  numberOf,
} from './netlink-message.ts';
import { ask, FLAGS, KernelRefusal, TYPE } from './rtnetlink.ts';

/** The source that it would be sent from, the interface and the gateway it leaves by, and what the way carries. */
export interface Route {
  readonly source?: string;
  readonly dev?: string;
  /** Of that interface. */
  readonly index?: number;
  /** To one other host, and with no header of a further tunnel before its packets. */
  readonly isPlain?: boolean;
  /** None: the remote is on the interface's own link. */
  readonly via?: string;
  readonly mtu?: number;
}

/** An entry of the main table. */
export interface TableRoute {
  /** `10.5.52.0/24` */
  readonly subnet: string;
  /** Index of the interface that it leads out by. */
  readonly device: number;
  readonly via?: string;
  /** The gateway is on the interface's own link, whatever its addresses say. */
  readonly onlink: boolean;
  /** Of the program that made it, as it said itself: 3 is `boot`, by hand. */
  readonly protocol: number;
}

const ATTRIBUTE = {
  destination: 1,
  device: 4,
  gateway: 5,
  priority: 6,
  source: 7,
  metrics: 8,
  table: 15,
  via: 18,
  encapsulation: 22,
} as const;
const METRIC_MTU = 2;
const FIXED = 12;
/** A packet is no longer, whatever the loopback's MTU says. */
const MTU_MOST = 65_535;
const MAIN = 254;
const UNICAST = 1;
const ONLINK = 4;
const SCOPE = { anywhere: 0, link: 253, nowhere: 255 } as const;

interface Head {
  family: number;
  prefix?: number;
  table?: number;
  protocol?: number;
  scope?: number;
  type?: number;
  flags?: number;
}

function fixed({
  family,
  prefix = 0,
  table = 0,
  protocol = 0,
  scope = 0,
  type = 0,
  flags = 0,
}: Head): Buffer {
  return fixedPart(
    ...([
      [1, family],
      [1, prefix],
      [2, 0],
      [1, table],
      [1, protocol],
      [1, scope],
      [1, type],
      [4, flags],
    ] as const),
  );
}

/** Undefined: there is none. `dev`: only by this interface. */
export function findRoute(remote: string, dev?: string | number): Route | undefined {
  const out = dev === undefined ? undefined : findDevice(dev);
  const ip = parseIp(remote);
  if (!ip || (dev !== undefined && !out)) return undefined;
  const bytes = ipBytes(ip);
  const head = fixed({ family: familyOf(bytes), prefix: 8 * bytes.length });
  const by = out ? [attribute(ATTRIBUTE.device, out.index)] : [];
  const request = message(TYPE.getRoute, FLAGS.ask, head, attribute(ATTRIBUTE.destination, bytes), ...by);
  try {
    return readRoute(ask(`there is no route to ${remote}`, request)[0]);
  } catch (error) {
    if (error instanceof KernelRefusal) return undefined;
    throw error;
  }
}

function readRoute(body: Buffer): Route {
  const found = attributes(body, FIXED);
  const leaves = findDevice(numberOf(found.get(ATTRIBUTE.device)));
  const mtu = numberOf(attributes(found.get(ATTRIBUTE.metrics)).get(METRIC_MTU)) || leaves?.mtu;
  return {
    source: textOfIp(found.get(ATTRIBUTE.source)),
    dev: leaves?.name,
    index: leaves?.index,
    isPlain: body[7] === UNICAST && !found.has(ATTRIBUTE.encapsulation),
    via: gatewayOf(found),
    mtu: mtu && Math.min(mtu, MTU_MOST),
  };
}

/** A gateway of the other family is told with its family before it. */
function gatewayOf(found: ReadonlyMap<number, Buffer>): string | undefined {
  return textOfIp(found.get(ATTRIBUTE.gateway)) ?? textOfIp(found.get(ATTRIBUTE.via)?.subarray(2));
}

function textOfIp(value: Buffer | undefined): string | undefined {
  const ip = ipOf(value);
  return ip && formatIp(ip[0], ip[1], ip[2], ip[3]);
}

/** What one program has made of them, in one family. */
export function routesBy(protocol: number, ipv6: boolean): TableRoute[] {
  const family = ipv6 ? FAMILY.ipv6 : FAMILY.ipv4;
  const request = message(TYPE.getRoute, FLAGS.dump, fixed({ family, protocol }));
  return ask(`the routes of protocol ${protocol} cannot be told`, request)
    .filter((body) => body[0] === family && body[5] === protocol)
    .flatMap((body) => readTableRoute(body) ?? []);
}

/** Index of the interface that the best of the default routes leads out by; undefined: there is none. */
export function defaultDevice(ipv6: boolean): number | undefined {
  const family = ipv6 ? FAMILY.ipv6 : FAMILY.ipv4;
  const [best] = ask('the routes cannot be told', message(TYPE.getRoute, FLAGS.dump, fixed({ family })))
    .filter((body) => body[0] === family && body[1] === 0 && body[7] === UNICAST)
    .map((body) => attributes(body, FIXED))
    .filter((found) => numberOf(found.get(ATTRIBUTE.table)) === MAIN && found.has(ATTRIBUTE.device))
    .map((found) => ({
      device: numberOf(found.get(ATTRIBUTE.device)),
      priority: numberOf(found.get(ATTRIBUTE.priority)),
    }))
    .sort((a, b) => a.priority - b.priority);
  return best?.device;
}

/** Undefined: it is one of another table. */
function readTableRoute(body: Buffer): TableRoute | undefined {
  const found = attributes(body, FIXED);
  if (numberOf(found.get(ATTRIBUTE.table)) !== MAIN) return undefined;
  const all = body[0] === FAMILY.ipv6 ? '::' : '0.0.0.0';
  return {
    subnet: `${textOfIp(found.get(ATTRIBUTE.destination)) ?? all}/${body[1]}`,
    device: numberOf(found.get(ATTRIBUTE.device)),
    via: gatewayOf(found),
    onlink: (body.readUInt32LE(8) & ONLINK) !== 0,
    protocol: body[5],
  };
}

/** Where no route to the same subnet is: else EEXIST. */
export function addRoute(route: TableRoute): void {
  putRoute(FLAGS.create, route);
}

/** Instead of the first to the same subnet, whoever made it. */
export function replaceRoute(route: TableRoute): void {
  putRoute(FLAGS.replace, route);
}

/** One of that program only. */
export function removeRoute({ subnet, protocol }: Pick<TableRoute, 'subnet' | 'protocol'>): void {
  const { bytes, prefix } = parseSubnet(subnet);
  const head = fixed({ family: familyOf(bytes), prefix, table: MAIN, protocol, scope: SCOPE.nowhere });
  const request = message(TYPE.delRoute, FLAGS.ask, head, attribute(ATTRIBUTE.destination, bytes));
  ask(`the route to ${subnet} cannot be taken out`, request);
}

function putRoute(order: number, { subnet, device, via, onlink, protocol }: TableRoute): void {
  const { bytes, prefix } = parseSubnet(subnet);
  const gateway = via === undefined ? [] : [attribute(ATTRIBUTE.gateway, ipBytes(knownIp(via)))];
  const head = fixed({
    family: familyOf(bytes),
    prefix,
    table: MAIN,
    protocol,
    scope: via === undefined ? SCOPE.link : SCOPE.anywhere,
    type: UNICAST,
    flags: onlink ? ONLINK : 0,
  });
  const parts = [attribute(ATTRIBUTE.destination, bytes), attribute(ATTRIBUTE.device, device), ...gateway];
  const by = via === undefined ? '' : ` via ${via}`;
  ask(`the route to ${subnet}${by} cannot be set`, message(TYPE.newRoute, order, head, ...parts));
}

function parseSubnet(text: string): { bytes: Buffer; prefix: number } {
  const [address, prefix] = text.split('/');
  const ip = parseIp(address);
  if (!ip) throw new Error(`"${text}" is no subnet, such as 10.5.52.0/24 or 2001:db8::/64`);
  return { bytes: ipBytes(ip), prefix: Number(prefix) };
}
