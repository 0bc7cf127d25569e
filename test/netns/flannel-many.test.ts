/**
 * Many leases, and how soon a node is known to the others. What it took is printed; what is asserted leaves room
 * for a machine that is busy.
 *
 *   a           b           n0 ... (they come and go)     etcd
 *   └───────────┴── switch ─┴────────────────────────────┘
 */
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FlannelLab, type FlannelNode } from '../support/flannel.ts';
import { Lab } from '../support/netns.ts';
import { waitFor } from '../support/wait-for.ts';

const JOINS = 10;

describe('a flannel network', () => {
  const lab = new Lab();
  let flannel: FlannelLab;
  let a: FlannelNode;
  let b: FlannelNode;

  beforeAll(async () => {
    flannel = await FlannelLab.open(lab);
    await flannel.config('{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}');
    [a, b] = [flannel.node('a', 1), flannel.node('b', 2)];
    await Promise.all([a.start(), b.start()]);
  });
  afterAll(() => flannel.close());

  it('knows a new node soon after it has its lease', async () => {
    const routed = [a, b].map(({ host }) => routesOf(host.spawn('ip', 'monitor', 'route')));
    const took: number[] = [];
    for (let join = 0; join < JOINS; join++) {
      const node = flannel.node(`n${join}`, 10 + join);
      const run = node.begin();
      const leased = await waitFor(
        () => (run.stderr.includes(' is ours') ? Date.now() : 0),
        'its lease',
        30_000,
      );
      await node.ready();
      const made = Date.now();
      const known = await Promise.all(
        routed.map((times) =>
          waitFor(() => times.get(node.subnet) ?? 0, `a route to ${node.subnet}`, 30_000),
        ),
      );
      took.push(Math.max(made, ...known) - leased);
      expect(await a.host.ping(node.subnet.replace('.0/24', '.1'))).toBe(2);
      await node.verb('leave');
    }
    took.sort((x, y) => x - y);
    console.log(`after its lease a new node was reached from all others in ${took.join(', ')} ms`);
    expect(took.at(-1)).toBeLessThan(10_000);
  });

  it('of a thousand leases is programmed soon at the start, for little memory', async () => {
    const idle = memoryOf(b.run.pid);
    await b.end();
    await flannel.putLeases(1000);
    const began = Date.now();
    await b.start();
    const took = Date.now() - began;
    const { tunnels } = await b.status();
    expect(tunnels).toMatchObject([{ wanted: 1001, programmed: 1001 }]);
    const routes = await b.host.json<object[]>('ip', '-j', 'route', 'show', 'dev', 'flannel.1');
    expect(routes).toHaveLength(1001);
    const more = memoryOf(b.run.pid) - idle;
    console.log(`1,001 peers were programmed ${took} ms after the process began, for ${more.toFixed(1)} MB`);
    expect(took).toBeLessThan(15_000);
    expect(more).toBeLessThan(100);
    await flannel.putLeases(0);
    await waitFor(async () => (await b.status()).tunnels[0].programmed === 1, 'them to go', 30_000);
  });
});

/** When each subnet got its way through the tunnel. */
function routesOf(monitor: ChildProcess): Map<string, number> {
  const times = new Map<string, number>();
  monitor.stdout?.on('data', (chunk) => {
    for (const [, deleted, subnet] of `${chunk}`.matchAll(/^(Deleted )?(\S+) via \S+ dev flannel/gm)) {
      if (!deleted) times.set(subnet, Date.now());
    }
  });
  return times;
}

/** Of a process, in MB. */
function memoryOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}
