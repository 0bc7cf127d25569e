/** What is set on a TAP, by rtnetlink, and how it is taken back. */

import { addAddress, addressesOf, formatAddress, parseAddress, removeAddress } from '../io/addresses.ts';
import { changeDevice, type Device, type DeviceChange, findDevice } from '../io/devices.ts';
import { succeeds } from '../io/rtnetlink.ts';
import { marked, note, takeBack } from './record.ts';
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

/** How many frames may wait for us in a TAP, as it is made; and twice that. */
const FRAMES = { usual: 1000, most: 2000 } as const;

/**
 * Programs that send without pause keep the worker from a core for as long as the usual number lasts, and what comes
 * then is lost. Another number than the usual one is somebody's wish, and stays.
 */
export function makeRoom(tap: Device): void {
  if (tap.txqueuelen === FRAMES.usual) changeDevice(tap, { txqueuelen: FRAMES.most });
}

/**
 * Sets on the TAP what is not so yet. What a device that outlives us (`isOurs` false) should not keep goes to `undo`, and
 * is noted on it. Returns the device as it is then.
 */
export function setUp(wanted: Wanted, isOurs: boolean, undo: Undo, warn: (sentence: string) => void): Device {
  const { name, mtu, mac } = wanted;
  const before = isOurs ? findDevice(name) : asItWas(name);
  if (!before) throw new Error(`the TAP ${name} vanished while it was set up`);
  if (!isOurs) undo.push(() => takeBack(before.index));
  const set = (to: DeviceChange, was: DeviceChange) => {
    if (!isOurs) note(before.index, to);
    changeDevice(before, to);
    if (!isOurs) undo.push(() => succeeds(() => changeDevice(before, was)));
  };
  if (mac && mac !== before.mac) set({ mac }, { mac: before.mac });
  if (mtu !== before.mtu && (wanted.mtuAsked || mayConfigure(before))) set({ mtu }, { mtu: before.mtu });
  else if (mtu < before.mtu) {
    warn(
      `the MTU of ${name} stays ${before.mtu}, the path carries ${mtu}; as root: ip link set dev ${name} mtu ${mtu}`,
    );
  }
  setAddresses(before, wanted.addresses, isOurs, undo);
  if (wanted.up && !before.up) set({ up: true }, { up: false });
  return findDevice(name) ?? before;
}

/** Without what one who was killed has left changed. */
function asItWas(name: string): Device | undefined {
  const left = findDevice(name);
  if (left) takeBack(left.index);
  return findDevice(name);
}

function setAddresses(on: Device, wanted: readonly string[], isOurs: boolean, undo: Undo): void {
  if (wanted.length === 0) return;
  const had = addressesOf(on).map(formatAddress);
  for (const address of wanted.map((text) => parseAddress(on, text))) {
    if (had.includes(formatAddress(address))) continue;
    if (isOurs) addAddress(on, address);
    else {
      note(on.index, 'addresses');
      addAddress(on, marked(address));
      undo.push(() => succeeds(() => removeAddress(on, address)));
    }
  }
}

/** Setting the MTU that is there changes nothing, and tells whether another may be set. */
function mayConfigure(device: Device): boolean {
  return succeeds(() => changeDevice(device, { mtu: device.mtu }));
}
