/** The forwarding table: what an entry keeps, and removing while going through all of them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FDB_FLAG, Fdb } from '../../../src/tables/fdb.ts';

const fdbOf = (capacity: number) => new Fdb(Fdb.allocate(capacity));

describe('the forwarding table', () => {
  it('keeps all of an entry, whatever its bits', () => {
    fc.assert(
      fc.property(
        fc.record({
          link: fc.integer({ min: 1, max: 0xffff }),
          high: fc.nat(0xffff),
          low: fc.integer(),
          remote: fc.integer({ min: -0x800000, max: 0x7fffff }),

          flags: fc.nat(0xff),
          now: fc.nat(),
        }),
        ({ link, high, low, remote, flags, now }) => {
          const fdb = fdbOf(4);
          const entry = fdb.insert(link, high, low, remote, flags, now);
          expect(fdb.find(link, high, low)).toBe(entry);
          expect([fdb.link(entry), fdb.macHigh(entry), fdb.macLow(entry)]).toEqual([link, high, low]);
          expect([fdb.remote(entry), fdb.flags(entry)]).toEqual([remote, flags]);
          expect([fdb.updated(entry), fdb.used(entry)]).toEqual([now, now]);
        },
      ),
    );
  });

  it('tells links apart, and MACs by every byte', () => {
    const fdb = fdbOf(16);
    fdb.insert(1, 0x0200, 1, 7, FDB_FLAG.learned, 0);
    for (const [link, high, low] of [
      [2, 0x0200, 1],
      [1, 0x0201, 1],
      [1, 0x0300, 1],
      [1, 0x0200, 2],
      [1, 0x0200, 0x01000001],
    ])
      expect(fdb.find(link, high, low)).toBe(-1);
  });

  it('moves an entry to another remote with its flags, confirmed now', () => {
    const fdb = fdbOf(4);
    const entry = fdb.insert(1, 0x0200, 1, 7, FDB_FLAG.learned, 10);
    fdb.moveTo(entry, 8, 20);
    expect([fdb.remote(entry), fdb.flags(entry), fdb.updated(entry), fdb.used(entry)]).toEqual([
      8,
      FDB_FLAG.learned,
      20,
      10,
    ]);
  });

  it('going through all of them, whoever removes some meets each entry once, and loses no other', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer(), { maxLength: 200 }),
        fc.infiniteStream(fc.boolean()),
        (lows, goes) => {
          const fdb = fdbOf(200);
          for (const low of lows) fdb.insert(1, 0x0200, low, 0, FDB_FLAG.learned, 0);
          const met: number[] = [];
          const kept: number[] = [];
          for (const entry of fdb.entries()) {
            const low = fdb.macLow(entry);
            met.push(low);
            if (goes.next().value) fdb.remove(entry);
            else kept.push(low);
          }
          expect(new Set(met)).toEqual(new Set(lows));
          expect(met).toHaveLength(lows.length);
          for (const low of lows) expect(fdb.find(1, 0x0200, low) >= 0).toBe(kept.includes(low));
          expect(fdb.table.count).toBe(kept.length);
        },
      ),
    );
  });
});
