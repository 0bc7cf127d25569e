/** Opens all that one link needs, in order, and undoes it in the reverse order, also when a later step fails. */

import { isIPv6 } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { NativeEngine } from '../engine/native-engine.ts';
import { native } from '../io/native.ts';
import { endpoint, LINK_FLAG } from '../tables/links.ts';
import { DEFAULT_SIZES, Tables } from '../tables/tables.ts';
import { formatMac, type Mac, parseIp, parseMac } from '../wire/address.ts';
import * as host from './host.ts';

export interface LinkOptions {
  name: string;
  vni: number;
  remotes: string[];
  local?: string;
  dev?: string;
  port: number;
  sourcePorts: [number, number];
  ageing: number;
  maxAddresses: number;
  learning: boolean;
  ttl: number;
  mtu?: number;
  mac?: Mac;
  addresses: string[];
  proxy: boolean;
  suppress: boolean;
  checksum: boolean;
  df: boolean;
  strictReserved: boolean;
  up: boolean;
  fdbSize: number;
}

export interface OpenLink {
  readonly name: string;
  readonly index: number;
  readonly mtu: number;
  readonly tables: Tables;
  readonly engine: NativeEngine;
  close(): void;
}

const INDEX = 1;
const SENDING_SOCKETS = 64;
const RECEIVE_BUFFER = 16 * 1024 * 1024;
const SEND_BUFFER = 2 * 1024 * 1024;
const OPTION = { ipv6: 1, df: 2, noChecksum: 4, sendsOnly: 8 };
const ANY_V4 = Int32Array.of(0, 0, 0xffff, 0);
const ANY_V6 = new Int32Array(4);

export function openLink(options: LinkOptions): OpenLink {
  const undo: (() => void)[] = [];
  const close = () => {
    for (const step of undo.splice(0).reverse()) step();
  };
  try {
    return { ...build(options, undo), close };
  } catch (error) {
    close();
    throw error;
  }
}

function build(options: LinkOptions, undo: (() => void)[]): Omit<OpenLink, 'close'> {
  const addon = native();
  const device = options.dev === undefined ? undefined : host.device(options.dev);
  if (options.dev !== undefined && !device) throw new Error(`dev "${options.dev}" is no interface of this namespace`);
  const existed = host.device(options.name) !== undefined;
  const route = options.remotes.length > 0 ? host.route(options.remotes[0], options.dev) : undefined;
  const ipv6 = isIPv6(options.remotes[0] ?? options.local ?? '');
  const mtu = options.mtu ?? (device?.mtu ?? route?.mtu ?? 1500 + (ipv6 ? 70 : 50)) - (ipv6 ? 70 : 50);

  const tables = new Tables(Tables.allocate({ ...DEFAULT_SIZES, fdb: options.fdbSize }));
  const receiving = openReceiving(options, ipv6);
  undo.push(() => addon.closeFd(receiving));
  const sockets = openSending(options, ipv6, tables);
  undo.push(() => sockets.forEach((fd) => addon.closeFd(fd)));
  const tap = openTap(options.name);
  undo.push(() => addon.closeFd(tap));
  const wakeFd = addon.eventOpen();
  undo.push(() => addon.closeFd(wakeFd));

  const mac = options.mac ?? (existed ? undefined : derivedMac(options.local ?? route?.source, options));
  const own = host.setUp({ ...options, mtu, mac: mac && formatMac(mac.high, mac.low) });
  fillTables(tables, options, ipv6, own);

  const envelopes = new Uint8Array(new SharedArrayBuffer(128 * (INDEX + 1)));
  const source = options.local === undefined ? null : (parseIp(options.local) as Int32Array);
  addon.udpEnvelope(envelopes, INDEX, source, device?.index ?? 0, options.ttl, ipv6 ? 1 : 0);
  const plan = {
    tables: tables.memory,
    link: INDEX,
    endpoint: endpoint(ipv6, options.port),
    tapFd: tap,
    udpFd: receiving,
    sockets,
    envelopes,
    wakeFd,
    stop: new Int32Array(new SharedArrayBuffer(4)),
  };
  const engine = new NativeEngine(plan, tables);
  const mirror = options.proxy || options.suppress ? host.mirrorNeighbors(options.name, INDEX, tables) : undefined;
  undo.push(() => mirror?.());
  return { name: options.name, index: INDEX, mtu: own.mtu, tables, engine };
}

