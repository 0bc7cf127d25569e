/** The host around a link: what is there before anything is made, and the TAP's own settings. */

import { isIPv6 } from 'node:net';
import {
  type Address,
  addAddress,
  addressesOf,
  formatAddress,
  parseAddress,
  removeAddress,
} from '../io/addresses.ts';
import { changeDevice, type Device, type DeviceChange, findDevice } from '../io/devices.ts';
import { findRoute, type Route } from '../io/routes.ts';
import { formatMac, type Mac } from '../wire/address.ts';
import { setUp } from './host.ts';
import type { HostFollower } from './host-follower.ts';
import type { Link } from './link.ts';
import type { LinkOptions, Say } from './link-options.ts';
import type { LinkArgs } from './protocol.ts';
import { marked, note } from './record.ts';
import { Refusal } from './refusal.ts';
import type { Undo } from './undo.ts';

export interface Site {
  readonly device: Device | undefined;
  /** The TAP, if it outlives us. */
  readonly existing: Device | undefined;
  readonly route: Route | undefined;
  readonly ipv6: boolean;
}

/** What is said of where frames go. */
export type Remotes = Pick<LinkOptions, 'remotes' | 'group'>;

export function survey(options: LinkOptions): Site {
  const { name, dev, group, local } = options;
  const device = dev === undefined ? undefined : findDevice(dev);
  if (dev !== undefined && !device) throw new Error(`dev "${dev}" is no interface of this namespace`);
  if (group !== undefined && !device) {
    throw new Error(`group "${group}" needs dev: the interface to join it on (EINVAL)`);
  }
  const existing = findDevice(name);
  if (existing && existing.name !== name)
    throw new Refusal('EEXIST', `${name} is another name of the interface ${existing.name}`);
  const [first] = defaults(options);
  const route = first === undefined ? undefined : findRoute(first, dev);
  return { device, existing, route, ipv6: isIPv6(first ?? local ?? '') };
}

/** Where frames go that have no entry, at first. */
export function defaults({ remotes, group }: Remotes): string[] {
  return [...new Set(group === undefined ? remotes : [...remotes, group])];
}

/** What the datagrams of a packet have around it: Ethernet, VXLAN, UDP and IP. */
const overhead = (ipv6: boolean): number => (ipv6 ? 70 : 50);

/** `mtu`: the largest inner packet that the way to all of these carries; 0: nobody knows. `devices`: what it leaves by. */
export function wayTo(
  remotes: readonly string[],
  dev: string | number | undefined,
  ipv6: boolean,
): { mtu: number; devices: number[] } {
  const device = dev === undefined ? undefined : findDevice(dev);
  const most = device?.mtu ?? Number.POSITIVE_INFINITY;
  const devices = new Set(device && [device.index]);
  const ways = remotes.map((remote) => {
    const { mtu = Number.POSITIVE_INFINITY, index } = findRoute(remote, dev) ?? {};
    if (index !== undefined) devices.add(index);
    return Math.min(most, mtu) - overhead(isIPv6(remote)); // a trunk may have both
  });
  const least = Math.min(most - overhead(ipv6), ...ways);
  return { mtu: least === Number.POSITIVE_INFINITY ? 0 : least, devices: [...devices] };
}

/** Sets the TAP up, and keeps the tables in step with it from here on. */
export function settle(
  host: HostFollower,
  link: Link,
  options: LinkOptions,
  site: Site,
  undo: Undo,
  say: Say,
): Device {
  const { device, existing, route, ipv6 } = site;
  const mtu = options.mtu ?? (device?.mtu ?? route?.mtu ?? 1500 + overhead(ipv6)) - overhead(ipv6);
  const mac = options.mac ?? (existing ? undefined : derivedMac(options.local ?? route?.source, options));
  const wanted = {
    ...options,
    mtu,
    mtuAsked: options.mtu !== undefined,
    mac: mac && formatMac(mac.high, mac.low),
  };
  const own = setUp(wanted, !existing, undo, (sentence) => say('warn', sentence));
  undo.push(host.follow(link, own.index));
  return own;
}

/** What was said of the TAP now, in `said`; the rest stays as it is, whoever made it so. */
export function keepUp(
  { tap: own, isMade }: { tap: Device | undefined; isMade: boolean },
  said: LinkArgs,
  before: readonly string[],
  undo: Undo,
): void {
  if (!own) return; // it was deleted a moment ago
  const set = (to: DeviceChange, was: DeviceChange) => {
    if (!isMade) note(own.index, to);
    changeDevice(own, to);
    undo.push(() => changeDevice(own, was));
  };
  if (said.address !== undefined && said.address !== own.mac) set({ mac: said.address }, { mac: own.mac });
  if (said.mtu !== undefined && said.mtu !== own.mtu) set({ mtu: said.mtu }, { mtu: own.mtu });
  if (said.up !== undefined && said.up !== own.up) set({ up: said.up }, { up: own.up });
  const { addresses } = said;
  if (addresses === undefined) return;
  const had = addressesOf(own).map(formatAddress);
  const has = (address: Address) => had.includes(formatAddress(address));
  // first those that go: with a subnet's first address the kernel takes the others of it away
  const gone = before.filter((each) => !addresses.includes(each)).map((each) => parseAddress(own, each));
  for (const each of gone.filter(has)) {
    removeAddress(own, each);
    undo.push(() => addAddress(own, each));
  }
  const come = addresses.filter((each) => !before.includes(each)).map((each) => parseAddress(own, each));
  for (const each of come.filter((address) => !has(address))) {
    if (!isMade) note(own.index, 'addresses');
    addAddress(own, isMade ? each : marked(each));
    undo.push(() => removeAddress(own, each));
  }
}

/** The same VTEP has the same address after a restart: peers keep it in their ARP tables. */
function derivedMac(underlay: string | undefined, options: LinkOptions): Mac | undefined {
  if (underlay === undefined) return undefined;
  let hash = 0xcbf29ce484222325n;
  for (const character of `${underlay} ${options.port} ${options.vni}`) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(character.charCodeAt(0))) * 0x100000001b3n);
  }
  const high = Number((hash >> 32n) & 0xffffn);
  return { high: (high & 0xfcff) | 0x0200, low: Number(BigInt.asIntN(32, hash)) };
}
