/** All tables of one engine, laid out once: made by the control thread, opened by each worker over the same memory. */

import { OffloadCounts } from '../memory/offload-counts.ts';
import { Counters } from './counters.ts';
import { Events } from './events.ts';
import { Fdb } from './fdb.ts';
import { FloodLists, type FloodMemory } from './flood-list.ts';
import { Links, type LinksMemory } from './links.ts';
import { Neighbors } from './neighbors.ts';
import { OpenTable, type OpenTableMemory } from './open-table.ts';
import { OwnAddresses } from './own-addresses.ts';
import { Remotes, type RemotesMemory } from './remotes.ts';
import { Rounds } from './rounds.ts';

export const WORKERS_MOST = 16;

export interface TableSizes {
  links: number;
  fdb: number;
  remotes: number;
  neighbors: number;
  workers: number;
}

export const DEFAULT_SIZES: TableSizes = {
  links: 1,
  fdb: 131_072,
  remotes: 4096,
  neighbors: 16_384,
  workers: 1,
};

/** Posted to a worker as it is: every part lies in shared memory. */
export interface TablesMemory {
  readonly links: LinksMemory;
  readonly fdb: OpenTableMemory;
  readonly remotes: RemotesMemory;
  readonly floods: FloodMemory;
  readonly neighbors: OpenTableMemory;
  readonly counters: readonly Float64Array[];
  readonly offloads: readonly Float64Array[];
  readonly events: Int32Array;
  readonly rounds: Int32Array;
  readonly own: OpenTableMemory;
  readonly ownPorts: Uint8Array;
}

export class Tables {
  readonly memory: TablesMemory;
  readonly links: Links;
  readonly fdb: Fdb;
  readonly remotes: Remotes;
  readonly floods: FloodLists;
  readonly neighbors: Neighbors;
  readonly counters: Counters;
  readonly offloads: OffloadCounts;
  readonly events: Events;
  readonly rounds: Rounds;
  readonly own: OwnAddresses;

  /** As `worker` sees them: with its own rows of counters, and its own round. The control thread writes none of these. */
  constructor(memory: TablesMemory, worker = 0) {
    this.memory = memory;
    this.rounds = new Rounds(memory.rounds, worker);
    this.own = new OwnAddresses(memory.own, memory.ownPorts);
    this.links = new Links(memory.links);
    this.fdb = new Fdb(memory.fdb);
    this.remotes = new Remotes(memory.remotes, worker, this.own);
    this.floods = new FloodLists(memory.floods, this.rounds);
    this.neighbors = new Neighbors(memory.neighbors);
    this.counters = new Counters(memory.counters, worker);
    this.offloads = new OffloadCounts(memory.offloads);
    this.events = new Events(memory.events);
  }

  static allocate(sizes: TableSizes): TablesMemory {
    return {
      links: Links.allocate(sizes.links),
      fdb: Fdb.allocate(sizes.fdb),
      remotes: Remotes.allocate(sizes.remotes, sizes.workers),
      floods: FloodLists.allocate(sizes.links, 16 * sizes.remotes + 64, sizes.remotes),
      neighbors: Neighbors.allocate(sizes.neighbors),
      counters: Counters.allocate(sizes.links, sizes.workers),
      offloads: OffloadCounts.allocate(sizes.workers),
      events: Events.allocate(4096),
      rounds: Rounds.allocate(sizes.workers),
      own: OpenTable.allocate(1024, 5),
      ownPorts: new Uint8Array(new SharedArrayBuffer(65_536)),
    };
  }
}
