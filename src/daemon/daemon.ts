/** The verbs on the links of one network namespace (`control/protocol.ts`). */

import type { Dataplane } from '../control/dataplane.ts';
import { LinkFdb } from '../control/fdb.ts';
import { LinkNeighbors } from '../control/neighbors.ts';
import type { FdbArgs, FdbFilter, FdbItem, NeighArgs, Verbs, VniArgs } from '../control/protocol.ts';
import { Refusal } from '../control/refusal.ts';
import {
  CHANGE_SHAPES,
  checked,
  FDB_FILTER_SHAPES,
  FDB_SHAPES,
  LINK_SHAPES,
  MONITOR_SHAPES,
  NEIGH_SHAPES,
  SHOW_SHAPES,
  VNI_SHAPES,
} from '../control/shapes.ts';
import { Linger } from './linger.ts';
import { Links } from './links.ts';
import { Monitors } from './monitors.ts';

/** What an entry cannot be without. */
const ENTRY_KEYS = ['dev', 'mac'] as const;

export class Daemon {
  readonly links: Links;
  private readonly monitors = new Monitors();
  /** Resolves when it is to end: `stop` was said. */
  readonly stopped: Promise<undefined>;
  private readonly plane: Dataplane;
  /** None: it goes on without links. */
  readonly linger: Linger | undefined;
  private stop: () => void = () => {};
  private readonly closed: Promise<void>;
  /** Says that all is gone, to who asked for it. */
  end: () => void = () => {};

