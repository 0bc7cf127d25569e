/**
 * The bench's generator and sink count right: what nftables drops on the way is lost, nothing else is.
 *
 *   a  eth0 192.0.2.1 ──── 192.0.2.2 eth0  b   [ nft: every fourth, in some ]
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Host, Lab } from '../support/netns.ts';

const SOURCE = join(import.meta.dirname, '..', '..', 'bench', 'netns', 'packets.c');
const RATE = 20_000;
const MILLISECONDS = 400;

interface Counted {
  offered: number;
  delivered: number;
  sent: number;
  lost: number;
  late: number;
}

const lab = new Lab();
let a: Host;
let b: Host;
let program: string;

beforeAll(() => {
  const folder = mkdtempSync(join(tmpdir(), 'vtep-packets-'));
  lab.folders.push(folder);
  program = join(folder, 'packets');
  execFileSync('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-pthread', '-o', program, SOURCE]);
  a = lab.host('a');
  b = lab.host('b');
  lab.cable(a, ['192.0.2.1/24'], b, ['192.0.2.2/24']);
});
afterAll(() => lab.close());

function offer(flows: number, runs: number): Counted[] {
  const input = `${RATE} ${MILLISECONDS}\n`.repeat(runs);
  const out = execFileSync(program, [a.netns, b.netns, '192.0.2.2', `${flows}`], { input, encoding: 'utf8' });
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

const EVERY_FOURTH = `
  table inet bench {
    counter seen { }
    counter gone { }
    chain input {
      type filter hook input priority 0;
      udp dport 5300 counter name seen
      udp dport 5300 numgen inc mod 4 == 0 counter name gone drop
    }
  }`;

async function counter(name: string): Promise<number> {
  const { nftables } = await b.json<{ nftables: { counter?: { packets: number } }[] }>(
    'nft',
    '-j',
    'list',
    'counter',
    'inet',
    'bench',
    name,
  );
  return nftables.find((entry) => entry.counter)!.counter!.packets;
}

// rates are those of a machine that has time for them: a busy one gets more chances
describe('packets of the bench', { retry: 3 }, () => {
  it.each([1, 4])('a free way, %i flows: the rate that was asked for, nothing lost', (flows) => {
    const counted = offer(flows, 2);
    expect(counted.length).toBe(2);
    for (const { offered, delivered, lost } of counted) {
      expect(lost).toBe(0);
      expect(Math.abs(offered / RATE - 1)).toBeLessThan(0.2);
      expect(Math.abs(delivered / offered - 1)).toBeLessThan(0.2);
    }
  });

  it.each([1, 4])('every fourth is dropped, %i flows: each of them is lost', async (flows) => {
    await b.run('nft', EVERY_FOURTH);
    const [{ sent, lost, offered, delivered }] = offer(flows, 1);
    expect(await counter('seen')).toBe(sent);
    expect(lost).toBe(await counter('gone'));
    expect(lost).toBeGreaterThan(sent / 5);
    expect(Math.abs(delivered / offered - 0.75)).toBeLessThan(0.1);
    await b.run('nft', 'delete', 'table', 'inet', 'bench');
  });
});
