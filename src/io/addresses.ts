/** IP addresses of this host's interfaces: what they are, and orders to change them, by rtnetlink. */

import { formatIp, parseIp } from '../wire/address.ts';
import type { DeviceId } from './devices.ts';
import {
  attribute,
  attributes,
  FAMILY,
  familyOf,
  fixedPart,
  ipBytes,
  ipOf,
  message,
} from './netlink-message.ts';
import { ask, FLAGS, TYPE } from './rtnetlink.ts';

export interface Address {
  /** Index of its interface. */
  readonly device: number;
  readonly ip: Int32Array;
  readonly prefix: number;
  /** Of the program that made it, as it said itself; kernels before 5.18 do not keep it. */
  readonly protocol?: number;
}

/** Of a point-to-point interface the first one is the other end. */
const ATTRIBUTE = { address: 1, local: 2, protocol: 11 } as const;
const FIXED = 8;

function fixed(family: number, prefix: number, index: number): Buffer {
  return fixedPart([1, family], [1, prefix], [2, 0], [4, index]);
}

/** The request for those of one interface, or of all. */
export function dumpOfAddresses(index = 0): Buffer {
  return message(TYPE.getAddress, FLAGS.dump, fixed(FAMILY.any, 0, index));
}

/** `body`: of a message that tells of an address. */
export function readAddress(body: Buffer): Address | undefined {
  const found = attributes(body, FIXED);
  const ip = ipOf(found.get(ATTRIBUTE.local) ?? found.get(ATTRIBUTE.address));
  const protocol = found.get(ATTRIBUTE.protocol);
  return (
    ip && { device: body.readInt32LE(4), ip, prefix: body[1], ...(protocol && { protocol: protocol[0] }) }
  );
}

export function addressesOf({ index, name }: DeviceId): Address[] {
  return ask(`the addresses of ${name} cannot be told`, dumpOfAddresses(index))
    .map(readAddress)
    .filter((each) => each?.device === index) as Address[];
}

export function addAddress(device: DeviceId, address: Address): void {
  order(`cannot be set on ${device.name}`, TYPE.newAddress, FLAGS.create, address);
}

export function removeAddress(device: DeviceId, address: Address): void {
  order(`cannot be taken from ${device.name}`, TYPE.delAddress, FLAGS.ask, address);
}

function order(what: string, type: number, flags: number, address: Address): void {
  const ip = ipBytes(address.ip);
  const head = fixed(familyOf(ip), address.prefix, address.device);
  const parts = [ATTRIBUTE.local, ATTRIBUTE.address].map((each) => attribute(each, ip));
  if (address.protocol !== undefined) {
    parts.push(attribute(ATTRIBUTE.protocol, Buffer.of(address.protocol)));
  }
  ask(`address ${formatAddress(address)} ${what}`, message(type, flags, head, ...parts));
}

/** `10.0.0.1/24`, on this interface; without a prefix it is one of the address alone. */
export function parseAddress({ index }: DeviceId, text: string): Address {
  const [ipText, prefixText] = text.split('/');
  const ip = parseIp(ipText);
  if (!ip) throw new Error(`"${text}" is no IP address with a prefix: 10.0.0.1/24, fd00::1/64`);
  return { device: index, ip, prefix: Number(prefixText ?? 8 * ipBytes(ip).length) };
}

export function formatAddress({ ip, prefix }: Address): string {
  return `${formatIp(ip[0], ip[1], ip[2], ip[3])}/${prefix}`;
}
