/** Which interface of this host leads to the other nodes, and the addresses that they know us by. */

import { isIP } from 'node:net';
import { type Address, dumpOfAddresses, readAddress } from '../../io/addresses.ts';
import { type Device, dumpOfDevices, findDevice, readDevice } from '../../io/devices.ts';
import { defaultDevice, findRoute } from '../../io/routes.ts';
import { ask } from '../../io/rtnetlink.ts';
import { formatIp, isIpv4Mapped, isLinkLocal, knownIp, parseIp } from '../../wire/address.ts';
import type { Family } from '../contract/subnet.ts';

/** What was said of it; nothing: the interface of the default route. */
export interface ExternalWords {
  /** Names, addresses or regular expressions, the first that means one. */
  readonly ifaces: readonly string[];
  readonly ifaceRegexes: readonly RegExp[];
  readonly canReach?: string;
  readonly publicIp?: string;
  readonly publicIpv6?: string;
}

/** Our end of a family's underlay. */
export interface ExternalEnd {
  /** Of the interface. */
  readonly local: string;
  /** Where the others send to: the same, or what was said. */
  readonly publicIp: string;
}

export interface External {
  readonly name: string;
  readonly index: number;
  readonly mtu: number;
  readonly ipv4?: ExternalEnd;
  readonly ipv6?: ExternalEnd;
}

interface Host {
  readonly devices: readonly Device[];
  readonly addresses: readonly Address[];
}

/** Throws a sentence: there is no such interface, or it has no address of a family that the network has. */
export function findExternal(words: ExternalWords, families: readonly Family[]): External {
  const host: Host = {
    devices: ask('the interfaces cannot be told', dumpOfDevices()).map(readDevice),
    addresses: ask('the addresses cannot be told', dumpOfAddresses()).flatMap(
      (body) => readAddress(body) ?? [],
    ),
  };
  const { device, ip } = choose(host, words, families);
  const said = { ipv4: words.publicIp, ipv6: words.publicIpv6 };
  const ends = families.map((family) => {
    const local = ip && familyOf(ip) === family ? ip : addressOf(host, device, family);
    return [family, { local, publicIp: said[family] ?? local }];
  });
  return { name: device.name, index: device.index, mtu: device.mtu, ...Object.fromEntries(ends) };
}

interface Chosen {
  readonly device: Device;
  /** It was named by this address. */
  readonly ip?: string;
}

function choose(host: Host, words: ExternalWords, families: readonly Family[]): Chosen {
  const { ifaces, ifaceRegexes, canReach } = words;
  for (const word of ifaces) {
    const found = named(host, word);
    if (found) return found;
  }
  for (const regex of [...ifaces.flatMap(asRegex), ...ifaceRegexes]) {
    const found = matching(host, regex, families[0]);
    if (found) return found;
  }
  if (ifaces.length + ifaceRegexes.length > 0) {
    const all = [...ifaces, ...ifaceRegexes.map((regex) => regex.source)].join('", "');
    const there = host.devices.map(({ name }) => name).join(', ');
    throw new Error(`--iface "${all}" means no interface of this host; there is ${there} (ENODEV)`);
  }
  if (canReach !== undefined) return reaching(canReach);
  const index = defaultDevice(families[0] === 'ipv6');
  const device = host.devices.find((each) => each.index === index);
  if (device) return { device };
  throw new Error('there is no default route to choose an interface by: say --iface DEV (ENETUNREACH)');
}

function named({ devices, addresses }: Host, word: string): Chosen | undefined {
  if (isIP(word) === 0) {
    const device = devices.find(({ name }) => name === word);
    return device && { device };
  }
  const words = parseIp(word);
  const address = addresses.find(({ ip }) => ip.every((part, at) => part === words?.[at]));
  const device = address && devices.find(({ index }) => index === address.device);
  return device && { device, ip: textOf(address) };
}

/** A name or an address that is not there is a regular expression too, but it would match parts of others. */
function asRegex(word: string): RegExp[] {
  if (/^[\w.:-]*$/.test(word)) return [];
  try {
    return [new RegExp(word)];
  } catch {
    return [];
  }
}

/** An interface of whose addresses one matches, or else its name, as flannel has it; one without addresses is no use. */
function matching({ devices, addresses }: Host, regex: RegExp, family: Family): Chosen | undefined {
  const of = (device: Device) => addresses.filter((each) => each.device === device.index).map(textOf);
  for (const device of devices) {
    const ip = of(device).find((each) => regex.test(each));
    if (ip !== undefined) return { device, ip };
  }
  const isOfUse = (device: Device) => of(device).some((ip) => familyOf(ip) === family);
  const device = devices.find((each) => regex.test(each.name) && isOfUse(each));
  return device && { device };
}

function reaching(ip: string): Chosen {
  const { dev, source } = findRoute(ip) ?? {};
  const device = dev === undefined ? undefined : findDevice(dev);
  if (device) return { device, ip: source };
  throw new Error(`--iface-can-reach "${ip}": there is no route to it (ENETUNREACH)`);
}

/** The first one that other hosts can use; over IPv4 one of the link alone does, if there is no other. */
function addressOf({ addresses }: Host, device: Device, family: Family): string {
  const all = addresses
    .filter((each) => each.device === device.index)
    .map(textOf)
    .filter((ip) => familyOf(ip) === family);
  const wide = all.filter((ip) => !isLinkLocal(ip) && !ip.startsWith('169.254.'));
  const [found] = family === 'ipv4' ? [...wide, ...all] : wide;
  if (found !== undefined) return found;
  const what = family === 'ipv4' ? 'IPv4' : 'IPv6';
  throw new Error(`${device.name} has no ${what} address that other nodes could send to (EADDRNOTAVAIL)`);
}

function textOf({ ip }: Address): string {
  return formatIp(ip[0], ip[1], ip[2], ip[3]);
}

function familyOf(text: string): Family {
  const ip = knownIp(text);
  return isIpv4Mapped(ip[0], ip[1], ip[2]) ? 'ipv4' : 'ipv6';
}
