/** A hundred thousand links over memory ports, made and deleted one after another: the heap is as it was. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

interface Result {
  carried: number;
  grown: number;
  rssGrown: number;
}

function measure(count: number, lost: 0 | 1): Result {
  const words = [
    '--expose-gc',
    '--max-semi-space-size=1',
    join(import.meta.dirname, 'links.mjs'),
    `${count}`,
    `${lost}`,
  ];
  return JSON.parse(execFileSync(process.execPath, words, { encoding: 'utf8', timeout: 230_000 })) as Result;
}

it('links that come and go leave nothing in the heap', () => {
  const { carried, grown, rssGrown } = measure(100_000, 0);
  expect(carried).toBe(200_000);
  expect(grown).toBeLessThan(1_000_000); // 90,000 of them: 11 bytes each
  expect(rssGrown).toBeLessThan(20_000_000);
}, 240_000);

it('would be found out if each left its own object', () => {
  expect(measure(5000, 1).grown).toBeGreaterThan(1_000_000);
}, 60_000);
