/** Neighbours of many links, shown together: they are one table, which is looked through once. */
import { expect, it, vi } from 'vitest';
import { DEFAULT_SETTINGS } from '../../../src/control/link.ts';
import { Links } from '../../../src/control/links.ts';
import { LinkNeighbors } from '../../../src/control/neighbors.ts';
import type { NeighItem } from '../../../src/control/protocol.ts';
import { DEFAULT_SIZES, Tables } from '../../../src/tables/tables.ts';

const tables = new Tables(Tables.allocate({ ...DEFAULT_SIZES, links: 8, fdb: 256 }));
const links = new Links(tables, () => 0);
const all = Array.from({ length: 5 }, (_, i) => {
  const { neighbors } = links.add({ ...DEFAULT_SETTINGS, name: `vx${i}`, vni: i }, false);
  for (let entry = 1; entry <= 3; entry++) {
    neighbors.add({ ip: `10.0.${i}.${entry}`, mac: `02:00:00:00:0${i}:0${entry}` });
  }
  return neighbors;
});
const four = all.slice(0, 4);
const words = (items: Iterable<NeighItem>) => Array.from(items, ({ dev, ip, mac }) => `${dev} ${ip} ${mac}`);

it('what each would show alone, and nothing of others, in one pass', () => {
  const alone = four.flatMap((neighbors) => words(neighbors.list()));
  expect(alone).toHaveLength(12);
  const passes = vi.spyOn(tables.neighbors, 'entries');
  expect(words(LinkNeighbors.listTogether(four)).sort()).toEqual(alone.sort());
  expect(passes).toHaveBeenCalledTimes(1);
});

it('of no link there are none', () => {
  expect([...LinkNeighbors.listTogether([])]).toEqual([]);
});
