/** A link over node:dgram: one thread, no trains, and what Node's sockets can do. */

import { monotonicSeconds } from '../engine/engine.ts';
import { EventedEngine } from '../engine/evented-engine.ts';
import { findRoute } from '../io/routes.ts';
import { TapPort } from '../io/tap.ts';
import { DgramUdpPort } from '../io/udp-dgram.ts';
import { DEFAULT_SIZES, Tables } from '../tables/tables.ts';
import { ALL_ZERO } from './fdb.ts';
import { HostFollower } from './host-follower.ts';
import type { LinkOptions, Options, Say } from './link-options.ts';
import { Links } from './links.ts';
import { NO_OFFLOADS, OffloadReport, turnOffTap, turnOnTap } from './offloads.ts';
import type { OpenLink } from './open-link.ts';
import { defaults, type Site, settle, wayTo } from './site.ts';
import { bindSentence, RECEIVE_BUFFER } from './sockets.ts';
import type { Undo } from './undo.ts';

export async function openDgramLink(
  options: Options,
  site: Site,
  fd: number,
  undo: Undo,
  say: Say,
): Promise<Omit<OpenLink, 'close'>> {
  const tables = new Tables(Tables.allocate({ ...DEFAULT_SIZES, fdb: options.fdbSize }));
  const links = new Links(tables, monotonicSeconds);
  const link = links.add(options, site.ipv6);
  const counts = tables.offloads.row(0);
  const tap = new TapPort({ fd, mtu: tables.links.mtuWord(link.index), merge: false, counts });
  undo.push(() => tap.close());
  turnOnTap(fd, new OffloadReport(NO_OFFLOADS));
  undo.push(() => turnOffTap(fd));
  for (const dst of defaults(options)) link.fdb.append({ mac: ALL_ZERO, dst });
  const udp = await openDgram(options, site.ipv6);
  undo.push(() => udp.close());
  for (const port of udp.sourcePorts) tables.own.addPort(port);
  const host = new HostFollower(tables);
  undo.push(() => host.close());
  const { mtu } = settle(host, link, options, site, undo, say);
  link.pathMtu = wayTo(defaults(options), options.dev, site.ipv6).mtu;
  const route = { link: link.index, endpoint: link.endpoint };
  link.appear();
  const engine = new EventedEngine(tables, tap, udp, route, monotonicSeconds);
  undo.push(() => engine.stop());
  return { name: options.name, mtu, workers: 1, link, ended: engine.ended };
}

async function openDgram(options: LinkOptions, ipv6: boolean): Promise<DgramUdpPort> {
  const { df, checksum, ttl, tos, flowLabel, group, dev, remotes, port, local, sourcePorts } = options;
  const refused = [
    df !== undefined && 'df: node:dgram leaves the DF bit to the host',
    !checksum && 'noudpcsum: node:dgram always sends checksums',
    group !== undefined && 'group: what comes to it is taken by native sockets only',
    tos !== 0 && 'tos: node:dgram leaves it to the host',
    flowLabel !== 0 && 'flowlabel: node:dgram leaves it to the host',
    (options.zeroChecksumTx || options.zeroChecksumRx) &&
      'udp6zerocsumtx or udp6zerocsumrx: node:dgram wants checksums',
    ttl === 'inherit' && 'ttl inherit: node:dgram has one TTL for all datagrams',
  ].find((sentence) => sentence !== false);
  if (refused) throw new Error(`--transport dgram cannot do ${refused}; --transport native can`);
  for (const remote of dev === undefined ? [] : remotes) {
    const leaves = findRoute(remote)?.dev;
    if (leaves === dev) continue;
    throw new Error(
      `--transport dgram cannot steer datagrams to dev ${dev}: the route to ${remote} leaves by ${leaves ?? 'no interface'}`,
    );
  }
  const hops = ttl === 'inherit' ? 0 : ttl;
  const receiveBuffer = RECEIVE_BUFFER;
  try {
    return await DgramUdpPort.open({ port, local, sourcePorts, ttl: hops, ipv6, receiveBuffer });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(bindSentence(port, local, code ?? message));
  }
}
