/**
 * What we change on a TAP that was there before us is written on the TAP itself, before it is done: behind what its
 * alias says, `uplink [vtep has changed: mtu 1500>1450, up 0>1]`. So it is known wherever the TAP goes, to whoever comes
 * after a process that was killed, and gone with the TAP. Addresses are marked by the number of the program that made
 * them. Taken back is what is still as we have set it: whatever others have changed since is theirs.
 */

import { type Address, addAddress, addressesOf, formatAddress, removeAddress } from '../io/addresses.ts';
import {
  changeDevice,
  type Device,
  type DeviceChange,
  dumpOfDevices,
  findDevice,
  readDevice,
} from '../io/devices.ts';
import { ask, succeeds } from '../io/rtnetlink.ts';

/** Of the numbers that programs have (`/etc/iproute2/rt_protos`) one that nobody has. */
const MADE_BY_US = 119;

const FORM = / ?\[vtep has changed: (.*)\]$/;
const ALIAS_MOST = 255;

interface Changes {
  mtu: [was: number, set: number];
  mac: [was: string, set: string];
  up: [was: boolean, set: boolean];
  /** Nothing but addresses. */
  addresses: [];
}

interface Record {
  /** What the alias says without it. */
  said: string;
  changes?: Partial<Changes>;
}

function read(alias: string): Record {
  const [whole = '', words] = FORM.exec(alias) ?? [];
  const said = alias.slice(0, alias.length - whole.length);
  if (words === undefined) return { said };
  const pairs = words.split(', ').map((each) => {
    const [key, values = ''] = each.split(' ');
    const both = values.split('>');
    if (key === 'mtu') return [key, both.map(Number)];
    return [key, key === 'up' ? both.map((value) => value === '1') : both];
  });
  return { said, changes: Object.fromEntries(pairs) };
}

function write({ said, changes }: Record): string {
  if (!changes) return said;
  const words = Object.entries(changes).map(([key, values]) =>
    [key, values.map((value) => (typeof value === 'boolean' ? Number(value) : value)).join('>')]
      .join(' ')
      .trim(),
  );
  return `${said === '' ? '' : `${said} `}[vtep has changed: ${words.join(', ')}]`;
}

/** Before the change is made: of one that was changed before, what it was at first stays. */
export function note(index: number, to: DeviceChange | 'addresses'): void {
  const device = findDevice(index);
  if (!device) return;
  const { said, changes = {} } = read(device.alias);
  const { mtu, mac, up } = to === 'addresses' ? {} : to;
  if (mtu !== undefined) changes.mtu = [changes.mtu?.[0] ?? device.mtu, mtu];
  if (mac !== undefined) changes.mac = [changes.mac?.[0] ?? device.mac, mac];
  if (up !== undefined) changes.up = [changes.up?.[0] ?? device.up, up];
  if (to === 'addresses') changes.addresses = [];
  const alias = write({ said, changes });
  // who may not change the alias may change nothing else; and where it has no room, nothing is noted
  if (alias.length <= ALIAS_MOST) succeeds(() => changeDevice(device, { alias }));
}

/** An address of ours, on a TAP that is not. */
export function marked(address: Address): Address {
  return { ...address, protocol: MADE_BY_US };
}

/** The TAP, which may be gone, is as it was before us. */
export function takeBack(index: number): void {
  const device = findDevice(index);
  const { said, changes } = read(device?.alias ?? '');
  if (!device || !changes) return;
  const { mtu, mac, up } = changes;
  const set = (to: DeviceChange) => succeeds(() => changeDevice(device, to));
  if (up && device.up === up[1]) set({ up: up[0] });
  if (mac && device.mac === mac[1]) set({ mac: mac[0] });
  if (mtu && device.mtu === mtu[1]) set({ mtu: mtu[0] });
  removeOurs(device);
  set({ alias: said });
}

/** With the first address of a subnet the kernel takes away those of it that others have set: they come again. */
function removeOurs(device: Device): void {
  const all = addressesOf(device);
  const theirs = all.filter(({ protocol }) => protocol !== MADE_BY_US);
  for (const address of all) {
    if (!theirs.includes(address)) succeeds(() => removeAddress(device, address));
  }
  const left = addressesOf(device).map(formatAddress);
  for (const address of theirs) {
    if (!left.includes(formatAddress(address))) succeeds(() => addAddress(device, address));
  }
}

/** All TAPs that a process which was killed has left changed, and nobody holds now. */
export function takeBackAll(): void {
  const all: Device[] = ask('the interfaces cannot be told', dumpOfDevices()).map(readDevice);
  for (const { index, kind, held, alias } of all) {
    if (kind === 'tun' && !held && read(alias).changes) takeBack(index);
  }
}
