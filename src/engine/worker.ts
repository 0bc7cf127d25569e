/**
 * The data-plane worker: waits in epoll, carries a batch, waits again, until the stop word is set. It opens and
 * closes no port, and allocates nothing per frame.
 */

import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { native } from '../io/native.ts';
import { TapPort } from '../io/tap.ts';
import { UdpReceiver, UdpSender } from '../io/udp-native.ts';
import { Tables, type TablesMemory } from '../tables/tables.ts';
import { Ways } from '../tables/ways.ts';
import { BATCH, Carrier } from './carrier.ts';
import { CompilerPace, tuneCompiler } from './compiler.ts';
import { Moderation } from './moderation.ts';
import type { Order, Report } from './orders.ts';
import { Urgency } from './urgency.ts';

/** How a worker shares the machine with others. */
export interface WorkerHabits {
  /** Microseconds to look for more before it sleeps. */
  readonly busyPoll: number;
  /** As of nice(1), while it is behind (`urgency.ts`). */
  readonly nice: number;
}

export interface WorkerPlan extends WorkerHabits {
  /** Which of the workers it is, from 0 on. */
  readonly worker: number;
  readonly tables: TablesMemory;
  readonly wakeFd: number;
  /** One word, shared: not 0 when all are to end. */
  readonly stop: Int32Array;
}

/** What a descriptor is, as epoll tells it: the TAP of the link of this number, or one of these. */
const RECEIVER = 1 << 16;
const WAKE = 1 << 17;
const WRITABLE = WAKE + 1;

/** For frames to gather; the kernel adds half as much. */
const REST_MS = 0.1;

class DataPlaneWorker {
  private readonly plan: WorkerPlan;
  private readonly addon = native();
  private readonly tables: Tables;
  private readonly carrier: Carrier;
  private readonly urgency: Urgency;
  private readonly pace = new CompilerPace();
  private readonly moderation = new Moderation();
  private readonly epoll: number;
  /** As `pollWait` fills it: the clock's seconds, its milliseconds, then what rings, and how. */
  private readonly ready = new Int32Array(2 + 2 * 16);
  private readonly taps: (TapPort | undefined)[] = [];
  private readonly receivers: ({ udp: UdpReceiver; endpoint: number } | undefined)[] = [];
  private readonly senders: (UdpSender | undefined)[] = [];
  /** Links whose TAPs have something, and wait for the underlay. */
  private readonly paused: number[] = [];
  /** By link: that it was behind once, and that was told. */
  private readonly behind: (true | undefined)[] = [];
  private ways: Ways | undefined;
  private orders = 0;

  constructor(plan: WorkerPlan) {
    this.plan = plan;
    this.tables = new Tables(plan.tables, plan.worker);
    this.tables.events.ring = () => report({ kind: 'events' });
    this.carrier = new Carrier(this.tables);
    this.urgency = new Urgency(plan.nice);
    this.epoll = this.addon.pollOpen();
    if (this.epoll < 0) throw new Error(`the data plane cannot wait (errno ${-this.epoll})`);
    this.addon.pollAdd(this.epoll, plan.wakeFd, WAKE, 0);
  }

  run(): void {
    const { addon, epoll, plan, tables, carrier, pace, moderation, ready } = this;
    this.takeOrders();
    while (Atomics.load(plan.stop, 0) === 0) {
      const count = addon.pollWait(epoll, ready, plan.busyPoll);
      pace.note(ready[1]);
      tables.rounds.begin();
      for (let i = 0; i < count; i++) this.serve(ready[2 + 2 * i], ready[0]);
      if (!carrier.isBlocked) tables.rounds.end();
      if (moderation.isRestDue() && plan.busyPoll === 0) Atomics.wait(plan.stop, 0, 0, REST_MS);
    }
    addon.closeFd(epoll);
  }

  private serve(id: number, now: number): void {
    if (id < RECEIVER) this.out(id, now);
    else if (id < WAKE) this.back(id - RECEIVER, now);
    else if (id === WRITABLE) this.resume();
    else {
      this.addon.eventTake(this.plan.wakeFd);
      this.takeOrders();
    }
  }

