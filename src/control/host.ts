/** What is set on a TAP, by rtnetlink, and how it is taken back. */

import { addAddress, addressesOf, formatAddress, parseAddress, removeAddress } from '../io/addresses.ts';
import { changeDevice, type Device, type DeviceChange, findDevice } from '../io/devices.ts';
import { succeeds } from '../io/rtnetlink.ts';
import type { Undo } from './undo.ts';

export interface Wanted {
  name: string;
  mtu: number;
  /** An MTU that was asked for must be had; one that was derived is only said when it may not be set. */
  mtuAsked: boolean;
  mac?: string;
  addresses: readonly string[];
  up: boolean;
}

/**
 * Sets on the TAP what is not so yet. Each change that a device which outlives us should not keep goes to `undo`.
 * Returns the device as it is then.
 */
export function setUp(wanted: Wanted, undo: Undo, warn: (sentence: string) => void): Device {
  const { name, mtu, mac } = wanted;
  const before = findDevice(name);
  if (!before) throw new Error(`the TAP ${name} vanished while it was set up`);
  const set = (to: DeviceChange, was: DeviceChange) => {
    changeDevice(before, to);
    undo.push(() => succeeds(() => changeDevice(before, was)));
  };
  if (mac && mac !== before.mac) set({ mac }, { mac: before.mac });
  if (mtu !== before.mtu && (wanted.mtuAsked || mayConfigure(before))) set({ mtu }, { mtu: before.mtu });
  else if (mtu < before.mtu) {
    warn(
      `the MTU of ${name} stays ${before.mtu}, the path carries ${mtu}; as root: ip link set dev ${name} mtu ${mtu}`,
    );
  }
  setAddresses(before, wanted.addresses, undo);
  if (wanted.up && !before.up) set({ up: true }, { up: false });
  return findDevice(name) ?? before;
}

function setAddresses(on: Device, wanted: readonly string[], undo: Undo): void {
  if (wanted.length === 0) return;
  const had = addressesOf(on).map(formatAddress);
  for (const address of wanted.map((text) => parseAddress(on, text))) {
    if (had.includes(formatAddress(address))) continue;
    addAddress(on, address);
    undo.push(() => succeeds(() => removeAddress(on, address)));
  }
}

/** Setting the MTU that is there changes nothing, and tells whether another may be set. */
function mayConfigure(device: Device): boolean {
  return succeeds(() => changeDevice(device, { mtu: device.mtu }));
}
