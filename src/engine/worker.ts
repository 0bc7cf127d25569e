/**
 * The data-plane worker: waits in epoll, carries a batch, flushes, waits again, until the stop word is set. It
 * opens and closes no descriptor, and allocates nothing per frame.
 */

import { parentPort, workerData } from 'node:worker_threads';
import type { Datapath } from '../datapath/datapath.ts';
import { flushInbound, flushOutbound } from '../datapath/datapath.ts';
import { decap } from '../datapath/decap.ts';
import { encap } from '../datapath/encap.ts';
import { native } from '../io/native.ts';
import { TapPort } from '../io/tap.ts';
import { NativeUdpPort } from '../io/udp-native.ts';
import { Batch } from '../memory/batch.ts';
import { FramePool } from '../memory/frame-pool.ts';
import { Tables, type TablesMemory } from '../tables/tables.ts';

export interface WorkerPlan {
  readonly tables: TablesMemory;
  readonly link: number;
  readonly endpoint: number;
  readonly tapFd: number;
  readonly udpFd: number;
  readonly sockets: Int32Array;
  readonly envelopes: Uint8Array;
  readonly wakeFd: number;
  /** [stop word] */
  readonly stop: Int32Array;
}

const BATCH = 64;
const OUTBOUND = 512;
const TAP = 1;
const UDP = 2;
const WAKE = 3;
const WRITABLE = 4;
const EPOLLERR = 8;

export function runWorker(plan: WorkerPlan): string | undefined {
  const addon = native();
  const tables = new Tables(plan.tables);
  tables.events.ring = () => parentPort?.postMessage('events');
  const pool = new FramePool(2 * BATCH);
  const fromTap = Batch.receiving(pool, 0, BATCH);
  const fromUdp = Batch.receiving(pool, BATCH, BATCH);
  const tap = new TapPort(plan.tapFd);
  const udp = new NativeUdpPort(plan.udpFd, plan.sockets, tables.remotes.records, plan.envelopes);
  const path: Datapath = { tables, tap, udp, outbound: new Batch(pool, OUTBOUND), inbound: new Batch(pool, OUTBOUND) };
  const ready = new Int32Array(1 + 2 * 16);
  const epoll = addon.pollOpen();
  addon.pollAdd(epoll, plan.tapFd, TAP, 0);
  addon.pollAdd(epoll, plan.udpFd, UDP, 0);
  addon.pollAdd(epoll, plan.wakeFd, WAKE, 0);

  let failure: string | undefined;
  const flush = () => {
    flushInbound(path);
    if (flushOutbound(path)) return;
    // the rest waits in the batch, and the TAP is not read until it is gone
    addon.pollPause(epoll, plan.tapFd, TAP, 1);
    addon.pollAdd(epoll, udp.blockedFd, WRITABLE, 1);
  };
  const serve = (id: number, events: number, now: number) => {
    if (id === TAP) {
      if (events & EPOLLERR) failure = 'the TAP is gone';
      else if (path.outbound.count === 0 && tap.receive(fromTap) > 0) encap(path, fromTap, plan.link, now);
    } else if (id === UDP) {
      if (udp.receive(fromUdp) > 0) decap(path, fromUdp, plan.endpoint, now);
    } else if (id === WRITABLE) addon.pollPause(epoll, plan.tapFd, TAP, 0);
    else addon.eventTake(plan.wakeFd);
    flush();
  };
  while (Atomics.load(plan.stop, 0) === 0 && failure === undefined) {
    const count = addon.pollWait(epoll, ready, -1);
    for (let i = 0; i < count; i++) serve(ready[1 + 2 * i], ready[2 + 2 * i], ready[0]);
  }
  addon.closeFd(epoll);
  return failure;
}

if (parentPort && workerData?.tables) parentPort.postMessage({ ended: runWorker(workerData as WorkerPlan) });