  private out(link: number, now: number): void {
    const { carrier } = this;
    if (carrier.isBlocked) return this.pause(link);
    const frames = carrier.out(link, now);
    this.moderation.note(frames, this.ready[1]);
    if (this.urgency.note(frames >= BATCH, this.ready[1])) this.tellBehind(link);
    if (this.ways?.areWanted()) report({ kind: 'ways wanted' });
    if (frames === 0) this.checkEnd(link);
    if (carrier.isBlocked) this.addon.pollAdd(this.epoll, (carrier.udp as UdpSender).blockedFd, WRITABLE, 1);
  }

  /** Once for each link. */
  private tellBehind(link: number): void {
    if (this.behind[link]) return;
    this.behind[link] = true;
    report({ kind: 'behind', link });
  }

  private back(id: number, now: number): void {
    const receiver = this.receivers[id];
    // told in the same round in which it was left
    if (receiver) this.moderation.noteBack(this.carrier.back(receiver.udp, receiver.endpoint, now));
  }

  private pause(link: number): void {
    const tap = this.taps[link];
    if (!tap) return;
    this.addon.pollPause(this.epoll, tap.options.fd, link, 1);
    this.paused.push(link);
  }

  private resume(): void {
    const { addon, epoll, carrier } = this;
    if (!carrier.flush()) return void addon.pollAdd(epoll, (carrier.udp as UdpSender).blockedFd, WRITABLE, 1);
    for (const link of this.paused.splice(0)) {
      const tap = this.taps[link];
      if (tap) addon.pollPause(epoll, tap.options.fd, link, 0);
    }
  }

  /** A TAP that was deleted rings for ever. */
  private checkEnd(link: number): void {
    const tap = this.taps[link];
    if (tap?.ended === undefined) return;
    this.leaveLink(link);
    report({ kind: 'link ended', link, why: tap.ended });
  }

  private takeOrders(): void {
    const before = this.orders;
    for (;;) {
      const message = parentPort && receiveMessageOnPort(parentPort);
      if (!message) break;
      this.carryOut(message.message as Order);
      this.orders++;
    }
    if (this.orders > before) report({ kind: 'done', orders: this.orders });
  }

  private carryOut(order: Order): void {
    const { addon, epoll, tables } = this;
    const counts = tables.offloads.row(this.plan.worker);
    if (order.kind === 'take receiver') {
      const { id, fd, endpoint } = order;
      this.receivers[id] = { udp: new UdpReceiver(fd, counts), endpoint };
      addon.pollAdd(epoll, fd, RECEIVER + id, 0);
    } else if (order.kind === 'leave receiver') {
      addon.pollRemove(epoll, this.receivers[order.id]?.udp.fd ?? -1);
      this.receivers[order.id] = undefined;
    } else if (order.kind === 'take sender') {
      const sender = new UdpSender(order.sockets, counts);
      sender.bind(tables.remotes.records);
      this.senders[order.id] = sender;
      if (order.sockets.ways) this.ways ??= new Ways(order.sockets.ways);
    } else if (order.kind === 'leave sender') {
      const sender = this.senders[order.id];
      if (sender && this.carrier.drop(sender)) this.resume();
      sender?.close();
      this.senders[order.id] = undefined;
    } else if (order.kind === 'take link') {
      const tap = new TapPort(order.tap);
      this.taps[order.link] = tap;
      this.carrier.add(order.link, tap, this.senders[order.sender] as UdpSender);
      if (order.isTrunk) this.carrier.addTrunk(order.link);
      addon.pollAdd(epoll, order.tap.fd, order.link, 0);
    } else if (order.kind === 'leave link') this.leaveLink(order.link);
    else if (order.kind === 'take vnis') {
      for (const { link, vlan } of order.members) this.carrier.join(order.trunk, link, vlan);
    } else for (const { link } of order.members) this.carrier.part(order.trunk, link);
  }

  private leaveLink(link: number): void {
    const tap = this.taps[link];
    if (!tap) return;
    this.addon.pollRemove(this.epoll, tap.options.fd);
    this.carrier.remove(link);
    this.taps[link] = this.behind[link] = undefined;
  }
}

function report(what: Report): void {
  parentPort?.postMessage(what);
}

function runWorker(plan: WorkerPlan): void {
  tuneCompiler();
  try {
    new DataPlaneWorker(plan).run();
    report({ kind: 'ended' });
  } catch (error) {
    report({ kind: 'ended', why: (error as Error).message });
  }
}

if (parentPort && workerData?.tables) runWorker(workerData as WorkerPlan);
