/** One link, its carrier driven by Node's loop: for node:dgram, for memory, for whatever a user brings as a port. */

import type { Port, UnderlayPort } from '../io/port.ts';
import type { Tables } from '../tables/tables.ts';
import { Carrier } from './carrier.ts';
import type { Engine } from './engine.ts';
import { Housekeeping } from './housekeeping.ts';

/** Batches each way in one turn of the loop: signals, timers and control get their turn too. */
const BATCHES_A_TURN = 4;

export interface Route {
  readonly link: number;
  /** Where the link's datagrams come in (`tables/links.ts`). */
  readonly endpoint: number;
}

export class EventedEngine implements Engine {
  readonly ended: Promise<string | undefined>;
  private readonly tables: Tables;
  private readonly carrier: Carrier;
  private readonly ports: { tap: Port; udp: UnderlayPort };
  private readonly route: Route;
  private readonly clock: () => number;
  private readonly housekeeping: Housekeeping;
  private readonly timer: NodeJS.Timeout;
  private scheduled: NodeJS.Immediate | undefined;
  private end: (why: string | undefined) => void = () => {};
  private stopped = false;

  constructor(tables: Tables, tap: Port, udp: UnderlayPort, route: Route, clock: () => number) {
    this.tables = tables;
    this.ports = { tap, udp };
    this.route = route;
    this.carrier = new Carrier(tables);
    udp.bind(tables.remotes.records);
    this.carrier.add(route.link, tap, udp);
    this.clock = clock;
    this.housekeeping = new Housekeeping(tables);
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
    const ring = () => this.schedule();
    tap.onReadable?.(ring);
    udp.onReadable?.(ring);
    udp.onWritable?.(ring);
    this.timer = setInterval(() => this.tick(), 1000).unref();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    clearImmediate(this.scheduled);
    this.end(undefined);
  }

  /** One turn: what waits, up to a few batches each way. Returns how many frames and datagrams that were. */
  turn(): number {
    const now = this.clock();
    const { udp } = this.ports;
    const { link, endpoint } = this.route;
    this.tables.rounds.begin();
    this.carrier.flush();
    let carried = 0;
    for (let i = 0; i < BATCHES_A_TURN; i++) {
      const batch = this.carrier.back(udp, endpoint, now) + this.carrier.out(link, now);
      if (batch === 0) break;
      carried += batch;
    }
    if (!this.carrier.isBlocked) this.tables.rounds.end();
    return carried;
  }

  /** Ageing and the like; called once a second, or by whoever turns the clock by hand. */
  tick(): void {
    this.housekeeping.tick(this.clock());
  }

  private schedule(): void {
    if (this.stopped || this.scheduled) return;
    this.scheduled = setImmediate(() => {
      this.scheduled = undefined;
      const carried = this.turn();
      const why = this.ports.tap.ended ?? this.ports.udp.ended;
      if (why !== undefined) this.end(why);
      else if (carried > 0) this.schedule();
    });
  }
}
