/**
 * Fifty nodes that want a subnet at the same moment, over a real etcd.
 *
 *   4 processes, 50 clients ── HTTP on loopback ── etcd
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EtcdRegistry } from '../../src/flannel/registry/etcd/registry.ts';
import { Etcd } from '../support/etcd.ts';
import { Lab } from '../support/netns.ts';
import { waitFor } from '../support/wait-for.ts';

const PROCESSES = 4;
const NODES = 50;
const CROWD = join(import.meta.dirname, '..', 'support', 'crowd.mjs');

interface Report {
  keys: string[];
  complaints: string[];
  milliseconds: number;
}

describe('fifty nodes at once', () => {
  const lab = new Lab();
  let etcd: Etcd;
  beforeAll(async () => {
    etcd = await Etcd.start(lab);
  });
  afterAll(() => lab.close());

  async function crowd(prefix: string): Promise<Report[]> {
    const each = Math.ceil(NODES / PROCESSES);
    const processes = Array.from({ length: PROCESSES }, (_, at) => {
      const first = at * each;
      const count = Math.min(each, NODES - first);
      const words = [CROWD, etcd.url, prefix, String(first + 1), String(count)];
      const child = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'inherit'] });
      lab.children.push(child);
      let out = '';
      child.stdout.on('data', (bytes) => {
        out += bytes;
      });
      return { child, lines: () => out.split('\n').filter((line) => line !== '') };
    });
    await waitFor(
      () => processes.every(({ lines }) => lines().length === 1),
      'all processes to be ready',
      60_000,
    );
    for (const { child } of processes) child.stdin.write('go\n');
    await waitFor(() => processes.every(({ lines }) => lines().length === 2), 'all to have joined', 60_000);
    for (const { child } of processes) child.stdin.end();
    return processes.map(({ lines }) => JSON.parse(lines()[1]) as Report);
  }

  it.each([
    ['of one family', '"SubnetMax":"10.5.60.0"', 50],
    [
      'of two families',
      '"SubnetMax":"10.5.60.0","EnableIPv6":true,"IPv6Network":"fc00::/48","IPv6SubnetMax":"fc00:0:0:3c::"',
      100,
    ],
  ])('have subnets %s, each its own, out of sixty', async (name, words, subnets) => {
    const prefix = `/${name.replaceAll(' ', '-')}`;
    const registry = new EtcdRegistry({ endpoints: [etcd.url], prefix });
    await registry.writeConfig(`{"Network":"10.5.0.0/16",${words},"Backend":{"Type":"vxlan"}}`, false);
    const reports = await crowd(prefix);
    const keys = reports.flatMap((report) => report.keys);
    expect(keys).toHaveLength(NODES);
    expect(new Set(keys.flatMap((key) => key.split('&'))).size).toBe(subnets);
    const { entries } = await registry.read();
    expect(entries.map(({ key }) => key).sort()).toEqual(keys.sort());
    expect(reports.flatMap(({ complaints }) => complaints)).toEqual([]);
    expect(Math.max(...reports.map(({ milliseconds }) => milliseconds))).toBeLessThan(10_000);
    registry.close();
  });
});
