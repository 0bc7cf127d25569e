/** As in `netns/come-and-go.test.ts`, two thousand times: a minute, as the kernel takes its time for each TAP. Needs root. */
import { expect, it, onTestFinished } from 'vitest';
import { comeAndGo } from '../support/come-and-go.ts';
import { Lab } from '../support/netns.ts';

it('two thousand links that come and go leave nothing behind', async () => {
  const lab = new Lab();
  onTestFinished(() => lab.close());
  const [a, b] = [lab.host('a'), lab.host('b')];
  lab.cable(a, ['192.0.2.1/24'], b, ['192.0.2.2/24']);
  const [before, after] = await comeAndGo(lab, a, 2000);
  expect(after).toMatchObject({ descriptors: before.descriptors, threads: before.threads });
  expect(after.memory - before.memory).toBeLessThan(12_000);
}, 600_000);
