/**
 * Random scripts of verbs and frames to a vxlan link of the kernel and to ours (`test/support/side-by-side.ts`): the same
 * answers, frames, tables and events. What fails is shrunk. The verbs of the table that differ by intention are left to
 * fdb-differential.test.ts.
 *
 *   ours [ vx0 ] eth0 ──── end        theirs [ vx0 ] eth0 ──── end
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { datagram } from '../support/datagrams.ts';
import { Lab } from '../support/netns.ts';
import { FIRST_SEED } from '../support/random.ts';
import { REMOTES, SideBySide } from '../support/side-by-side.ts';
import { waitFor } from '../support/wait-for.ts';

const lab = new Lab();
let twins: SideBySide;
beforeAll(async () => {
  twins = await SideBySide.open(lab);
});
afterAll(() => lab.close());

const UNICAST = ['02:00:00:00:00:a1', '02:00:00:00:00:a2', '02:00:00:00:00:a3'];
const MANY = ['00:00:00:00:00:00', '01:00:5e:00:00:01', 'ff:ff:ff:ff:ff:ff'];
const bare = (mac: string) => mac.replaceAll(':', '');
let number = 0;
const frame = (to: string, from: string) =>
  `${bare(to)}${bare(from)}88b5${(++number).toString(16).padStart(8, '0')}`.padEnd(120, 'a5');

type Step = { line: string } | { in: string; from: string; to: string } | { out: string; from: string };

const from = <T>(...each: readonly T[]) => fc.constantFrom(...each);
const line = (...words: fc.Arbitrary<string>[]) =>
  fc.tuple(...words).map((all): Step => ({ line: all.join(' ').replace(/ +/g, ' ').trim() }));
const word = (...each: string[]) => from(...each);
const remote = from(...REMOTES);
const place = fc
  .tuple(remote, word('', '', 'port 8472'), word('', '', 'vni 77'))
  .map((all) => `dst ${all.join(' ')}`);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      in: remote,
      from: from(...UNICAST),
      to: from(...UNICAST, ...MANY.slice(1)),
    }),
  },
  { weight: 6, arbitrary: fc.record({ out: from(...UNICAST, ...MANY.slice(1)), from: from(...UNICAST) }) },
  {
    weight: 3,
    arbitrary: line(
      word('fdb'),
      word('add', 'replace'),
      from(...UNICAST),
      word('dev vx0'),
      place,
      word('', 'static', 'dynamic'),
    ),
  },
  { weight: 3, arbitrary: line(word('fdb append'), from(...MANY), word('dev vx0'), place) },
  { weight: 2, arbitrary: line(word('fdb del'), from(...UNICAST, ...MANY), word('dev vx0')) },
  {
    weight: 2,
    arbitrary: line(
      word('link set vx0 type vxlan'),
      word(
        'learning',
        'nolearning',
        'ttl 7',
        'ttl 9',
        'tos 10',
        'tos inherit',
        'remote 192.0.2.2',
        'remote 192.0.2.3',
      ),
    ),
  },
  { weight: 1, arbitrary: line(word('link set vx0 down')) },
);

async function carryOut(step: Step): Promise<void> {
  if ('in' in step) await twins.in(datagram(frame(step.to, step.from), { from: step.in }));
  else if ('out' in step) await twins.out(frame(step.out, step.from));
  else await twins.say(step.line);
  if ('line' in step && step.line.endsWith('down')) {
    // ours hears of it from the host
    const isSame = async () =>
      JSON.stringify(await twins.ours.table()) === JSON.stringify(await twins.theirs.table());
    await waitFor(isSame, 'the same tables', 3_000).catch(() => {});
    await twins.sameTable();
    await twins.say('link set vx0 up');
  }
  await twins.sameTable();
}

it('random scripts have the same answers, frames, tables and events', async () => {
  const made = fc.tuple(word('', 'remote 192.0.2.2'), word('', 'nolearning'), word('', 'l2miss'));
  const script = fc.tuple(made, fc.array(step, { minLength: 5, maxLength: 20, size: 'max' }));
  let frames = 0;
  const property = fc.asyncProperty(script, async ([words, steps]) => {
    await twins.make(['local 192.0.2.1', ...words].filter(Boolean).join(' '));
    for (const step of steps) await carryOut(step);
    await twins.sameEvents();
    frames += steps.filter((step) => !('line' in step)).length;
  });
  await fc.assert(property, { numRuns: 15, seed: FIRST_SEED });
  expect(frames).toBeGreaterThan(50);
});
