/**
 * Carries batches between the TAPs of links and the underlay. Who calls it, and when, is the engine's matter: a
 * worker that blocks in epoll, Node's loop, or a test that turns the crank by hand.
 */

import { type Datapath, flushInbound, flushOutbound } from '../datapath/datapath.ts';
import { type Decap, makeDecap } from '../datapath/decap.ts';
import { type Encap, makeEncap } from '../datapath/encap.ts';
import { encapTagged, TaggedTap } from '../datapath/trunk.ts';
import type { Port, Receiver, Transmitter, UnderlayTransmitter } from '../io/port.ts';
import { Batch } from '../memory/batch.ts';
import { FramePool } from '../memory/frame-pool.ts';
import { VLANS } from '../tables/links.ts';
import type { Tables } from '../tables/tables.ts';

export const BATCH = 64;
/** Flooding makes several datagrams of one frame, a train brings several in one message. */
const QUEUE = 1024;

/** Of a link that is not carried: takes nothing, brings nothing. */
const NOWHERE: Port & UnderlayTransmitter = {
  receive: () => 0,
  transmit: () => 0,
  failures: 0,
  failed: new Int32Array(0),
  bind: () => {},
  close: () => {},
};

export class Carrier {
  private readonly path: Datapath;
  /** By link, from 1 on: where frames come from, and where they go. */
  private readonly sources: Receiver[] = [NOWHERE];
  private readonly taps: Transmitter[] = [NOWHERE];
  private readonly senders: UnderlayTransmitter[] = [NOWHERE];
  /** Of trunks: which link a VLAN is (`datapath/trunk.ts`). */
  private readonly vlans: (Int32Array | undefined)[] = [undefined];
  private readonly fromTap: Batch;
  private readonly fromUdp: Batch;
  private readonly encap: Encap;
  private readonly decap: Decap;

  constructor(tables: Tables, batch = BATCH) {
    const pool = new FramePool(2 * batch);
    this.fromTap = Batch.receiving(pool, 0, batch);
    this.fromUdp = Batch.receiving(pool, batch, batch, Math.max(batch, QUEUE));
    const outbound = new Batch(pool, QUEUE);
    this.path = { tables, taps: this.taps, udp: NOWHERE, outbound, inbound: new Batch(pool, QUEUE) };
    this.encap = makeEncap(this.path, this.fromTap);
    this.decap = makeDecap(this.path, this.fromUdp);
  }

  /** From now on the link's frames are carried; `udp` is bound, and may send for other links too. */
  add(link: number, tap: Port, udp: UnderlayTransmitter): void {
    this.grow(link);
    this.sources[link] = this.taps[link] = tap;
    this.senders[link] = udp;
  }

  /** The link, which is carried, is a trunk: its frames are those of the links that join it. */
  addTrunk(trunk: number): void {
    this.vlans[trunk] ??= new Int32Array(VLANS);
  }

  /** From now on the link is the trunk's VLAN of this number, and no other any more; -1: none yet. */
  join(trunk: number, link: number, vlan: number): void {
    this.grow(link);
    this.forgetVlan(trunk, link);
    this.taps[link] = new TaggedTap(this.taps, trunk, vlan);
    const vlans = this.vlans[trunk];
    if (vlans && vlan >= 0) vlans[vlan] = link;
  }

  part(trunk: number, link: number): void {
    this.grow(link);
    this.forgetVlan(trunk, link);
    this.taps[link] = NOWHERE;
  }

  remove(link: number): void {
    this.sources[link] = this.taps[link] = this.senders[link] = NOWHERE;
    this.vlans[link] = undefined;
  }

  /** A batch from the link's TAP; how many frames. Frames still waiting to leave are borrowed: none comes on top of them. */
  out(link: number, now: number): number {
    const { path, fromTap } = this;
    if (path.outbound.count > 0 || this.sources[link].receive(fromTap) === 0) return 0;
    path.udp = this.senders[link];
    const vlans = this.vlans[link];
    if (vlans) encapTagged(this.encap, path, fromTap, link, vlans, now);
    else this.encap(link, now);
    this.flush();
    return fromTap.count;
  }

  /** A batch that came in at `endpoint` (`tables/links.ts`); how many datagrams. */
  back(udp: Receiver, endpoint: number, now: number): number {
    const { path, fromUdp } = this;
    let carried = 0;
    do {
      if (udp.receive(fromUdp) === 0) break;
      this.decap(endpoint, now);
      flushInbound(path);
      carried += fromUdp.count;
      // a full batch may have left datagrams of a train behind, for which nobody rings
    } while (fromUdp.count === fromUdp.capacity);
    return carried;
  }

  /** Sends what waits. False: the underlay is blocked, and no TAP is read until it is not. */
  flush(): boolean {
    flushInbound(this.path);
    return flushOutbound(this.path);
  }

  /** What waits for this sender is given up; true if anything did. */
  drop(udp: UnderlayTransmitter): boolean {
    const { path } = this;
    const waits = path.udp === udp && path.outbound.count > 0;
    if (waits) path.outbound.count = 0;
    return waits;
  }

  get isBlocked(): boolean {
    return this.path.outbound.count > 0;
  }

  /** What the waiting datagrams leave by. */
  get udp(): UnderlayTransmitter {
    return this.path.udp;
  }

  private grow(link: number): void {
    while (this.taps.length <= link) {
      this.sources.push(NOWHERE);
      this.taps.push(NOWHERE);
      this.senders.push(NOWHERE);
      this.vlans.push(undefined);
    }
  }

  private forgetVlan(trunk: number, link: number): void {
    const vlans = this.vlans[trunk];
    const before = vlans?.indexOf(link) ?? -1;
    if (vlans && before >= 0) vlans[before] = 0;
  }
}
