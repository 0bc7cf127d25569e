/** What the two journeys share: the tables, and the batches that frames leave by. */

import type { Transmitter, UnderlayTransmitter } from '../io/port.ts';
import type { Batch } from '../memory/batch.ts';
import { COUNTER } from '../tables/counters.ts';
import { REMOTE_TX_ERRORS } from '../tables/remotes.ts';
import type { Tables } from '../tables/tables.ts';

export interface Datapath {
  readonly tables: Tables;
  /** Datagrams on their way to remotes; target = remote. All of one link at a time, and `udp` is what sends for it. */
  readonly outbound: Batch;
  udp: UnderlayTransmitter;
  /** Frames on their way to TAPs; target = link, and a TAP for each. */
  readonly inbound: Batch;
  readonly taps: Transmitter[];
}

const ERRNO = { EIO: 5, EPROTO: 71, ENOBUFS: 105, EMSGSIZE: 90, ECONNREFUSED: 111 };
/** What a trunk answers for a VNI that has no VLAN there: no system call does. */
export const NO_VLAN = -1;
const UNREACHABLE = new Set([1, 13, 99, 100, 101, 110, 112, 113]);

function sendReason(errno: number): number {
  if (errno === ERRNO.EMSGSIZE) return COUNTER['too-big'];
  if (errno === ERRNO.ECONNREFUSED) return COUNTER.refused;
  if (errno === ERRNO.EPROTO) return COUNTER['bad-offload'];
  if (errno === ERRNO.ENOBUFS) return COUNTER['no-buffers'];
  return UNREACHABLE.has(errno) ? COUNTER.unreachable : COUNTER['send-failed'];
}

function tapReason(errno: number): number {
  if (errno === ERRNO.EIO) return COUNTER['tap-down'];
  return errno === NO_VLAN ? COUNTER['no-vlan'] : COUNTER['tap-failed'];
}

/** Sends what is queued. False: the way is blocked, and the rest waits at the head of the batch. */
export function flushOutbound(path: Datapath): boolean {
  const { outbound, udp, tables } = path;
  const left = outbound.count === 0 ? 0 : udp.transmit(outbound, 0, outbound.count);
  if (udp.failures > 0) countRefusals(path);
  if (left === 0) {
    outbound.count = 0;
    return true;
  }
  outbound.keepLast(left);
  tables.counters.add(tables.remotes.link(outbound.target[0]), COUNTER['underlay-full'], 1);
  return false;
}

/** To each TAP in turn, as many as follow each other. */
export function flushInbound(path: Datapath): void {
  const { inbound } = path;
  const { count, target } = inbound;
  for (let from = 0; from < count; ) {
    let to = from + 1;
    while (to < count && target[to] === target[from]) to++;
    handOver(path, from, to);
    from = to;
  }
  inbound.count = 0;
}

function handOver(path: Datapath, from: number, to: number): void {
  const { inbound, taps, tables } = path;
  const tap = taps[inbound.target[from]];
  tap.transmit(inbound, from, to);
  for (let i = 0; i < tap.failures; i++) {
    tables.counters.add(tap.failed[2 * i], tapReason(tap.failed[2 * i + 1]), 1);
  }
  tap.failures = 0;
}

/** A remote's failure costs only its own datagrams, and is charged to it. */
function countRefusals(path: Datapath): void {
  const { udp, tables } = path;
  for (let i = 0; i < udp.failures; i++) {
    const remote = udp.failed[2 * i];
    tables.remotes.count(remote, REMOTE_TX_ERRORS, 1);
    tables.counters.add(tables.remotes.link(remote), sendReason(udp.failed[2 * i + 1]), 1);
  }
  udp.failures = 0;
}
