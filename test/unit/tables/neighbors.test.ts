/** Neighbours beside a Map that follows the same rules, slowly. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  NEIGHBOR_KERNEL,
  NEIGHBOR_SNOOPED,
  NEIGHBOR_UNRESOLVED,
  Neighbors,
} from '../../../src/tables/neighbors.ts';
import { OpenTable } from '../../../src/tables/open-table.ts';

const ipv4 = (last: number) => Int32Array.of(0, 0, 0xffff, 0x0a000000 | last);
const CAPACITY = 6;
const ASKING = NEIGHBOR_KERNEL | NEIGHBOR_UNRESOLVED;

interface Known {
  mac: number;
  flags: number;
  updated: number;
}

const step = fc.record({
  what: fc.constantFrom('set', 'kernel', 'unresolved', 'snoop', 'remove', 'removeKernels', 'expire'),
  link: fc.integer({ min: 1, max: 2 }),
  last: fc.nat(5),
  mac: fc.integer({ min: 1, max: 9 }),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function apply(table: Neighbors, { what, link, last, mac }: Step, now: number): void {
  const ip = ipv4(last);
  if (what === 'set') table.set(link, ip, 0x0200, mac, 0, now);
  else if (what === 'kernel') table.set(link, ip, 0x0200, mac, NEIGHBOR_KERNEL, now);
  else if (what === 'unresolved') table.set(link, ip, 0, 0, ASKING, now);
  else if (what === 'snoop') table.snoopIpv4(link, ip[3], 0x0200, mac, now);
  else if (what === 'expire') table.expire(now - 10);
  else table.remove(link, ip, what === 'removeKernels');
}

function imitate(model: Map<string, Known>, { what, link, last, mac }: Step, now: number): void {
  const name = `${link} ${last}`;
  const known = model.get(name);
  const put = (value: Known) => {
    if (known || model.size < CAPACITY) model.set(name, value);
  };
  const snooped = known?.flags === NEIGHBOR_SNOOPED;
  const byHand = known?.flags === 0;
  const kernels = known?.flags === NEIGHBOR_KERNEL || known?.flags === ASKING;
  if (what === 'set') put({ mac, flags: 0, updated: now });
  else if (what === 'kernel' && !byHand) put({ mac, flags: NEIGHBOR_KERNEL, updated: now });
  else if (what === 'unresolved' && !snooped && !byHand) put({ mac: 0, flags: ASKING, updated: now });
  else if (what === 'snoop' && !byHand && known?.flags !== NEIGHBOR_KERNEL)
    put({ mac, flags: NEIGHBOR_SNOOPED, updated: now });
  else if (what === 'remove' || (what === 'removeKernels' && kernels)) model.delete(name);
  else if (what === 'expire') {
    for (const [each, { flags, updated }] of model) {
      if (flags === NEIGHBOR_SNOOPED && updated < now - 10) model.delete(each);
    }
  }
}

describe('neighbours', () => {
  it('do what a Map by the same rules does', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(step, fc.nat(8)), { maxLength: 80 }), (steps) => {
        const table = new Neighbors(Neighbors.allocate(CAPACITY));
        const model = new Map<string, Known>();
        let now = 100;
        for (const [each, passed] of steps) {
          now += passed;
          apply(table, each, now);
          imitate(model, each, now);
          expect(table.count).toBe(model.size);
          for (const link of [1, 2]) {
            for (let last = 0; last < 6; last++) {
              const isFound = table.lookUpIpv4(link, ipv4(last)[3]);
              const found = isFound ? [table.macLow, table.flags] : undefined;
              const known = model.get(`${link} ${last}`);
              expect(found).toEqual(known && [known.mac, known.flags]);
            }
          }
        }
      }),
    );
  });

  it('many snooped ones go at once, and no other', () => {
    const table = new Neighbors(Neighbors.allocate(500));
    for (let i = 0; i < 400; i++) table.snoopIpv4(1, i, 0x0200, i, i % 2);
    table.expire(1);
    expect(table.count).toBe(200);
    for (let i = 0; i < 400; i++) expect(table.lookUpIpv4(1, i)).toBe(i % 2 === 1);
  });

  it('a writer in the way costs a snooped one, and nobody waits', () => {
    const memory = Neighbors.allocate(8);
    const table = new Neighbors(memory);
    const another = new OpenTable(memory, 8, 5);
    another.lock();
    table.snoopIpv4(1, 5, 0x0200, 5, 0);
    another.unlock();
    expect(table.count).toBe(0);
    table.snoopIpv4(1, 5, 0x0200, 5, 0);
    expect(table.count).toBe(1);
  });
});
