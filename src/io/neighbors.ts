/** The kernel's own neighbours (ARP and ND): what they are, and orders to change them, by rtnetlink. */

import { formatIp, formatMac } from '../wire/address.ts';
import { type DeviceId, macBytes } from './devices.ts';
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
import { ask, FLAGS, TYPE } from './rtnetlink.ts';

export interface Neighbor {
  /** Index of its interface. */
  readonly device: number;
  readonly ip: Int32Array;
  /** Empty while it is not resolved. */
  readonly mac: string;
  /** Bits of `NUD`. */
  readonly state: number;
  /** Of the program that made it, as it said itself; 0: it said nothing. */
  readonly protocol: number;
}

export const NUD = { reachable: 0x02, noarp: 0x40, permanent: 0x80 } as const;

const ATTRIBUTE = { ip: 1, mac: 2, device: 8, protocol: 12 } as const;
const FIXED = 12;

function fixed(family: number, index = 0, state = 0): Buffer {
  return fixedPart([4, family], [4, index], [4, state]);
}

/** The request for those of one interface, or of all. */
export function dumpOfNeighbors(index = 0): Buffer {
  const of = index === 0 ? [] : [attribute(ATTRIBUTE.device, index)];
  return message(TYPE.getNeigh, FLAGS.dump, fixed(FAMILY.any), ...of);
}

/** `body`: of a message that tells of a neighbour; undefined if it tells of a bridge's forwarding entry. */
export function readNeighbor(body: Buffer): Neighbor | undefined {
  if (body[0] !== FAMILY.ipv4 && body[0] !== FAMILY.ipv6) return undefined;
  const found = attributes(body, FIXED);
  const ip = ipOf(found.get(ATTRIBUTE.ip));
  const mac = found.get(ATTRIBUTE.mac);
  const state = body.readUInt16LE(8);
  if (!ip) return undefined;
  const text = mac?.length === 6 ? formatMac(mac.readUInt16BE(0), mac.readInt32BE(2)) : '';
  const protocol = numberOf(found.get(ATTRIBUTE.protocol));
  return { device: body.readInt32LE(4), ip, mac: text, state, protocol };
}

export function neighborsOf({ index, name }: DeviceId): Neighbor[] {
  return ask(`the neighbours of ${name} cannot be told`, dumpOfNeighbors(index))
    .map(readNeighbor)
    .filter((each) => each?.device === index) as Neighbor[];
}

/** A permanent one, where none is: else EEXIST. */
export function addNeighbor(device: DeviceId, neighbor: Pick<Neighbor, 'ip' | 'mac' | 'protocol'>): void {
  put(FLAGS.create, device, neighbor);
}

/** A permanent one, whatever is there. */
export function replaceNeighbor(device: DeviceId, neighbor: Pick<Neighbor, 'ip' | 'mac' | 'protocol'>): void {
  put(FLAGS.replace, device, neighbor);
}

export function removeNeighbor({ index, name }: DeviceId, ip: Int32Array): void {
  const bytes = ipBytes(ip);
  const request = message(
    TYPE.delNeigh,
    FLAGS.ask,
    fixed(familyOf(bytes), index),
    attribute(ATTRIBUTE.ip, bytes),
  );
  ask(`the neighbour ${format(ip)} cannot be taken from ${name}`, request);
}

function put(
  flags: number,
  { index, name }: DeviceId,
  { ip, mac, protocol }: Pick<Neighbor, 'ip' | 'mac' | 'protocol'>,
): void {
  const bytes = ipBytes(ip);
  const request = message(
    TYPE.newNeigh,
    flags,
    fixed(familyOf(bytes), index, NUD.permanent),
    attribute(ATTRIBUTE.ip, bytes),
    attribute(ATTRIBUTE.mac, macBytes(mac)),
    attribute(ATTRIBUTE.protocol, Buffer.of(protocol)),
  );
  ask(`the neighbour ${format(ip)} with ${mac} cannot be set on ${name}`, request);
}

function format(ip: Int32Array): string {
  return formatIp(ip[0], ip[1], ip[2], ip[3]);
}
