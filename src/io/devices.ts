/** Network interfaces of this namespace: what they are, and orders to change them, by rtnetlink. */

import { formatMac, parseMac } from '../wire/address.ts';
import { attribute, attributes, FAMILY, fixedPart, message, numberOf, textOf } from './netlink-message.ts';
import { ask, FLAGS, KernelRefusal, succeeds, TYPE } from './rtnetlink.ts';

export interface Device {
  readonly index: number;
  readonly name: string;
  readonly mtu: number;
  /** Empty where there is none. */
  readonly mac: string;
  readonly up: boolean;
  /** Somebody said so (`ip link set ... promisc on`); a bridge or a capture does not. */
  readonly promiscuous: boolean;
  readonly group: number;
  /** How many packets may wait in it. */
  readonly txqueuelen: number;
  /** Index of the bridge (or bond, VRF) that it is a port of; 0: none. */
  readonly master: number;
  /** `tun`, `bridge`, `vxlan`, ...; empty for a network card. */
  readonly kind: string;
  readonly alias: string;
  /** Of a TAP: whether it stays when nobody holds it, and the user who may. */
  readonly persistent?: boolean;
  /** Of a TAP: whether a process has it open. */
  readonly held?: boolean;
  readonly owner?: number;
  /** Of a TAP that was made for several queues: how many are held now. */
  readonly queues?: number;
}

/** What is left out stays. */
export interface DeviceChange {
  name?: string;
  mtu?: number;
  mac?: string;
  up?: boolean;
  /** 0: no port of anything any more. */
  master?: number;
  group?: number;
  alias?: string;
  txqueuelen?: number;
  /** Descriptor of the network namespace that it goes to. */
  netns?: number;
}

const ATTRIBUTE = {
  mac: 1,
  name: 3,
  mtu: 4,
  master: 10,
  txqueuelen: 13,
  info: 18,
  alias: 20,
  families: 26,
  group: 27,
  netns: 28,
  extent: 29,
  carrier: 33,
  otherName: 53,
} as const;
const INFO = { kind: 1, data: 2 } as const;
const ADDRESSES = { mode: 8, none: 1 } as const;
const TUN = { owner: 1, persistent: 6, multiQueue: 7, queues: 8 } as const;
const FIXED = 16;
const UP = 1;
const PROMISCUOUS = 0x100;
const NAME_MOST = 15;
const SKIP_STATISTICS = 8;

function fixed(index = 0, flags = 0, changed = 0): Buffer {
  return fixedPart([4, 0], [4, index], [4, flags], [4, changed]);
}

const withoutStatistics = () => attribute(ATTRIBUTE.extent, SKIP_STATISTICS);

/** The request for all of them. */
export function dumpOfDevices(): Buffer {
  return message(TYPE.getLink, FLAGS.dump, fixed(), withoutStatistics());
}

export function findDevice(which: string | number): Device | undefined {
  const by = typeof which === 'number' ? [] : [attribute(nameAttribute(which), which)];
  const index = typeof which === 'number' ? which : 0;
  const request = message(TYPE.getLink, FLAGS.ask, fixed(index), ...by, withoutStatistics());
  try {
    const [found] = ask(`the interface ${which} cannot be found`, request);
    return found && readDevice(found);
  } catch (error) {
    if (error instanceof KernelRefusal) return undefined;
    throw error;
  }
}

/** Of an interface that has it as a further one; another stays what it is. */
export function firstName(name: string): string {
  return findDevice(name)?.name ?? name;
}

/** An interface can have further names, longer ones. */
function nameAttribute(name: string): number {
  return Buffer.byteLength(name) > NAME_MOST ? ATTRIBUTE.otherName : ATTRIBUTE.name;
}

