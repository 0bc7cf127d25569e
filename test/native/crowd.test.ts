/** Many threads at the same tables at once: nobody finds what belongs to another key, and in the end all adds up. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

interface Outcome {
  violations: string[];
  done: Record<string, number>;
}

function run<T extends Outcome>(script: string, ...words: number[]): T {
  const path = join(import.meta.dirname, 'crowd', script);
  const out = execFileSync(process.execPath, [path, ...words.map(String)], {
    encoding: 'utf8',
    timeout: 50_000,
  });
  return JSON.parse(out) as T;
}

describe('tables that threads share', () => {
  it('stay whole while four carry and one ages, forgets, sets and tells', () => {
    const { violations, done, counted } = run<Outcome & { counted: Record<string, number> }>(
      'crowd.mjs',
      4,
      5000,
      300,
    );
    expect(violations).toEqual([]);
    // all of it took place, and often
    for (const what of ['learn', 'move', 'expire', 'statics', 'floods', 'byHand'])
      expect(done[what], what).toBeGreaterThan(20);
    for (const what of ['learn-table-full', 'learn-limit', 'learn-busy', 'proxy-answered', 'flooded'])
      expect(counted[what], what).toBeGreaterThan(20);
  });

  it('give each key its own, however often entries take the places of others', () => {
    type Seen = Record<'found' | 'missed' | 'lost' | 'held', number>;
    const { violations, done, seen } = run<Outcome & { seen: Seen[] }>('readers.mjs', 2, 4);
    expect(violations).toEqual([]);
    expect(done.changes).toBeGreaterThan(10_000);
    expect(done.forgotten).toBeGreaterThan(100);
    for (const { found, missed, lost, held } of seen) {
      expect(Math.min(found, missed)).toBeGreaterThan(10_000);
      expect(held).toBeGreaterThan(1000);
      // what was never taken out was there: to all but those who looked while the writer had been put aside
      expect(lost).toBeLessThan(found / 100);
    }
  });
});
