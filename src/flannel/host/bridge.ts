/**
 * The bridge that the containers of this host are attached to: the gateway of our subnet. One that is there already is
 * used, and stays when we leave; one that we made goes with us.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { addAddress, addressesOf, formatAddress, parseAddress, removeAddress } from '../../io/addresses.ts';
import {
  changeDevice,
  createBridge,
  type Device,
  type DeviceChange,
  deleteDevice,
  dumpOfDevices,
  findDevice,
  readDevice,
} from '../../io/devices.ts';
import { ask, succeeds } from '../../io/rtnetlink.ts';
import { MARK, PROTOCOL } from './mark.ts';
import { quiet } from './tunnel.ts';

export interface BridgeOptions {
  readonly name: string;
  readonly mtu: number;
  /** `10.5.52.1/24`, one for each family. */
  readonly addresses: readonly string[];
}

const FORWARDING = {
  ipv4: '/proc/sys/net/ipv4/ip_forward',
  ipv6: '/proc/sys/net/ipv6/conf/all/forwarding',
} as const;

/** It is there from here on, and as it should be. Throws a sentence where it cannot be. */
export function ensureBridge({ name, mtu, addresses }: BridgeOptions): void {
  const device = findDevice(name) ?? make(name);
  if (device.kind !== 'bridge') {
    throw new Error(`--bridge ${name}: an interface of this name is there, and it is no bridge (EEXIST)`);
  }
  const change: DeviceChange = { ...(device.mtu !== mtu && { mtu }), ...(!device.up && { up: true }) };
  if (Object.keys(change).length > 0) changeDevice(device, change);
  setAddresses(device, addresses);
  for (const each of addresses) forward(each.includes(':') ? 'ipv6' : 'ipv4');
}

/** Takes away what was made of bridges, and of addresses on those of others. */
export function removeBridges(): void {
  for (const device of ask('the interfaces cannot be told', dumpOfDevices()).map(readDevice)) {
    if (device.kind !== 'bridge') continue;
    if (device.alias === MARK) deleteDevice(device);
    else setAddresses(device, []);
  }
}

/** Its MAC is said to be what it is, or it would be another with each container that comes. */
function make(name: string): Device {
  createBridge(name);
  const { index, mac } = findDevice(name) as Device;
  changeDevice({ index, name }, { alias: MARK, mac });
  quiet(name);
  return findDevice(name) as Device;
}

/** These, beside those of others. */
function setAddresses(device: Device, wanted: readonly string[]): void {
  const had = addressesOf(device);
  const isThere = new Set(had.map(formatAddress));
  for (const address of had) {
    if (address.protocol === PROTOCOL && !wanted.includes(formatAddress(address)))
      succeeds(() => removeAddress(device, address));
  }
  for (const text of wanted) {
    if (!isThere.has(text)) addAddress(device, { ...parseAddress(device, text), protocol: PROTOCOL });
  }
}

function forward(family: keyof typeof FORWARDING): void {
  const path = FORWARDING[family];
  try {
    if (readFileSync(path, 'utf8').trim() !== '1') writeFileSync(path, '1');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`packets of containers are not forwarded, as ${path} cannot be set to 1 (${code})`);
  }
}
