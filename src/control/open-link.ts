/** Opens all that a link of this host needs, in order: alone, or as one more of a data plane. */

import { native } from '../io/native.ts';
import { Dataplane } from './dataplane.ts';
import { ALL_ZERO } from './fdb.ts';
import type { Link } from './link.ts';
import type { LinkOptions, Options, Say } from './link-options.ts';
import { type Offload, OffloadReport, turnOffTap, turnOnTap, turnOnUdp } from './offloads.ts';
import { openDgramLink } from './open-dgram.ts';
import { openTap, steer } from './open-tap.ts';
import { type Site, settle, survey } from './site.ts';
import { type Undo, undoable } from './undo.ts';

export interface OpenLink {
  readonly name: string;
  readonly ifindex: number;
  readonly mtu: number;
  readonly workers: number;
  readonly link: Link;
  /** In force. */
  readonly offloads: readonly Offload[];
  /** Resolves when it is carried no more: with what went wrong, or undefined after `close`. */
  readonly ended: Promise<string | undefined>;
  /** Stops carrying, and takes away what was made. */
  close(): Promise<void>;
}

/** One link alone, with all that carries it; its port is its own only at `local`. */
export function openLink(options: Options, say: Say): Promise<OpenLink> {
  return undoable(async (undo) => {
    const site = survey(options);
    const queues = openTap(options, site.existing, say);
    if (options.transport === 'dgram') return openDgramLink(options, site, queues[0], undo, say);
    const plane = new Dataplane({ ...options, links: 1, workers: queues.length, atLocal: true }, say);
    undo.push(() => plane.stop());
    const opened = await openNativeLink(plane, options, site, queues, undo);
    return { ...opened, ended: Promise.race([opened.ended, plane.engine.ended]) };
  });
}

/** One more link of a data plane. */
export function addLink(plane: Dataplane, options: LinkOptions): Promise<OpenLink> {
  return undoable((undo) => {
    const site = survey(options);
    const queues = openTap({ ...plane.options, ...options }, site.existing, plane.say);
    return openNativeLink(plane, options, site, queues, undo);
  });
}

async function openNativeLink(
  plane: Dataplane,
  options: LinkOptions,
  site: Site,
  queues: readonly number[],
  undo: Undo,
): Promise<Omit<OpenLink, 'close'>> {
  const { tables, links, say } = plane;
  const offloads = new OffloadReport(plane.options.offloads);
  undo.push(() => {
    for (const fd of queues) native().closeFd(fd);
  });
  if (queues.length > 1) steer(queues[0], undo, say);
  turnOnTap(queues[0], offloads);
  undo.push(() => turnOffTap(queues[0]));
  const link = links.add(options, site.ipv6);
  undo.push(() => links.remove(link));
  for (const dst of new Set(options.remotes)) link.fdb.append({ mac: ALL_ZERO, dst });
  const sender = await takeSockets(plane, options, site, link, offloads, undo);
  const { index, mtu } = settle(tables, link.index, options, site, undo, say);
  const { ended } = await plane.carry(link.index, queues, offloads.has('lro'), sender);
  undo.push(() => plane.leave(link.index));
  link.appear();
  undo.push(() => link.disappear());
  say('info', `offloads: ${offloads}`);
  return {
    name: options.name,
    ifindex: index,
    mtu,
    workers: queues.length,
    link,
    offloads: offloads.inForce,
    ended,
  };
}

/** Where its datagrams come in, and what they leave by: the sender's number. */
async function takeSockets(
  { sockets }: Dataplane,
  options: LinkOptions,
  { ipv6, device }: Site,
  link: Link,
  offloads: OffloadReport,
  undo: Undo,
): Promise<number> {
  const way = { ...options, ipv6 };
  const receiver = await sockets.takeReceiver(way);
  undo.push(() => sockets.leaveReceiver(receiver));
  const sender = await sockets.takeSender(way);
  undo.push(() => sockets.leaveSender(sender));
  sockets.cook(link.index, options, device?.index ?? 0);
  for (const fd of receiver.fds) turnOnUdp(fd, sender.fds[0], options.checksum, offloads);
  return sender.id;
}