/** `body`: of a message that tells of an interface. */
export function readDevice(body: Buffer): Device {
  const found = attributes(body, FIXED);
  const mac = found.get(ATTRIBUTE.mac);
  const info = attributes(found.get(ATTRIBUTE.info));
  const kind = textOf(info.get(INFO.kind));
  return {
    index: body.readInt32LE(4),
    name: textOf(found.get(ATTRIBUTE.name)),
    mtu: numberOf(found.get(ATTRIBUTE.mtu)),
    mac: mac?.length === 6 ? formatMac(mac.readUInt16BE(0), mac.readInt32BE(2)) : '',
    up: (body.readUInt32LE(8) & UP) !== 0,
    promiscuous: (body.readUInt32LE(8) & PROMISCUOUS) !== 0,
    group: numberOf(found.get(ATTRIBUTE.group)),
    txqueuelen: numberOf(found.get(ATTRIBUTE.txqueuelen)),
    master: numberOf(found.get(ATTRIBUTE.master)),
    kind,
    alias: textOf(found.get(ATTRIBUTE.alias)),
    ...(kind === 'tun' && tapState(info.get(INFO.data), found.get(ATTRIBUTE.carrier)?.[0] === 1)),
  };
}

/** One of one queue has a carrier while somebody has it open; one of several can be left with it. */
function tapState(data: Buffer | undefined, hasCarrier: boolean): Partial<Device> {
  const found = attributes(data);
  const hasQueues = numberOf(found.get(TUN.multiQueue)) !== 0;
  const queues = numberOf(found.get(TUN.queues));
  const owner = found.get(TUN.owner);
  return {
    persistent: numberOf(found.get(TUN.persistent)) !== 0,
    ...(owner && { owner: numberOf(owner) }),
    held: hasQueues ? queues > 0 : hasCarrier,
    ...(hasQueues && { queues }),
  };
}

/** What an order needs of an interface, and a sentence about it. */
export type DeviceId = Pick<Device, 'index' | 'name'>;

/** One order; the kernel carries out one part after the other, and what precedes the one it refuses stays. */
export function changeDevice({ index, name }: DeviceId, change: DeviceChange): void {
  const { up, mac, ...numbersAndTexts } = change;
  const parts = Object.entries(numbersAndTexts).map(([key, value]) =>
    attribute(ATTRIBUTE[key as keyof typeof numbersAndTexts], value),
  );
  if (mac !== undefined) parts.push(attribute(ATTRIBUTE.mac, macBytes(mac)));
  const flags = up === undefined ? fixed(index) : fixed(index, up ? UP : 0, UP);
  const words = Object.entries(change).map(([key, value]) => `${key} ${value}`);
  ask(`${words.join(', ')} cannot be set on ${name}`, message(TYPE.newLink, FLAGS.ask, flags, ...parts));
}

/** It gets no IPv6 addresses by itself, where there is IPv6. */
export function withoutAddresses({ index, name }: DeviceId): void {
  const mode = attribute(FAMILY.ipv6, attribute(ADDRESSES.mode, Buffer.of(ADDRESSES.none)));
  const request = message(TYPE.newLink, FLAGS.ask, fixed(index), attribute(ATTRIBUTE.families, mode));
  succeeds(() => ask(`${name} cannot be left without addresses`, request));
}

export function macBytes(text: string): Buffer {
  const mac = parseMac(text);
  if (!mac) throw new Error(`"${text}" is no MAC: six bytes in hexadecimal, aa:bb:cc:dd:ee:ff`);
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(mac.high, 0);
  bytes.writeInt32BE(mac.low, 2);
  return bytes;
}

/** Where that name is free: else EEXIST. */
export function createBridge(name: string): void {
  const info = attribute(ATTRIBUTE.info, attribute(INFO.kind, 'bridge'));
  const request = message(TYPE.newLink, FLAGS.create, fixed(), attribute(ATTRIBUTE.name, name), info);
  ask(`the bridge ${name} cannot be made`, request);
}

export function deleteDevice({ index, name }: DeviceId): void {
  ask(`${name} cannot be deleted`, message(TYPE.delLink, FLAGS.ask, fixed(index)));
}

/** All interfaces of a group at once: the kernel waits for its readers once, and not for each of them. */
export function deleteGroup(group: number): void {
  const request = message(TYPE.delLink, FLAGS.ask, fixed(), attribute(ATTRIBUTE.group, group));
  ask(`the interfaces of group ${group} cannot be deleted`, request);
}

/**
 * As a group of their own, as only a group is deleted at once. One that is in another namespace by now, or all where we
 * may not delete, are left.
 */
export function deleteTogether(devices: readonly DeviceId[]): void {
  const group = 1 + Math.floor(Math.random() * (2 ** 31 - 2));
  const joined = devices.filter((device) => succeeds(() => changeDevice(device, { group })));
  if (joined.length > 0) succeeds(() => deleteGroup(group));
}
