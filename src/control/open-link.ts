/** Opens all that one link of this host needs, in order; undone in the reverse order, also when a later step fails. */

import { isIPv6 } from 'node:net';
import { type Engine, monotonicSeconds } from '../engine/engine.ts';
import { EventedEngine } from '../engine/evented-engine.ts';
import { NativeEngine } from '../engine/native-engine.ts';
import { TapPort } from '../io/tap.ts';
import { endpoint } from '../tables/links.ts';
import { DEFAULT_SIZES, Tables } from '../tables/tables.ts';
import { formatMac, type Mac, parseMac } from '../wire/address.ts';
import { ALL_ZERO } from './fdb.ts';
import * as host from './host.ts';
import { Link } from './link.ts';
import type { Options, Say } from './link-options.ts';
import { NO_OFFLOADS, type Offload, OffloadReport, turnOffTap, turnOnTap } from './offloads.ts';
import { openTap, steer } from './open-tap.ts';
import { openDgram, openNative } from './underlay.ts';

export interface OpenLink {
  readonly name: string;
  readonly mtu: number;
  readonly workers: number;
  readonly link: Link;
  readonly engine: Engine;
  /** In force. */
  readonly offloads: readonly Offload[];
  /** Stops carrying, and takes away what was made. */
  close(): Promise<void>;
}

type Undo = (() => void | Promise<void>)[];

const INDEX = 1;

export async function openLink(options: Options, say: Say): Promise<OpenLink> {
  const undo: Undo = [];
  const close = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    return { ...(await build(options, undo, say)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function build(options: Options, undo: Undo, say: Say): Promise<Omit<OpenLink, 'close'>> {
  const { name, dev, remotes, local } = options;
  const device = dev === undefined ? undefined : host.device(dev);
  if (dev !== undefined && !device) throw new Error(`dev "${dev}" is no interface of this namespace`);
  const existing = host.device(name);
  const route = remotes.length > 0 ? host.route(remotes[0], dev) : undefined;
  const ipv6 = isIPv6(remotes[0] ?? local ?? '');

  const queues = openTap(options, existing, say);
  const workers = queues.length;
  const tables = new Tables(Tables.allocate({ ...DEFAULT_SIZES, fdb: options.fdbSize, workers }));
  const offloads = new OffloadReport(options.transport === 'native' ? options.offloads : NO_OFFLOADS);
  const taps = queues.map((fd, worker) => {
    const counts = tables.offloads.row(worker);
    return new TapPort({ fd, mtu: tables.links.mtuWord(INDEX), merge: offloads.has('lro'), counts });
  });
  for (const tap of taps) undo.push(() => tap.close());
  if (workers > 1) steer(queues[0], undo, say);
  turnOnTap(queues[0], offloads);
  undo.push(() => turnOffTap(queues[0]));
  const link = new Link(tables, INDEX, options, ipv6, monotonicSeconds);
  for (const dst of new Set(remotes)) link.fdb.add(ALL_ZERO, { dst });
  const inside = { tables, ipv6, taps, device: device?.index ?? 0, offloads };
  const startEngine = await openUnderlay(options, inside, undo, say);

  const overhead = ipv6 ? 70 : 50;
  const mtu = options.mtu ?? (device?.mtu ?? route?.mtu ?? 1500 + overhead) - overhead;
  const mac = options.mac ?? (existing ? undefined : derivedMac(local ?? route?.source, options));
  const wanted = {
    ...options,
    mtu,
    mtuAsked: options.mtu !== undefined,
    mac: mac && formatMac(mac.high, mac.low),
  };
  const own = host.setUp(wanted, existing ? undo : [], (sentence) => say('warn', sentence));
  const ownMac = parseMac(own.mac);
  if (ownMac) tables.links.setMac(INDEX, ownMac.high, ownMac.low);
  tables.links.setMtu(INDEX, own.mtu);

  const watch = host.follow(tables, INDEX, own.index);
  undo.push(() => watch.close());
  const engine = startEngine();
  undo.push(() => engine.stop());
  await engine.serving;
  if (options.transport === 'native') say('info', `offloads: ${offloads}`);
  return { name, mtu: own.mtu, workers, link, engine, offloads: offloads.inForce };
}

interface Inside {
  tables: Tables;
  ipv6: boolean;
  /** A queue for each worker. */
  taps: readonly TapPort[];
  device: number;
  offloads: OffloadReport;
}

/** Opens what the transport needs now, and returns what starts it later. */
async function openUnderlay(options: Options, inside: Inside, undo: Undo, say: Say): Promise<() => Engine> {
  const { tables, ipv6, taps, device, offloads } = inside;
  const route = { link: INDEX, endpoint: endpoint(ipv6, options.port) };
  if (options.transport === 'native') {
    const counts = taps.map((tap) => tap.options.counts);
    const sockets = openNative(options, { link: INDEX, device, counts, ipv6, offloads }, undo, say);
    for (const port of sockets[0].sourcePorts) tables.own.addPort(port);
    const ports = taps.map((tap, worker) => ({ tap: tap.options, sockets: sockets[worker] }));
    return () => new NativeEngine(tables, ports, route, { busyPoll: options.busyPoll, nice: options.nice });
  }
  const udp = await openDgram(options, ipv6);
  undo.push(() => udp.close());
  for (const port of udp.sourcePorts) tables.own.addPort(port);
  return () => new EventedEngine(tables, taps[0], udp, route, monotonicSeconds);
}

/** The same VTEP has the same address after a restart: peers keep it in their ARP tables. */
function derivedMac(underlay: string | undefined, options: Options): Mac | undefined {
  if (underlay === undefined) return undefined;
  let hash = 0xcbf29ce484222325n;
  for (const character of `${underlay} ${options.port} ${options.vni}`) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(character.charCodeAt(0))) * 0x100000001b3n);
  }
  const high = Number((hash >> 32n) & 0xffffn);
  return { high: (high & 0xfcff) | 0x0200, low: Number(BigInt.asIntN(32, hash)) };
}
