/**
 * Carries batches between one link's TAP and the underlay. Who calls it, and when, is the engine's matter: a
 * worker that blocks in epoll, Node's loop, or a test that turns the crank by hand.
 */

import { type Datapath, flushInbound, flushOutbound } from '../datapath/datapath.ts';
import { decap } from '../datapath/decap.ts';
import { encap } from '../datapath/encap.ts';
import type { Port, UnderlayPort } from '../io/port.ts';
import { Batch } from '../memory/batch.ts';
import { FramePool } from '../memory/frame-pool.ts';
import type { Tables } from '../tables/tables.ts';

export const BATCH = 64;
/** Flooding makes several datagrams of one frame, a train brings several in one message. */
const QUEUE = 1024;

export interface Route {
  readonly link: number;
  /** Where the link's datagrams come in (`tables/links.ts`). */
  readonly endpoint: number;
}

export class Carrier {
  private readonly path: Datapath;
  private readonly route: Route;
  private readonly fromTap: Batch;
  private readonly fromUdp: Batch;

  constructor(tables: Tables, tap: Port, udp: UnderlayPort, route: Route, batch = BATCH) {
    const pool = new FramePool(2 * batch);
    this.fromTap = Batch.receiving(pool, 0, batch);
    this.fromUdp = Batch.receiving(pool, batch, batch, Math.max(batch, QUEUE));
    this.route = route;
    this.path = { tables, tap, udp, outbound: new Batch(pool, QUEUE), inbound: new Batch(pool, QUEUE) };
    udp.bind(tables.remotes.records);
  }

  /** A batch from the TAP; how many frames. Frames still waiting to leave are borrowed: none comes on top of them. */
  out(now: number): number {
    const { path, fromTap, route } = this;
    if (path.outbound.count > 0 || path.tap.receive(fromTap) === 0) return 0;
    encap(path, fromTap, route.link, now);
    this.flush();
    return fromTap.count;
  }

  /** A batch from the underlay; how many datagrams. */
  back(now: number): number {
    const { path, fromUdp, route } = this;
    let carried = 0;
    do {
      if (path.udp.receive(fromUdp) === 0) break;
      decap(path, fromUdp, route.endpoint, now);
      flushInbound(path);
      carried += fromUdp.count;
      // a full batch may have left datagrams of a train behind, for which nobody rings
    } while (fromUdp.count === fromUdp.capacity);
    return carried;
  }

  /** Sends what waits. False: the underlay is blocked, and the TAP is not read until it is not. */
  flush(): boolean {
    flushInbound(this.path);
    return flushOutbound(this.path);
  }

  get isBlocked(): boolean {
    return this.path.outbound.count > 0;
  }

  /** Why there is nothing more to carry, if so. */
  get ended(): string | undefined {
    return this.path.tap.ended ?? this.path.udp.ended;
  }
}
