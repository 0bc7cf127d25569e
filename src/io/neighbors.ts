/** The kernel's own neighbours (ARP and ND), by rtnetlink. */

import { formatMac } from '../wire/address.ts';
import { attributes, FAMILY, fixedPart, ipOf, message } from './netlink-message.ts';
import { FLAGS, TYPE } from './rtnetlink.ts';

export interface Neighbor {
  /** Index of its interface. */
  readonly device: number;
  readonly ip: Int32Array;
  /** Empty while it is not resolved. */
  readonly mac: string;
  /** Bits of `NUD`. */
  readonly state: number;
}

export const NUD = { reachable: 0x02, noarp: 0x40, permanent: 0x80 } as const;

const ATTRIBUTE = { ip: 1, mac: 2 } as const;
const FIXED = 12;

export function dumpOfNeighbors(): Buffer {
  return message(TYPE.getNeigh, FLAGS.dump, fixedPart([4, FAMILY.any], [4, 0], [4, 0]));
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
  return { device: body.readInt32LE(4), ip, mac: text, state };
}
