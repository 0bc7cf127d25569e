/** Starts and ends a worker over descriptors that the control thread has opened. */

import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { native } from '../io/native.ts';
import type { TapOptions } from '../io/tap.ts';
import type { NativeSockets } from '../io/udp-native.ts';
import type { Tables } from '../tables/tables.ts';
import type { Route } from './carrier.ts';
import { type Engine, monotonicSeconds } from './engine.ts';
import { Housekeeping } from './housekeeping.ts';
import { ROUNDS, STOP, type WorkerPlan } from './worker.ts';

const STOP_DEADLINE_MS = 3000;

/**
 * The hot path is made of many small functions. V8 inlines them up to a budget that is too small for it; with this one
 * a frame costs a third less. And a tunnel that has carried little yet is not interpreted: machine code, however
 * plain, from the first frame on. Both must be set before the worker starts.
 */
export function tuneCompiler(): void {
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=3000');
  setFlagsFromString('--always-sparkplug');
}

export class NativeEngine implements Engine {
  readonly ended: Promise<string | undefined>;
  readonly serving: Promise<void>;
  private readonly worker: Worker;
  private readonly plan: WorkerPlan;
  private readonly timer: NodeJS.Timeout;

  constructor(tables: Tables, tap: TapOptions, sockets: NativeSockets, route: Route, busyPoll: number) {
    const wakeFd = native().eventOpen();
    if (wakeFd < 0) throw new Error(`no eventfd can be opened (errno ${-wakeFd})`);
    const state = new Int32Array(new SharedArrayBuffer(8));
    this.plan = { tables: tables.memory, route, tap, sockets, wakeFd, busyPoll, state };
    tuneCompiler();
    this.worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: this.plan });
    this.ended = new Promise((resolve) => {
      this.worker.on('message', (message) => {
        if (message === 'events') tables.events.ring();
        else if (message !== 'serving') resolve(message.ended);
      });
      this.worker.on('error', (error) => resolve(`the data plane ended: ${error.message}`));
      this.worker.on('exit', () => resolve(undefined));
    });
    this.serving = Promise.race([once(this.worker, 'message'), this.ended]).then(() => {});
    const housekeeping = new Housekeeping(tables, () => Atomics.load(state, ROUNDS));
    this.timer = setInterval(() => housekeeping.tick(monotonicSeconds()), 1000).unref();
  }

  /** `terminate` would hang while the worker waits in the kernel: a word, a ring, and a deadline. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    Atomics.store(this.plan.state, STOP, 1);
    native().eventRing(this.plan.wakeFd);
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, STOP_DEADLINE_MS);
    });
    await Promise.race([this.ended, deadline]);
    clearTimeout(timer);
    native().closeFd(this.plan.wakeFd);
  }
}
