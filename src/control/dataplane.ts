/** What carries links natively: the tables, the workers, the sockets; and the links that it carries. */

import { monotonicSeconds } from '../engine/engine.ts';
import { NativeEngine } from '../engine/native-engine.ts';
import type { VniMember } from '../engine/orders.ts';
import { DEFAULT_SIZES, Tables } from '../tables/tables.ts';
import { Groups } from './groups.ts';
import { HostFollower } from './host-follower.ts';
import type { LinkSettings } from './link.ts';
import type { EngineOptions, LinkOptions, Say } from './link-options.ts';
import { Links } from './links.ts';
import { Outlet } from './outlet.ts';
import { Sockets } from './sockets.ts';
import { Turns } from './turns.ts';

export interface DataplaneOptions extends EngineOptions {
  /** How many there is room for. */
  links: number;
  /** All that their remotes have room in. */
  remoteSize?: number;
  /** Threads, by now counted. */
  workers: number;
  /** Receive only at a link's own address (`sockets.ts`). */
  atLocal: boolean;
}

interface End {
  promise: Promise<string | undefined>;
  resolve: (why: string | undefined) => void;
}

function pendingEnd(): End {
  let resolve: End['resolve'] = () => {};
  const promise = new Promise<string | undefined>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

export class Dataplane {
  readonly options: DataplaneOptions;
  readonly tables: Tables;
  readonly links: Links;
  readonly host: HostFollower;
  readonly engine: NativeEngine;
  readonly sockets: Sockets;
  readonly groups = new Groups();
  readonly say: Say;
  readonly turns: Turns;
  /** None: superframes are to leave in pieces. */
  readonly outlet: Outlet | undefined;
  /** By link; one that is carried in another way ends as it would have. */
  private readonly ends = new Map<number, End>();
  /** By link: what to do when more comes by its TAP than is taken. */
  readonly whenBehind = new Map<number, () => void>();
  private readonly looks = new Set<() => void>();
  private readonly timer = setInterval(() => {
    for (const look of this.looks) look();
  }, 1000).unref();

  constructor(options: DataplaneOptions, say: Say) {
    const {
      links,
      fdbSize,
      remoteSize: remotes = DEFAULT_SIZES.remotes,
      workers,
      offloads,
      atLocal,
    } = options;
    const sizes = { ...DEFAULT_SIZES, links, fdb: fdbSize, remotes, workers };
    this.options = options;
    this.say = say;
    this.turns = new Turns(say);
    this.tables = new Tables(Tables.allocate(sizes));
    this.links = new Links(this.tables, monotonicSeconds);
    this.host = new HostFollower(this.tables);
    this.engine = new NativeEngine(this.tables, workers, options);
    this.outlet = offloads.tnl ? new Outlet(this.tables.remotes, this.host.watch, say) : undefined;
    this.engine.onWaysWanted = () => this.outlet?.findWays();
    const habits = { trains: offloads.gso, atLocal, outlet: this.outlet };
    this.sockets = new Sockets(this.tables, this.engine, habits, say);
    this.engine.onBehind = (link) => this.whenBehind.get(link)?.();
    this.engine.onLinkEnded = (link, why) => this.ends.get(link)?.resolve(why);
  }

  /** Of a link here. To one that is alone nobody here sends; what is sent to a group may come back. */
  settings(options: LinkOptions): LinkSettings {
    return { ...options, refusesOwn: this.options.atLocal || options.group !== undefined };
  }

  /** The workers carry the link, a queue each; resolves to a promise of why they no longer do. */
  async carry(
    link: number,
    queues: readonly number[],
    merge: boolean,
    sender: number,
    isTrunk: boolean,
  ): Promise<{ ended: Promise<string | undefined> }> {
    const { links, offloads } = this.tables;
    const end = this.ends.get(link) ?? pendingEnd();
    this.ends.set(link, end);
    const mtu = links.mtuWord(link);
    await this.engine.order((worker) => {
      const tap = { fd: queues[worker], mtu, merge, counts: offloads.row(worker) };
      return worker < queues.length ? { kind: 'take link', link, tap, sender, isTrunk } : undefined;
    });
    return { ended: end.promise };
  }

  /** The workers take frames of a trunk for these of its VNIs. */
  async join(trunk: number, members: readonly VniMember[]): Promise<void> {
    await this.engine.order(() => ({ kind: 'take vnis', trunk, members }));
  }

  async part(trunk: number, members: readonly VniMember[]): Promise<void> {
    await this.engine.order(() => ({ kind: 'leave vnis', trunk, members }));
  }

  async leave(link: number): Promise<void> {
    await this.engine.order(() => ({ kind: 'leave link', link }));
    this.ends.get(link)?.resolve(undefined);
    this.ends.delete(link);
  }

  /** Has `look` called each second; returns what ends that. */
  everySecond(look: () => void): () => void {
    this.looks.add(look);
    return () => this.looks.delete(look);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.engine.stop();
    this.outlet?.close();
    this.host.close();
  }
}
