/** Starts and ends the workers, over descriptors that the control thread has opened. */

import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { native } from '../io/native.ts';
import type { Tables } from '../tables/tables.ts';
import type { Route } from './carrier.ts';
import { type Engine, monotonicSeconds } from './engine.ts';
import { Housekeeping } from './housekeeping.ts';
import type { WorkerHabits, WorkerPlan, WorkerPorts } from './worker.ts';

const STOP_DEADLINE_MS = 3000;

/**
 * The hot path is made of many small functions. V8 inlines them up to a budget that is too small for it; with this one
 * a frame costs a third less. And V8 looks at what is hot when it has run for long: a tunnel that carries a ping now and
 * then would be interpreted for minutes, at ten times the cost; with this budget a few hundred frames are enough. Both
 * must be set before the worker starts.
 */
export function tuneCompiler(): void {
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=3000');
  setFlagsFromString('--interrupt-budget=2000');
}

export class NativeEngine implements Engine {
  readonly ended: Promise<string | undefined>;
  readonly serving: Promise<void>;
  private readonly crew: readonly Hand[];
  private readonly stopWord = new Int32Array(new SharedArrayBuffer(4));
  private readonly timer: NodeJS.Timeout;

  /** A worker for each of `ports`. */
  constructor(tables: Tables, ports: readonly WorkerPorts[], route: Route, habits: WorkerHabits) {
    tuneCompiler();
    const { stopWord } = this;
    const wakeFds = ports.map(openWake);
    this.crew = ports.map((own, worker) => {
      const wakeFd = wakeFds[worker];
      const plan = { ...own, ...habits, worker, tables: tables.memory, route, wakeFd, stop: stopWord };
      return start(plan, () => tables.events.ring());
    });
    this.ended = Promise.race(this.crew.map(({ ended }) => ended));
    const all = Promise.all(this.crew.map(({ serving }) => serving));
    this.serving = Promise.race([all, this.ended]).then(() => {});
    const housekeeping = new Housekeeping(tables);
    this.timer = setInterval(() => housekeeping.tick(monotonicSeconds()), 1000).unref();
  }

  /** `terminate` would hang while a worker waits in the kernel: a word, a ring, and a deadline. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    Atomics.store(this.stopWord, 0, 1);
    for (const { wakeFd } of this.crew) native().eventRing(wakeFd);
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, STOP_DEADLINE_MS);
    });
    await Promise.race([Promise.all(this.crew.map(({ ended }) => ended)), deadline]);
    clearTimeout(timer);
    for (const { wakeFd } of this.crew) native().closeFd(wakeFd);
  }
}

/** A worker as the control thread has it. */
interface Hand {
  readonly wakeFd: number;
  readonly serving: Promise<unknown>;
  readonly ended: Promise<string | undefined>;
}

function start(plan: WorkerPlan, ring: () => void): Hand {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: plan });
  const ended = new Promise<string | undefined>((resolve) => {
    worker.on('message', (message) => {
      if (message === 'events') ring();
      else if (message !== 'serving') resolve(message.ended);
    });
    worker.on('error', (error) => resolve(`the data plane ended: ${error.message}`));
    worker.on('exit', () => resolve(undefined));
  });
  return { wakeFd: plan.wakeFd, serving: once(worker, 'message'), ended };
}

function openWake(): number {
  const fd = native().eventOpen();
  if (fd < 0) throw new Error(`no eventfd can be opened (errno ${-fd})`);
  return fd;
}
