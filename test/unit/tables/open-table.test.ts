/** The table beside a Map that does the same, slowly. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OpenTable } from '../../../src/tables/open-table.ts';

const WIDTH = 4;

function set(table: OpenTable, k0: number, k1: number): void {
  table.key[0] = k0;
  table.key[1] = k1;
}

type Command = { kind: 'put' | 'take' | 'look'; k0: number; k1: number; value: number };
/** Few keys, so that they meet: small ones, and ones that differ in one word alone. */
const word = fc.oneof(fc.integer({ min: 0, max: 6 }), fc.constantFrom(-1, 2 ** 31 - 1, -(2 ** 31)));
const command: fc.Arbitrary<Command> = fc.record({
  kind: fc.constantFrom('put', 'put', 'take', 'look'),
  k0: word,
  k1: word,
  value: fc.integer(),
});

describe('an open table', () => {
  it('does what a Map does', () => {
    fc.assert(
      fc.property(
        fc.array(command, { maxLength: 400 }),
        fc.integer({ min: 1, max: 40 }),
        (commands, capacity) => {
          const table = new OpenTable(OpenTable.allocate(capacity, WIDTH), WIDTH, 2);
          const model = new Map<string, number>();
          for (const { kind, k0, k1, value } of commands.filter((each) => each.k0 !== 0 || each.k1 !== 0)) {
            const name = `${k0} ${k1}`;
            const at = table.find2(k0, k1);
            set(table, k0, k1);
            expect(table.find()).toBe(at);
            expect(at >= 0 ? table.words[at + 2] : undefined).toBe(model.get(name));
            if (kind === 'take' && at >= 0) {
              table.remove(at);
              model.delete(name);
            } else if (kind === 'put' && at >= 0) {
              table.words[at + 2] = value;
              model.set(name, value);
            } else if (kind === 'put') {
              const made = table.insert();
              expect(made >= 0).toBe(model.size < capacity);
              if (made < 0) continue;
              table.words[made + 2] = value;
              model.set(name, value);
            }
            expect(table.count).toBe(model.size);
          }
          for (const [name, value] of model) {
            const [k0, k1] = name.split(' ').map(Number);
            expect(table.words[table.find2(k0, k1) + 2]).toBe(value);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('holds as many as it says, and no more', () => {
    const table = new OpenTable(OpenTable.allocate(5000, WIDTH), WIDTH, 2);
    for (let i = 1; i <= 5000; i++) {
      set(table, i, ~i);
      expect(table.insert()).toBeGreaterThanOrEqual(0);
    }
    set(table, 0, 5001);
    expect(table.insert()).toBe(-1);
    for (let i = 1; i <= 5000; i++) expect(table.find2(i, ~i)).toBeGreaterThanOrEqual(0);
    expect(table.find2(1, 1)).toBe(-1);
  });

  it('ends a probe: keys that all fall on one place are refused at last, and one that goes makes room', () => {
    const table = new OpenTable(OpenTable.allocate(300, WIDTH), WIDTH, 2);
    const probes = 128;
    // where a key falls shows in an empty table
    const home = (k0: number) => {
      set(table, k0, 1);
      const at = table.insert();
      table.remove(at);
      return at;
    };
    const meeting: number[] = [];
    for (let k0 = 1; meeting.length <= probes; k0++) if (home(k0) === home(1)) meeting.push(k0);
    const put = (k0: number) => {
      set(table, k0, 1);
      return table.insert() >= 0;
    };
    const last = meeting.pop() as number;
    for (const k0 of meeting) expect(put(k0)).toBe(true);
    expect(put(last)).toBe(false);
    expect(table.find2(last, 1)).toBe(-1);
    for (const k0 of meeting) expect(table.find2(k0, 1)).toBeGreaterThanOrEqual(0);
    table.remove(table.find2(meeting[40], 1));
    expect(put(last)).toBe(true);
    for (const k0 of meeting) expect(table.find2(k0, 1) >= 0).toBe(k0 !== meeting[40]);
  });

  it('does not give away by its seed where keys fall', () => {
    const places = Array.from({ length: 20 }, () => {
      const table = new OpenTable(OpenTable.allocate(10_000, WIDTH), WIDTH, 2);
      set(table, 7, 8);
      return table.insert();
    });
    expect(new Set(places).size).toBeGreaterThan(10);
  });

  it('shares its memory: what one has written, the other finds', () => {
    const memory = OpenTable.allocate(10, WIDTH);
    const [writer, reader] = [new OpenTable(memory, WIDTH, 2), new OpenTable(memory, WIDTH, 2)];
    set(writer, 7, 8);
    writer.words[writer.insert() + 2] = 99;
    expect(reader.words[reader.find2(7, 8) + 2]).toBe(99);
  });

  it('lets nobody believe what is read during a change, and nobody wait for its end', () => {
    const memory = OpenTable.allocate(10, WIDTH);
    const [writer, reader] = [new OpenTable(memory, WIDTH, 2), new OpenTable(memory, WIDTH, 2)];
    set(writer, 7, 8);
    writer.insert();
    expect([reader.find2(7, 8) >= 0, reader.isStill()]).toEqual([true, true]);
    writer.beginChange();
    expect(reader.isStill()).toBe(false);
    expect([reader.find2(7, 8) >= 0, reader.isStill()]).toEqual([true, false]);
    expect(reader.find2(8, 7)).toBe(-1);
    writer.endChange();
    expect(reader.isStill()).toBe(false);
    expect([reader.find2(7, 8) >= 0, reader.isStill()]).toEqual([true, true]);
    writer.remove(writer.find2(7, 8));
    expect(reader.isStill()).toBe(false);
  });

  it('has one writer at a time', () => {
    const memory = OpenTable.allocate(10, WIDTH);
    const [one, two] = [new OpenTable(memory, WIDTH, 2), new OpenTable(memory, WIDTH, 2)];
    expect(one.tryLock()).toBe(true);
    expect(two.tryLock()).toBe(false);
    one.unlock();
    expect(two.tryLock()).toBe(true);
  });
});
