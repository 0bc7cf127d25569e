/**
 * The data-plane worker: waits in epoll, carries a batch, waits again, until the stop word is set. It opens and
 * closes no port, and allocates nothing per frame.
 */

import { parentPort, workerData } from 'node:worker_threads';
import { native } from '../io/native.ts';
import { type TapOptions, TapPort } from '../io/tap.ts';
import { type NativeSockets, NativeUdpPort } from '../io/udp-native.ts';
import { Tables, type TablesMemory } from '../tables/tables.ts';
import { Carrier, type Route } from './carrier.ts';

export interface WorkerPlan {
  readonly tables: TablesMemory;
  readonly route: Route;
  readonly tap: TapOptions;
  readonly sockets: NativeSockets;
  readonly wakeFd: number;
  /** Microseconds to look for more before it sleeps. */
  readonly busyPoll: number;
  /** Shared: [stop word, rounds]. */
  readonly state: Int32Array;
}

export const STOP = 0;
/** Odd, and still, while a batch is carried or waits to leave: the control thread sees quiescent points by it. */
export const ROUNDS = 1;

const TAP = 1;
const UDP = 2;
const WAKE = 3;
const WRITABLE = 4;

export function runWorker(plan: WorkerPlan): string | undefined {
  const addon = native();
  const tables = new Tables(plan.tables);
  tables.events.ring = () => parentPort?.postMessage('events');
  const udp = new NativeUdpPort(plan.sockets);
  const carrier = new Carrier(tables, new TapPort(plan.tap), udp, plan.route);
  const epoll = addon.pollOpen();
  if (epoll < 0) return `the data plane cannot wait (errno ${-epoll})`;
  addon.pollAdd(epoll, plan.tap.fd, TAP, 0);
  addon.pollAdd(epoll, plan.sockets.receiving, UDP, 0);
  addon.pollAdd(epoll, plan.wakeFd, WAKE, 0);

  const serve = (id: number, now: number) => {
    if (id === TAP) carrier.out(now);
    else if (id === UDP) carrier.back(now);
    else if (id === WAKE) addon.eventTake(plan.wakeFd);
    else if (carrier.flush()) addon.pollPause(epoll, plan.tap.fd, TAP, 0);
    if (!carrier.isBlocked) return;
    addon.pollPause(epoll, plan.tap.fd, TAP, 1);
    addon.pollAdd(epoll, udp.blockedFd, WRITABLE, 1);
  };
  parentPort?.postMessage('serving');
  const ready = new Int32Array(1 + 2 * 16);
  while (Atomics.load(plan.state, STOP) === 0 && carrier.ended === undefined) {
    const count = addon.pollWait(epoll, ready, plan.busyPoll);
    if (!carrier.isBlocked) Atomics.add(plan.state, ROUNDS, 1);
    for (let i = 0; i < count; i++) serve(ready[1 + 2 * i], ready[0]);
    if (!carrier.isBlocked) Atomics.add(plan.state, ROUNDS, 1);
  }
  addon.closeFd(epoll);
  return carrier.ended;
}

if (parentPort && workerData?.tables) parentPort.postMessage({ ended: runWorker(workerData as WorkerPlan) });
