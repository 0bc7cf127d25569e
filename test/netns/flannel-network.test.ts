/**
 * Three nodes of a flannel network, of which one is the kernel's as flannel's vxlan backend makes it: what it programs,
 * it programs here step by step, in flannel's order. Containers on each, pings every way, TCP, and who comes and goes.
 *
 *   a [ c, d ]       b [ c ]          k [ c ]              etcd
 *     cni0             cni0             cni0
 *     flannel.1        flannel.1        flannel.1 (kernel)
 *     192.0.2.1        192.0.2.2        192.0.2.3          192.0.2.100
 *        └──────────────── switch ─────────┴───────────────────┘
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Container, FlannelLab, type FlannelNode, KernelNode } from '../support/flannel.ts';
import { Lab } from '../support/netns.ts';
import { Stream } from '../support/stream.ts';
import { waitFor } from '../support/wait-for.ts';

describe('a flannel network', () => {
  const lab = new Lab();
  let flannel: FlannelLab;
  let a: FlannelNode;
  let b: FlannelNode;
  let kernel: KernelNode;
  let containers: Container[];

  beforeAll(async () => {
    flannel = await FlannelLab.open(lab);
    a = flannel.node('a', 1);
    b = flannel.node('b', 2);
  });
  afterAll(() => flannel.close());

  const pingAll = async (all: readonly Container[]) => {
    const pairs = all.flatMap((from) => all.filter((to) => to !== from).map((to) => ({ from, to })));
    for (const { from, to } of pairs) {
      expect(`${from.ip} > ${to.ip}: ${await from.ping(to)}`).toBe(`${from.ip} > ${to.ip}: 2`);
    }
    return pairs.length;
  };

  it('begins with a config, which is written once', async () => {
    const run = a.begin();
    await waitFor(() => run.stderr.includes('`vtep flannel init` writes one'), 'the node to miss the config');
    expect(JSON.parse(await a.verb('init', '--network', '10.5.0.0/16'))).toEqual({
      Network: '10.5.0.0/16',
      Backend: { Type: 'vxlan' },
    });
    await expect(a.verb('init', '--network', '10.6.0.0/16')).rejects.toThrow(
      /has a config already, and it stays: --force replaces it \(EEXIST\)/,
    );
    await a.ready();
    expect(run.stderr.match(/writes one/g)).toHaveLength(1);
    expect(run.stdout).toMatch(/^vtep: flannel ready: 10\.5\.\d+\.0\/24 on flannel\.1 over eth0, 0 peers\n$/);
  });

  it('gives each node a subnet, and its file', async () => {
    await b.start();
    expect(a.subnet).not.toBe(b.subnet);
    for (const node of [a, b]) {
      expect(readFileSync(node.subnetFile, 'utf8')).toBe(
        `FLANNEL_NETWORK=10.5.0.0/16\nFLANNEL_SUBNET=${node.subnet.replace('.0/24', '.1/24')}\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=false\n`,
      );
    }
  });

  it('programs as flannel does: neighbour, entry and on-link route', async () => {
    const [base] = b.subnet.split('/');
    const mac = async () => {
      const [device] = await b.host.json<{ address: string }[]>('ip', '-j', 'link', 'show', 'flannel.1');
      return device.address;
    };
    const routes = await a.host.run('ip', 'route', 'show', b.subnet);
    expect(routes).toContain(`${b.subnet} via ${base} dev flannel.1`);
    expect(routes).toContain('onlink');
    const neighbors = await a.host.run('ip', 'neigh', 'show', 'dev', 'flannel.1');
    expect(neighbors).toContain(`${base} lladdr ${await mac()} PERMANENT`);
  });

  it('has a node of the kernel too, whose lease is written as flannel writes it', async () => {
    kernel = await KernelNode.join(flannel, 'k', 3, '10.5.200.0/24', [a, b]);
    containers = [a.container('c'), a.container('d'), b.container('c'), kernel.container('c')];
    for (const node of [a, b]) {
      await waitFor(async () => (await node.status()).peers.length === 2, 'both peers');
    }
    expect(await pingAll(containers)).toBe(12);
  });

  it('carries TCP between all kinds of nodes, unchanged', async () => {
    for (const [from, to] of [
      [containers[0], containers[2]],
      [containers[2], containers[3]],
      [containers[3], containers[0]],
    ]) {
      const [sent, received] = await from.transfer(to, 16 << 20);
      expect(received).toBe(sent);
    }
  });

  it('lets a node come and go under traffic of the others', async () => {
    const [from, to] = [containers[0], containers[2]];
    a.beLenient();
    const stream = await Stream.start(from.host, to.host, to.ip, 7000, 5000);
    const late = flannel.node('late', 4);
    await late.start();
    const container = late.container();
    await kernel.learn(late);
    await waitFor(async () => (await container.ping(from, '-c', '1')) === 1, 'the late node to reach a');
    expect(await pingAll([...containers, container])).toBe(20);
    expect(await late.verb('leave')).toContain('the lease was given back');
    await waitFor(() => late.run.code === 0, 'the late node to end');
    await waitFor(async () => (await a.status()).peers.length === 2, 'the late node to be forgotten');
    expect(await a.host.run('ip', 'route', 'show', late.subnet)).toBe('');
    const { sent, arrived } = await stream.end();
    expect(sent).toBeGreaterThan(1000);
    expect(arrived).toBe(sent);
    const devices = await late.host.run('ip', '-br', 'link');
    expect(devices).not.toMatch(/flannel|cni0/);
    expect(await late.host.run('ip', 'route', 'show', '10.5.0.0/16')).toBe('');
    expect(await flannel.lease(late)).toBeUndefined();
  });

  it('goes on when the processes of the nodes have ended, and when they are there again', async () => {
    const [from, to] = [containers[0], containers[2]];
    a.beLenient();
    const stream = await Stream.start(from.host, to.host, to.ip, 7001, 5000);
    const { code, stderr } = await a.end('SIGTERM');
    expect(code).toBe(0);
    expect(stderr).toContain('leaves all in place, so traffic goes on');
    await b.end('SIGKILL');
    const subnets = [a.subnet, b.subnet];
    await Promise.all([a.start(), b.start()]);
    expect([a.subnet, b.subnet]).toEqual(subnets);
    const { sent, arrived } = await stream.end();
    expect(sent).toBeGreaterThan(1000);
    expect(arrived).toBe(sent);
    expect(await pingAll(containers)).toBe(12);
  });

  it('tells how it stands', async () => {
    const status = await a.status();
    expect(status).toMatchObject({
      own: { standing: 'held', subnets: [a.subnet] },
      network: { ipv4: '10.5.0.0/16' },
      tunnels: [{ device: 'flannel.1', vni: 1, port: 8472, mtu: 1450, wanted: 2, programmed: 2 }],
      refused: [],
      problems: [],
    });
    const text = await a.verb('status');
    expect(text).toMatch(new RegExp(`^${a.subnet} at 192\\.0\\.2\\.1 dev eth0: held, 23 h 5\\d min left\n`));
    expect(text).toContain(`\n10.5.200.0/24 via 192.0.2.3 lladdr ${kernel.mac} age `);
    expect(text).toContain('2 of 2 peers programmed');
  });

  it('is left by a node whose process does not run, too', async () => {
    await b.end('SIGKILL');
    expect(await b.verb('leave')).toContain('the lease was given back');
    expect(await b.host.run('ip', '-br', 'link')).not.toMatch(/flannel|cni0/);
    await waitFor(async () => (await a.status()).peers.length === 1, 'b to be forgotten');
    await waitFor(() => b.daemonPid === undefined, 'the daemon to end with its last link');
  });
});
