/**
 * Links with TAPs come and go in one daemon, which holds no more afterwards. Two thousand of them: `npm run fuzz`.
 *
 *   a [ vx, vx, vx, ... ] 192.0.2.1 ──── 192.0.2.2 b
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { comeAndGo } from '../support/come-and-go.ts';
import { type Host, Lab } from '../support/netns.ts';

describe('links that come and go', () => {
  const lab = new Lab();
  let [a, b]: Host[] = [];
  beforeAll(() => {
    [a, b] = [lab.host('a'), lab.host('b')];
    lab.cable(a, ['192.0.2.1/24'], b, ['192.0.2.2/24']);
  });
  afterAll(() => lab.close());

  it('leave nothing behind', async () => {
    const [before, after] = await comeAndGo(lab, a, 400);
    expect(after).toMatchObject({ descriptors: before.descriptors, threads: before.threads });
    // 45 kB of each, which a worker kept once, were 18,000
    expect(after.memory - before.memory).toBeLessThan(12_000);
    expect((await a.json<unknown[]>('ip', '-j', 'link')).length).toBe(2);
  }, 120_000);
});
