/** Tables of many links, shown together: they are one table, which is looked through once. */
import { expect, it, vi } from 'vitest';
import { ALL_ZERO, LinkFdb } from '../../../src/control/fdb.ts';
import { DEFAULT_SETTINGS } from '../../../src/control/link.ts';
import { Links } from '../../../src/control/links.ts';
import type { FdbItem } from '../../../src/control/protocol.ts';
import { DEFAULT_SIZES, Tables } from '../../../src/tables/tables.ts';

const tables = new Tables(Tables.allocate({ ...DEFAULT_SIZES, links: 8, fdb: 256 }));
const links = new Links(tables, () => 0);
const all = Array.from({ length: 5 }, (_, i) => {
  const { fdb } = links.add({ ...DEFAULT_SETTINGS, name: `vx${i}`, vni: i }, false);
  fdb.append({ mac: ALL_ZERO, dst: '192.0.2.1' });
  fdb.append({ mac: ALL_ZERO, dst: '192.0.2.2' });
  for (let entry = 0; entry < 10; entry++) {
    fdb.add({ mac: `02:00:00:00:00:0${entry}`, dst: '192.0.2.3', state: entry > 6 ? 'static' : 'permanent' });
  }
  return fdb;
});
const four = all.slice(0, 4);
const words = (items: Iterable<FdbItem>) =>
  Array.from(items, ({ dev, mac, dst, state }) => `${dev} ${mac} ${dst} ${state}`);

it.each([{}, { dst: '192.0.2.3' }, { words: ['static'] }, { mac: '02:00:00:00:00:07' }])(
  '%j: what each would show alone, and nothing of others',
  (filter) => {
    const alone = four.flatMap((fdb) => words(fdb.list(filter)));
    expect(alone.length).toBeGreaterThan(3);
    expect(words(LinkFdb.listTogether(four, filter)).sort()).toEqual(alone.sort());
  },
);

it('default destinations stand first', () => {
  const macs = [...LinkFdb.listTogether(four)].map(({ mac }) => mac);
  expect(macs.lastIndexOf(ALL_ZERO)).toBe(7);
});

it('in one pass', () => {
  const passes = vi.spyOn(tables.fdb, 'entries');
  expect([...LinkFdb.listTogether(all)]).toHaveLength(60);
  expect(passes).toHaveBeenCalledTimes(1);
});
