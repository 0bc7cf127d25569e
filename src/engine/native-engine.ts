/** Starts and ends a worker over descriptors that the control thread has opened, and lets entries age. */

import { Worker } from 'node:worker_threads';
import { native } from '../io/native.ts';
import { FDB_FLAG } from '../tables/fdb.ts';
import { EVENT } from '../tables/events.ts';
import type { Tables } from '../tables/tables.ts';
import type { WorkerPlan } from './worker.ts';

const STOP_DEADLINE_MS = 3000;

/** Seconds of the same monotonic clock that the worker's wait reports. */
export function clock(): number {
  return Number(process.hrtime.bigint() / 1_000_000_000n);
}

/** Forgets learned entries that no frame has confirmed for their link's ageing time. */
export function expire(tables: Tables, now: number): void {
  const { fdb, links, remotes, events } = tables;
  fdb.table.lock();
  for (const entry of [...fdb.entries()].reverse()) {
    const link = fdb.link(entry);
    const ageing = links.ageing(link);
    if (!(fdb.flags(entry) & FDB_FLAG.learned) || ageing === 0 || now - fdb.updated(entry) <= ageing) continue;
    const remote = fdb.remote(entry);
    events.push(EVENT.expire, link, fdb.macHigh(entry), fdb.macLow(entry), remote);
    fdb.remove(entry);
    remotes.release(remote);
    links.returnAddress(link);
  }
  fdb.table.unlock();
}

export class NativeEngine {
  /** Resolves when the worker has ended: with what went wrong, or undefined after `stop`. */
  readonly ended: Promise<string | undefined>;
  private readonly worker: Worker;
  private readonly plan: WorkerPlan;
  private readonly ageing: NodeJS.Timeout;

  constructor(plan: WorkerPlan, tables: Tables) {
    this.plan = plan;
    this.worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: plan });
    this.ended = new Promise((resolve) => {
      this.worker.on('message', (message) => message?.ended !== undefined && resolve(message.ended));
      this.worker.on('error', (error) => resolve(`the data plane ended: ${error.message}`));
      this.worker.on('exit', () => resolve(undefined));
    });
    this.ageing = setInterval(() => expire(tables, clock()), 1000);
  }

  /** `terminate` would hang while the worker waits in the kernel: a word, a ring, and a deadline. */
  async stop(): Promise<void> {
    clearInterval(this.ageing);
    Atomics.store(this.plan.stop, 0, 1);
    native().eventRing(this.plan.wakeFd);
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, STOP_DEADLINE_MS);
    });
    await Promise.race([this.ended, deadline]);
    clearTimeout(timer);
  }
}
