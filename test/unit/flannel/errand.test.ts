/** Work that is asked for again and again; what is wrong is said once. */
import { describe, expect, it } from 'vitest';
import { Ages } from '../../../src/flannel/ages.ts';
import { Errand } from '../../../src/flannel/errand.ts';
import { Troubles } from '../../../src/flannel/troubles.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const settle = async () => {
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
};

function errand(results: boolean[]) {
  const clock = new FakeClock();
  const runs: number[] = [];
  let most = 0;
  let now = 0;
  const made = new Errand({
    clock,
    first: 1000,
    every: 60_000,
    work: async () => {
      runs.push(clock.now());
      most = Math.max(most, ++now);
      await new Promise(setImmediate);
      now--;
      return results.shift() ?? true;
    },
  });
  return { clock, runs, errand: made, most: () => most };
}

describe('an errand', () => {
  it('is run once for all who ask in one moment, again for those who ask meanwhile, and each minute', async () => {
    const { clock, runs, errand: made, most } = errand([]);
    made.soon();
    made.soon();
    await Promise.resolve();
    await Promise.resolve();
    made.soon();
    await settle();
    expect(runs).toEqual([0, 0]);
    await clock.turn(150_000, settle);
    expect(runs).toEqual([0, 0, 60_000, 120_000]);
    expect(most()).toBe(1);
  });

  it('that failed is tried again later and later, and stops when it is told to', async () => {
    const { clock, runs, errand: made } = errand([false, false, false, true]);
    made.soon();
    await settle();
    await clock.turn(10_000, settle);
    expect(runs).toEqual([0, 1000, 3000, 7000]);
    await made.stop();
    made.soon();
    await clock.turn(600_000, settle);
    expect(runs).toHaveLength(4);
  });
});

describe('troubles', () => {
  it('are said when they begin, when they are others, and when they are over', async () => {
    const said: string[] = [];
    const troubles = new Troubles((level, sentence) => said.push(`${level}: ${sentence}`));
    const fail = (sentence: string) =>
      troubles.guard('the bridge', () => {
        throw new Error(sentence);
      });
    expect(await fail('it is none')).toBe(false);
    expect(await fail('it is none')).toBe(false);
    expect(await fail('it has gone')).toBe(false);
    expect(troubles.list()).toEqual(['it has gone']);
    expect(await troubles.guard('the bridge', () => {})).toBe(true);
    expect(await troubles.guard('the bridge', () => {})).toBe(true);
    expect(troubles.list()).toEqual([]);
    expect(said).toEqual([
      'warn: it is none',
      'warn: it has gone',
      'info: the bridge is as it should be again',
    ]);
  });
});

describe('the ages of leases', () => {
  it('begin anew with each writing, and not with each reading', async () => {
    const clock = new FakeClock();
    const ages = new Ages(clock);
    const entry = (revision: number) => ({ key: '10.5.1.0-24', value: '', revision });
    ages.begin([entry(1), { key: 'nonsense', value: '', revision: 2 }]);
    await clock.turn(5000);
    ages.begin([entry(1)]);
    expect(ages.list()).toEqual(new Map([['10.5.1.0/24', 5]]));
    ages.observe([{ what: 'put', entry: entry(3) }]);
    await clock.turn(2000);
    expect(ages.list().get('10.5.1.0/24')).toBe(2);
    ages.observe([{ what: 'gone', key: '10.5.1.0-24', revision: 4 }]);
    expect(ages.list().size).toBe(0);
  });
});
