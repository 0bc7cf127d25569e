/** A link's share of the sockets: where its datagrams come in, and what they leave by. */

import type { Dataplane } from './dataplane.ts';
import { Membership } from './groups.ts';
import type { LinkOptions } from './link-options.ts';
import { type OffloadReport, turnOnUdp } from './offloads.ts';
import type { Site } from './site.ts';
import { hasChecksum, type Sending } from './sockets.ts';
import { type Undo, undoAll } from './undo.ts';

export interface Ways {
  sender: Sending;
  membership?: Membership;
  /** How they are given back. */
  undo: Undo;
}

/** A trunk (`isDual`) has those of both families. */
export async function takeWays(
  { sockets, groups }: Dataplane,
  options: LinkOptions,
  { ipv6, device }: Site,
  isDual: boolean,
  report: OffloadReport,
): Promise<Ways> {
  const way = { ...options, ipv6, isDual };
  const ways = isDual ? [false, true].map((each) => ({ ...way, ipv6: each })) : [way];
  const { group } = options;
  const undo: Undo = [];
  try {
    const receiving: number[] = [];
    for (const each of ways) {
      const receiver = await sockets.takeReceiver(each);
      undo.push(() => sockets.leaveReceiver(receiver, each));
      receiving.push(...receiver.fds);
    }
    const sender = await sockets.takeSender(way);
    undo.push(() => sockets.leaveSender(sender));
    const membership = group && device ? new Membership(groups, group, device.index) : undefined;
    undo.push(() => membership?.end());
    const checksums = ways.every(hasChecksum);
    for (const fd of receiving) turnOnUdp(fd, sender.fds[0], checksums, report);
    return { sender, membership, undo };
  } catch (error) {
    await undoAll(undo);
    throw error;
  }
}