function openTap(name: string): number {
  const fd = native().tapOpen(name);
  if (fd >= 0) return fd;
  const code = getSystemErrorName(fd);
  if (code === 'EACCES') throw new Error('/dev/net/tun may not be opened (EACCES): `chmod 0666 /dev/net/tun` allows it');
  if (code === 'ENOENT') throw new Error('/dev/net/tun is missing (ENOENT): load the tun module, `modprobe tun`');
  const hints: Record<string, string> = {
    EPERM: `this user may not open the TAP; root prepares one by \`ip tuntap add dev ${name} mode tap user ${process.getuid?.()}\``,
    EBUSY: 'another process holds it',
    EINVAL: 'an interface of this name is there, and it is no TAP',
  };
  throw new Error(`the TAP ${name} cannot be opened (${code})${hints[code] ? `: ${hints[code]}` : ''}`);
}

function openReceiving(options: LinkOptions, ipv6: boolean): number {
  const address = options.local === undefined ? (ipv6 ? ANY_V6 : ANY_V4) : (parseIp(options.local) as Int32Array);
  const fd = native().udpOpen(address, options.port, 0, ipv6 ? OPTION.ipv6 : 0, RECEIVE_BUFFER);
  if (fd >= 0) return fd;
  const code = getSystemErrorName(fd);
  const where = `UDP port ${options.port}${options.local ? ` at ${options.local}` : ''}`;
  if (code === 'EADDRINUSE') {
    throw new Error(`${where} is in use (EADDRINUSE): a kernel vxlan or another VTEP of this namespace has it`);
  }
  if (code === 'EADDRNOTAVAIL') throw new Error(`local "${options.local}" is no address of this host (${code})`);
  throw new Error(`${where} cannot be opened (${code})`);
}

/** A UDP socket has one source port: a fixed set on free ports of the range, of which the flow hash picks one. */
function openSending(options: LinkOptions, ipv6: boolean, tables: Tables): Int32Array {
  const [low, high] = options.sourcePorts;
  const span = high - low + 1;
  const flags =
    OPTION.sendsOnly |
    (ipv6 ? OPTION.ipv6 : 0) |
    (options.df ? OPTION.df : 0) |
    (options.checksum ? 0 : OPTION.noChecksum);
  const opened: number[] = [];
  const first = Math.floor(Math.random() * span);
  const step = Math.max(1, Math.floor(span / SENDING_SOCKETS));
  let last = 0;
  for (let i = 0; i < Math.min(span, 4 * SENDING_SOCKETS) && opened.length < SENDING_SOCKETS; i++) {
    const port = low + ((first + i * step + Math.floor((i * step) / span)) % span);
    last = native().udpOpen(ipv6 ? ANY_V6 : ANY_V4, port, 0, flags, SEND_BUFFER);
    if (last < 0) continue;
    opened.push(last);
    tables.own.addPort(port);
  }
  if (opened.length > 0) return Int32Array.from(opened);
  throw new Error(`srcport ${low} ${high}: none of these ports can be sent from (${getSystemErrorName(last)})`);
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

function fillTables(tables: Tables, options: LinkOptions, ipv6: boolean, own: host.LinkState): void {
  const { links, remotes, floods } = tables;
  const flags =
    (options.learning ? LINK_FLAG.learning : 0) |
    (options.proxy ? LINK_FLAG.proxy : 0) |
    (options.suppress ? LINK_FLAG.suppress : 0) |
    (options.strictReserved ? LINK_FLAG.strictReserved : 0);
  links.set(INDEX, { ...options, flags });
  links.setMtu(INDEX, own.mtu);
  const mac = parseMac(own.mac);
  if (mac) links.setMac(INDEX, mac.high, mac.low);
  links.open(INDEX, endpoint(ipv6, options.port), options.vni);
  const destinations = new Set<number>();
  for (const remote of options.remotes) {
    const [a0, a1, a2, a3] = parseIp(remote) as Int32Array;
    destinations.add(remotes.intern(INDEX, a0, a1, a2, a3, options.port, options.vni));
  }
  for (const remote of destinations) remotes.hold(remote);
  if (destinations.size > 0) links.takeAddress(INDEX);
  floods.set(INDEX, [...destinations]);
  for (const address of host.addresses()) tables.own.addAddress(address);
}
