/** Starts and ends the workers, and has them carry what the control thread has opened. */

import { Worker } from 'node:worker_threads';
import { native } from '../io/native.ts';
import type { Tables } from '../tables/tables.ts';
import { type Engine, monotonicSeconds } from './engine.ts';
import { Housekeeping } from './housekeeping.ts';
import type { Order, Report } from './orders.ts';
import type { WorkerHabits, WorkerPlan } from './worker.ts';

const STOP_DEADLINE_MS = 3000;

/** Those whose workers are at work. Also a process that fails waits for its threads before it ends. */
const working = new Set<NativeEngine>();
process.on('exit', () => {
  for (const engine of working) engine.tellToStop();
});

export class NativeEngine implements Engine {
  readonly ended: Promise<string | undefined>;
  readonly workers: number;
  /** Told when a link's TAP will never carry anything again, and why. */
  onLinkEnded: (link: number, why: string) => void = () => {};
  /** Told when more comes by a link's TAP than is taken. */
  onBehind: (link: number) => void = () => {};
  onWaysWanted: () => void = () => {};
  private readonly crew: readonly Hand[];
  private readonly stopWord = new Int32Array(new SharedArrayBuffer(4));
  private readonly timer: NodeJS.Timeout;

  constructor(tables: Tables, workers: number, habits: WorkerHabits) {
    this.workers = workers;
    const hear = (what: Report) => {
      if (what.kind === 'events') tables.events.ring();
      else if (what.kind === 'ways wanted') this.onWaysWanted();
      else if (what.kind === 'behind') this.onBehind(what.link);
      else if (what.kind === 'link ended') this.onLinkEnded(what.link, what.why);
    };
    this.crew = Array.from({ length: workers }, (_, worker) => {
      const plan = { ...habits, worker, tables: tables.memory, wakeFd: openWake(), stop: this.stopWord };
      return new Hand(plan, hear);
    });
    this.ended = Promise.race(this.crew.map(({ ended }) => ended));
    const housekeeping = new Housekeeping(tables);
    this.timer = setInterval(() => housekeeping.tick(monotonicSeconds()), 1000).unref();
    working.add(this);
  }

  /** Resolves when every worker has carried its order out, if it has one. */
  async order(orderFor: (worker: number) => Order | undefined): Promise<void> {
    await Promise.all(
      this.crew.map((hand, worker) => {
        const order = orderFor(worker);
        return order && hand.order(order);
      }),
    );
  }

  /** `terminate` would hang while a worker waits in the kernel: a word and a ring. */
  tellToStop(): void {
    Atomics.store(this.stopWord, 0, 1);
    for (const hand of this.crew) hand.wake();
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.tellToStop();
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, STOP_DEADLINE_MS);
    });
    await Promise.race([Promise.all(this.crew.map(({ ended }) => ended)), deadline]);
    clearTimeout(timer);
    working.delete(this);
    for (const hand of this.crew) hand.close();
  }
}

/** Node starts no thread in one. */
function leaveDeletedFolder(): void {
  try {
    process.cwd();
  } catch {
    process.chdir('/');
  }
}

/** A worker as the control thread has it. */
class Hand {
  readonly ended: Promise<string | undefined>;
  private readonly wakeFd: number;
  private readonly worker: Worker;
  private ordered = 0;
  private done = 0;
  /** Those who wait until as many orders are carried out, in order. */
  private readonly waiting: { orders: number; resolve: () => void }[] = [];

  constructor(plan: WorkerPlan, hear: (what: Report) => void) {
    this.wakeFd = plan.wakeFd;
    leaveDeletedFolder();
    this.worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: plan });
    this.ended = new Promise((resolve) => {
      this.worker.on('message', (what: Report) => {
        if (what.kind === 'ended') resolve(what.why);
        else if (what.kind === 'done') this.settle(what.orders);
        else hear(what);
      });
      this.worker.on('error', (error) => resolve(`the data plane ended: ${error.message}`));
      this.worker.on('exit', () => resolve(undefined));
    });
    this.ended.then(() => this.settle(Infinity)); // nobody waits for one who is no more
  }

  order(order: Order): Promise<void> {
    this.worker.postMessage(order);
    this.wake();
    const orders = ++this.ordered;
    return new Promise((resolve) => {
      this.waiting.push({ orders, resolve });
      this.settle(this.done);
    });
  }

  wake(): void {
    native().eventRing(this.wakeFd);
  }

  close(): void {
    native().closeFd(this.wakeFd);
  }

  private settle(done: number): void {
    this.done = Math.max(this.done, done);
    while (this.waiting.length > 0 && this.waiting[0].orders <= this.done) this.waiting.shift()?.resolve();
  }
}

function openWake(): number {
  const fd = native().eventOpen();
  if (fd < 0) throw new Error(`no eventfd can be opened (errno ${-fd})`);
  return fd;
}
