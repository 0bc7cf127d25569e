/** What is wanted of a host's tables, and what in them is left over from earlier; nothing here changes anything. */

import type { Peer } from './peer.ts';
import { type Entry, type Programmed, TABLES, type Table } from './programmer.ts';

export interface Plan {
  /** By the peer's key. */
  readonly entries: ReadonlyMap<string, readonly Entry[]>;
  /** Those that cannot be programmed, with the reason: a sentence. */
  readonly refused: ReadonlyMap<string, string>;
}

/** Two peers that want one entry with different contents cannot both have it: the one that came later in the map has. */
export function planOf(peers: ReadonlyMap<string, Peer>, entriesOf: (peer: Peer) => Entry[]): Plan {
  const entries = new Map<string, Entry[]>();
  const refused = new Map<string, string>();
  const owners = new Map<string, string>();
  for (const [key, peer] of [...peers].reverse()) {
    try {
      const wanted = entriesOf(peer);
      const owner = wanted.map((entry) => owners.get(nameOf(entry))).find((each) => each !== undefined);
      if (owner !== undefined) throw new Error(shared(peer, peers.get(owner) as Peer));
      for (const entry of wanted) owners.set(nameOf(entry), key);
      entries.set(key, wanted);
    } catch (error) {
      refused.set(key, (error as Error).message);
    }
  }
  return { entries, refused };
}

function shared(peer: Peer, newer: Peer): string {
  const what = peer.mac === newer.mac ? `MAC ${peer.mac}` : `subnet ${peer.subnet}`;
  return `${peer.subnet} at ${peer.remote} has the ${what}, which ${newer.subnet} at ${newer.remote} has too, and that lease is newer`;
}

/** What an entry is found by. */
export function nameOf({ table, key }: Pick<Entry, 'table' | 'key'>): string {
  return `${table} ${key}`;
}

/** What is missing or another, in the order in which it is mended. */
export function missing(wanted: readonly Entry[], now: Programmed): Entry[] {
  const entries = wanted.filter(({ table, key, value }) => now[table].get(key) !== value);
  const neighbor = entries.find(({ table }) => table === 'neighbor');
  // a neighbour that is in use learns of its new MAC only when frames to that MAC have a way
  const isInUse = neighbor !== undefined && now.neighbor.has(neighbor.key);
  return isInUse ? entries.sort((a, b) => Number(b.table === 'fdb') - Number(a.table === 'fdb')) : entries;
}

/** What nobody wants, and nothing that stays leads to, in the order in which it goes. */
export function leftovers(now: Programmed, { entries }: Plan): Entry[] {
  const wanted: Record<Table, Set<string>> = { neighbor: new Set(), fdb: new Set(), route: new Set() };
  for (const each of entries.values()) for (const { table, key } of each) wanted[table].add(key);
  for (const [subnet, way] of now.route) {
    const gateway = wanted.route.has(subnet) && /^via (\S+)/.exec(way)?.[1];
    if (gateway) wanted.neighbor.add(gateway);
  }
  for (const [ip, mac] of now.neighbor) if (wanted.neighbor.has(ip)) wanted.fdb.add(mac);
  return [...TABLES]
    .reverse()
    .flatMap((table) =>
      Array.from(now[table], ([key, value]) => ({ table, key, value })).filter(
        ({ key }) => !wanted[table].has(key),
      ),
    );
}
