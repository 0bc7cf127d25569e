/**
 * The data-plane worker: waits in epoll, carries a batch, waits again, until the stop word is set. It opens and
 * closes no port, and allocates nothing per frame.
 */

import { parentPort, workerData } from 'node:worker_threads';
import { native } from '../io/native.ts';
import { type TapOptions, TapPort } from '../io/tap.ts';
import { type NativeSockets, NativeUdpPort } from '../io/udp-native.ts';
import { Tables, type TablesMemory } from '../tables/tables.ts';
import { BATCH, Carrier, type Route } from './carrier.ts';
import { Urgency } from './urgency.ts';

/** What a worker has for itself: a queue of the TAP, and a socket to receive from; it sends by sockets of all. */
export interface WorkerPorts {
  readonly tap: TapOptions;
  readonly sockets: NativeSockets;
}

/** How a worker shares the machine with others. */
export interface WorkerHabits {
  /** Microseconds to look for more before it sleeps. */
  readonly busyPoll: number;
  /** As of nice(1), while it is behind (`urgency.ts`). */
  readonly nice: number;
}

export interface WorkerPlan extends WorkerPorts, WorkerHabits {
  /** Which of the workers it is, from 0 on. */
  readonly worker: number;
  readonly tables: TablesMemory;
  readonly route: Route;
  readonly wakeFd: number;
  /** One word, shared: not 0 when all are to end. */
  readonly stop: Int32Array;
}

const TAP = 1;
const UDP = 2;
const WAKE = 3;
const WRITABLE = 4;

export function runWorker(plan: WorkerPlan): string | undefined {
  const addon = native();
  const tables = new Tables(plan.tables, plan.worker);
  tables.events.ring = () => parentPort?.postMessage('events');
  const udp = new NativeUdpPort(plan.sockets);
  const carrier = new Carrier(tables, new TapPort(plan.tap), udp, plan.route);
  const urgency = new Urgency(plan.nice);
  const epoll = addon.pollOpen();
  if (epoll < 0) return `the data plane cannot wait (errno ${-epoll})`;
  addon.pollAdd(epoll, plan.tap.fd, TAP, 0);
  addon.pollAdd(epoll, plan.sockets.receiving, UDP, 0);
  addon.pollAdd(epoll, plan.wakeFd, WAKE, 0);

  const serve = (id: number, now: number) => {
    if (id === TAP) urgency.note(carrier.out(now) >= BATCH);
    else if (id === UDP) carrier.back(now);
    else if (id === WAKE) addon.eventTake(plan.wakeFd);
    else if (carrier.flush()) addon.pollPause(epoll, plan.tap.fd, TAP, 0);
    if (!carrier.isBlocked) return;
    addon.pollPause(epoll, plan.tap.fd, TAP, 1);
    addon.pollAdd(epoll, udp.blockedFd, WRITABLE, 1);
  };
  parentPort?.postMessage('serving');
  const ready = new Int32Array(1 + 2 * 16);
  while (Atomics.load(plan.stop, 0) === 0 && carrier.ended === undefined) {
    const count = addon.pollWait(epoll, ready, plan.busyPoll);
    tables.rounds.begin();
    for (let i = 0; i < count; i++) serve(ready[1 + 2 * i], ready[0]);
    if (!carrier.isBlocked) tables.rounds.end();
  }
  addon.closeFd(epoll);
  return carrier.ended;
}

if (parentPort && workerData?.tables) parentPort.postMessage({ ended: runWorker(workerData as WorkerPlan) });
