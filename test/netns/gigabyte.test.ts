/**
 * A gigabyte each way with every byte right, and the hard times: many flows at once, loss, a receiver that is slow.
 *
 *   a [ vx0 10.0.0.1 fd00::1 ] eth0 ──── eth0 [ vx0 10.0.0.2 fd00::2 ] b
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Host, Lab } from '../support/netns.ts';
import { transfer } from '../support/transfer.ts';
import { openTunnel, type Tunnel, type TunnelOptions } from '../support/tunnel.ts';

const MEGABYTE = 1 << 20;
const GIGABYTE = 1 << 30;
const DIRECTIONS = ['there', 'back'] as const;

const ends = ({ a, b }: Tunnel, direction: string): { from: Host; to: Host; number: number } =>
  direction === 'there' ? { from: a, to: b, number: 2 } : { from: b, to: a, number: 1 };

const CASES: TunnelOptions[] = [
  { underlay: 'wire', family: 'IPv4', peer: 'the kernel', words: '--offload auto' },
  { underlay: 'veth', family: 'IPv6', peer: 'the kernel', words: '--offload auto' },
  { underlay: 'wire', family: 'IPv6', peer: 'itself', words: '--offload auto' },
  { underlay: 'wire', family: 'IPv6', peer: 'the kernel', words: '--offload off' },
];

describe.each(CASES)('a gigabyte over a $underlay, $family, against $peer, $words', (options) => {
  const lab = new Lab();
  let tunnel: Tunnel;
  beforeAll(async () => {
    tunnel = await openTunnel(lab, options);
  });
  afterAll(() => lab.close());

  it.each(DIRECTIONS)('%s', async (direction) => {
    const { from, to, number } = ends(tunnel, direction);
    const [sent, got] = await transfer({
      from,
      to,
      address: options.family === 'IPv6' ? `fd00::${number}` : `10.0.0.${number}`,
      protocol: 'tcp',
      size: GIGABYTE,
    });
    expect(got).toMatch(/^[0-9a-f]{64}$/);
    expect(got).toBe(sent);
  });
});

/** Resident memory of a process, in KB. */
const resident = (pid: number) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

describe.each<TunnelOptions['peer']>(['the kernel', 'itself'])('in hard times, against %s', (peer) => {
  const lab = new Lab();
  let tunnel: Tunnel;
  beforeAll(async () => {
    tunnel = await openTunnel(lab, { underlay: 'wire', peer, words: '--offload auto' });
  });
  afterAll(() => lab.close());

  it('40 flows at once, both ways, IPv4 and IPv6', async () => {
    const all = [];
    for (let i = 0; i < 40; i++) {
      const { from, to, number } = ends(tunnel, DIRECTIONS[i % 2]);
      const address = i % 4 < 2 ? `10.0.0.${number}` : `fd00::${number}`;
      all.push(transfer({ from, to, address, protocol: 'tcp', size: 5 * MEGABYTE, port: 7000 + i }));
    }
    for (const [sent, got] of await Promise.all(all)) expect(got).toBe(sent);
  });

  it.each(DIRECTIONS)('a receiver that is slow, %s: it gets all, and nothing grows', async (direction) => {
    const { from, to, number } = ends(tunnel, direction);
    const before = tunnel.vteps.map(({ pid }) => resident(pid));
    const address = `10.0.0.${number}`;
    const [sent, got] = await transfer({
      from,
      to,
      address,
      protocol: 'tcp',
      size: 20 * MEGABYTE,
      slow: true,
    });
    expect(got).toBe(sent);
    for (const [i, { pid }] of tunnel.vteps.entries()) expect(resident(pid) - before[i]).toBeLessThan(16_384);
  });

  it('one datagram of a hundred is lost, both ways', async () => {
    const rules = 'add table inet loss; add chain inet loss in { type filter hook input priority 0; }';
    const rule = 'add rule inet loss in udp dport 4789 numgen random mod 100 < 1 counter drop';
    for (const host of [tunnel.a, tunnel.b]) await host.run('nft', `${rules}; ${rule}`);
    for (const direction of DIRECTIONS) {
      const { from, to, number } = ends(tunnel, direction);
      const address = `10.0.0.${number}`;
      const [sent, got] = await transfer({ from, to, address, protocol: 'tcp', size: 50 * MEGABYTE });
      expect(got).toBe(sent);
    }
    for (const host of [tunnel.a, tunnel.b]) {
      const said = await host.run('nft', 'list table inet loss');
      expect(Number(/packets (\d+)/.exec(said)?.[1])).toBeGreaterThan(10);
    }
  });
});