  /** `untilEmpty`: it ends soon after its last link, or after who has started it and made none. */
  constructor(plane: Dataplane, untilEmpty: boolean) {
    this.plane = plane;
    this.links = new Links(plane, this.monitors, () => this.linger?.restart());
    this.stopped = new Promise((resolve) => {
      this.stop = () => resolve(undefined);
    });
    if (untilEmpty)
      this.linger = new Linger(
        () => this.links.isEmpty,
        () => this.endIfEmpty(),
      );
    this.closed = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  /** A link that is being made is waited for. */
  private endIfEmpty(): void {
    this.plane.turns.takeAlone('the daemon', async () => {
      if (this.links.isEmpty) this.stop();
    });
  }

  /** For the control socket: carries a verb out. */
  dispatch(verb: string, args: unknown, gone: AbortSignal): unknown {
    const verbs = this.verbs as Record<string, (args: unknown, gone: AbortSignal) => unknown>;
    if (Object.hasOwn(verbs, verb)) return verbs[verb](args ?? {}, gone);
    throw new Refusal(
      'EOPNOTSUPP',
      `the verb "${verb}" is not known; there are ${Object.keys(verbs).join(', ')}`,
    );
  }

  private readonly verbs: { [V in keyof Verbs]?: (args: unknown, gone: AbortSignal) => unknown } = {
    'link add': (args) => this.links.add(checked(args, LINK_SHAPES, ['name'])),
    'link set': (args) => this.links.set(checked(args, CHANGE_SHAPES, ['name'])),
    'link del': (args) => this.links.del(this.links.named(checked(args, SHOW_SHAPES, ['name']).name)),
    'link show': (args) => this.links.show(checked(args, SHOW_SHAPES)),
    'fdb add': (args) => this.changeFdb('add', args),
    'fdb append': (args) => this.changeFdb('append', args),
    'fdb replace': (args) => this.changeFdb('replace', args),
    'fdb del': (args) => this.changeFdb('del', args),
    'fdb flush': (args) => this.flushFdb(checked(args, FDB_FILTER_SHAPES)),
    'fdb get': (args) => {
      const { dev, mac, src_vni } = checked(args, FDB_SHAPES, ENTRY_KEYS);
      return this.getFdb(dev, mac, src_vni);
    },
    'fdb show': (args) => this.showFdb(checked(args, FDB_FILTER_SHAPES)),
    'neigh add': (args) => this.changeNeighbor('add', args),
    'neigh replace': (args) => this.changeNeighbor('replace', args),
    'neigh change': (args) => this.changeNeighbor('change', args),
    'neigh del': (args) => {
      const { dev, ip } = checked(args, NEIGH_SHAPES, ['dev', 'ip']);
      this.ofNeighbors(dev).del({ ip });
    },
    'neigh flush': (args) => {
      for (const link of this.links.meant(checked(args, NEIGH_SHAPES))) link.neighbors.flush();
    },
    'neigh show': (args) => this.showNeighbors(checked(args, NEIGH_SHAPES).dev),
    'vni add': (args) => this.changeVnis('add', checked(args, VNI_SHAPES, ['dev', 'vni'])),
    'vni del': (args) => this.changeVnis('del', checked(args, VNI_SHAPES, ['dev', 'vni'])),
    'vni show': (args) => this.showVnis(checked(args, SHOW_SHAPES)),
    monitor: (args, gone) => this.monitors.watch(checked(args, MONITOR_SHAPES, ['what']).what, gone),
    stop: () => {
      this.stop();
      return this.closed;
    },
  };

  async close(): Promise<void> {
    await this.links.close();
    this.end();
  }

  private changeFdb(verb: 'add' | 'append' | 'replace' | 'del', args: unknown): void {
    const change = checked<FdbArgs>(args, FDB_SHAPES, ENTRY_KEYS);
    const { dev, src_vni } = change;
    // it has found the link
    this.links
      .one(dev, src_vni)
      .fdb[verb](src_vni === undefined ? change : { ...change, src_vni: undefined });
  }

  private flushFdb({ dev, ...filter }: FdbFilter): void {
    for (const link of this.links.meant({ dev, src_vni: filter.src_vni })) link.fdb.flush(filter);
  }

  private showFdb({ dev, ...filter }: FdbFilter): Generator<FdbItem> {
    const meant = this.links.meant({ dev, src_vni: filter.src_vni });
    return LinkFdb.listTogether(
      meant.map(({ fdb }) => fdb),
      filter,
    );
  }

  private getFdb(dev: string, mac: string, src_vni?: number): FdbItem[] {
    const { link, trunk } = this.links.named(dev).carried;
    if (!trunk) return link.fdb.get(mac);
    const items = trunk.links(src_vni).flatMap((each) => [...each.fdb.list({ mac })]);
    if (items.length === 0) throw new Refusal('ENOENT', `there is no entry ${mac}`);
    return items;
  }

  private changeVnis(verb: 'add' | 'del', args: VniArgs): Promise<void> {
    return this.plane.turns.take(async () => {
      const { trunk } = this.links.named(args.dev).carried;
      if (!trunk) {
        throw new Refusal('EOPNOTSUPP', `${args.dev} has one VNI; a trunk is made with external vnifilter`);
      }
      if (verb === 'add') for (const link of await trunk.add(args)) this.monitors.add(link);
      else for (const link of await trunk.del(args)) this.monitors.remove(link);
    });
  }

  private *showVnis({ dev, stats }: Verbs['vni show']['args']): Generator<unknown> {
    for (const { carried } of this.links.all(dev)) {
      if (carried.trunk) yield* carried.trunk.show(stats);
    }
  }

  private changeNeighbor(verb: 'add' | 'replace' | 'change', args: unknown): void {
    const { dev, ...change } = checked<NeighArgs>(args, NEIGH_SHAPES, ['dev', 'ip', 'mac']);
    this.ofNeighbors(dev)[verb](change);
  }

  private showNeighbors(dev: string | undefined): Generator<unknown> {
    return LinkNeighbors.listTogether(this.links.meant({ dev }).map(({ neighbors }) => neighbors));
  }

  private ofNeighbors(dev: string): LinkNeighbors {
    const { link, trunk } = this.links.named(dev).carried;
    if (!trunk) return link.neighbors;
    throw new Refusal('EOPNOTSUPP', `${dev} has many VNIs: for all of them, \`ip neigh add ... dev ${dev}\``);
  }
}
