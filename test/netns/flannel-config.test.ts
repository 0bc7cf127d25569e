/**
 * What others write into etcd: a config that changes is taken over where it can be; hostile and broken leases are refused
 * one by one, and nobody else suffers.
 *
 *   a [ c ]          b [ c ]          etcd
 *   192.0.2.1        192.0.2.2        192.0.2.100
 *      └──────────── switch ─────────────┘
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Container, FlannelLab, type FlannelNode, PREFIX } from '../support/flannel.ts';
import { Lab } from '../support/netns.ts';
import { Stream } from '../support/stream.ts';
import { waitFor } from '../support/wait-for.ts';

const BACKEND = '"Backend":{"Type":"vxlan"}';

describe('what stands in etcd', () => {
  const lab = new Lab();
  let flannel: FlannelLab;
  let a: FlannelNode;
  let b: FlannelNode;
  let c: Container;
  let d: Container;

  beforeAll(async () => {
    // room for a value of ten megabytes
    flannel = await FlannelLab.open(lab, { words: ['--max-request-bytes', `${16 << 20}`] });
    await flannel.config(`{"Network":"10.5.0.0/16",${BACKEND}}`);
    [a, b] = [flannel.node('a', 1), flannel.node('b', 2)];
    await Promise.all([a.start(), b.start()]);
    [c, d] = [a.container(), b.container()];
  });
  afterAll(() => flannel.close());

  const reach = () =>
    waitFor(async () => (await c.ping(d, '-c', '1')) === 1, 'the containers to reach each other');
  const devices = (node: FlannelNode) => node.host.run('ip', '-d', '-br', 'link');

  it('is another port: both go over to it', async () => {
    await flannel.config('{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan","Port":4789}}');
    for (const node of [a, b]) {
      await waitFor(async () => (await node.status()).tunnels[0]?.port === 4789, 'the other port');
      expect(await node.host.run('ss', '-Huln')).toContain(':4789');
    }
    await reach();
  });

  it('is another VNI: the link is made anew, and the old one goes', async () => {
    await flannel.config('{"network":"10.5.0.0/16","BACKEND":{"Type":"vxlan","vni":7,"Port":4789}}');
    for (const node of [a, b]) {
      await waitFor(async () => (await node.status()).tunnels[0]?.device === 'flannel.7', 'the other VNI');
      await waitFor(async () => !(await devices(node)).includes('flannel.1'), 'the old link to go');
    }
    await reach();
    expect(await flannel.lease(a)).toContain('"VNI":7');
  });

  it('is another MTU: tunnel, bridge and file have it', async () => {
    await flannel.config('{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan","VNI":7,"MTU":1400}}');
    await waitFor(
      () => readFileSync(a.subnetFile, 'utf8').includes('FLANNEL_MTU=1350'),
      'the MTU in the file',
    );
    for (const name of ['flannel.7', 'cni0']) {
      const [{ mtu }] = await a.host.json<{ mtu: number }[]>('ip', '-j', 'link', 'show', name);
      expect(mtu).toBe(1350);
    }
    await reach();
  });

  it('is direct routing: on one link packets go as they are, and through the tunnel again after', async () => {
    await flannel.config('{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan","VNI":7,"DirectRouting":true}}');
    const route = (what: string) =>
      waitFor(
        async () => (await a.host.run('ip', 'route', 'show', b.subnet)).includes(what),
        `a route ${what}`,
      );
    await route('via 192.0.2.2 dev eth0');
    await waitFor(
      async () => (await b.host.run('ip', 'route', 'show', a.subnet)).includes('dev eth0'),
      'its way back',
    );
    await reach();
    await flannel.config('{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan","VNI":7}}');
    await route('dev flannel.7');
    await waitFor(
      async () => (await b.host.run('ip', 'route', 'show', a.subnet)).includes('flannel.7'),
      'its way back',
    );
    await reach();
  });

  it.each([
    ['no JSON', 'nonsense', /is no JSON.*the one before stays in force/],
    [
      'another backend',
      '{"Network":"10.5.0.0/16","Backend":{"Type":"host-gw"}}',
      /"host-gw".*stays in force/,
    ],
    ['a network that is too small', `{"Network":"10.5.0.0/30",${BACKEND}}`, /too small.*stays in force/],
    ['ten megabytes', `{"Network":"10.5.0.0/16"${' '.repeat(10 << 20)},${BACKEND}}`, /stays in force/],
  ])('is %s: the config before stays in force', async (_, config, sentence) => {
    await flannel.config(config);
    await waitFor(async () => (await a.status()).problems.some((each) => sentence.test(each)), 'a to say so');
    expect(await c.ping(d)).toBe(2);
    await flannel.config('{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan","VNI":7}}');
    await waitFor(async () => (await a.status()).problems.length === 0, 'a to be well again');
  });

  it('is another network, which our subnet is no part of: it is told plainly, and kept', async () => {
    await flannel.config('{"Network":"10.77.0.0/16","Backend":{"Type":"vxlan","VNI":7}}');
    await waitFor(async () => (await a.status()).own.standing === 'unfit', 'a to see it');
    expect((await a.status()).own.problem).toMatch(
      /does not fit the network any more, and is kept; --force-new/,
    );
    expect((await a.status()).own.subnets).toEqual([a.subnet]);
    await flannel.config('{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan","VNI":7}}');
    await waitFor(async () => (await a.status()).own.standing === 'held', 'a to fit again');
    await waitFor(async () => (await a.status()).peers.length === 1, 'b to be a peer again');
    await reach();
  });

  it('is hostile: each is refused with its reason, while the traffic of others goes on', async () => {
    const [first, second] = [a.subnet, b.subnet].map((subnet) => Number(subnet.split('.')[2]));
    const free = Array.from({ length: 250 }, (_, at) => at + 2).filter((n) => n !== first && n !== second);
    const lease = (ip: string, mac: string) =>
      `{"PublicIP":"${ip}","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":7,"VtepMAC":"${mac}"}}`;
    const good = lease('192.0.2.60', '02:00:00:00:00:60');
    const hostile: [string, string, string][] = [
      [`10.5.${free[0]}.0-24`, 'json', 'nonsense'],
      [`10.5.${free[1]}.0-24`, 'too large', `{"PublicIP":"192.0.2.61"${' '.repeat(10 << 20)}}`],
      [`10.5.${free[2]}.0-24`, 'mac', lease('192.0.2.62', 'ff:ff:ff:ff:ff:ff')],
      [`10.5.${free[3]}.0-24`, 'address', lease('224.0.0.1', '02:00:00:00:00:63')],
      [`10.5.${free[4]}.0-24`, 'own address', lease('192.0.2.1', '02:00:00:00:00:64')],
      ['10.99.0.0-24', 'outside the network', lease('192.0.2.65', '02:00:00:00:00:65')],
      ['0.0.0.0-0', 'key', good],
      [a.subnet.replace('0/24', '128-25'), 'own subnet', lease('192.0.2.66', '02:00:00:00:00:66')],
      [b.subnet.replace('0/24', '128-25'), 'overlaps', lease('192.0.2.67', '02:00:00:00:00:67')],
      ['../../etc/passwd', 'key', good],
      [`10.5.${free[5]}.0-24; rm -rf`, 'key', good],
    ];
    a.beLenient('flannel.7');
    const stream = await Stream.start(c.host, d.host, d.ip, 7000, 5000);
    for (const [key, , value] of hostile) await flannel.etcd.put(`${PREFIX}/subnets/${key}`, value);
    await flannel.etcd.put(`${PREFIX}/subnets/10.5.${free[6]}.0-24`, good);
    await waitFor(async () => (await a.status()).peers.length === 2, 'the good one among them');
    const { refused, peers } = await a.status();
    expect(refused.map(({ key, reason }) => [key, reason]).sort()).toEqual(
      hostile.map(([key, reason]) => [key, reason]).sort(),
    );
    expect(peers.map(({ subnet }) => subnet).sort()).toEqual([b.subnet, `10.5.${free[6]}.0/24`].sort());
    expect(await a.verb('status')).toMatch(/11 leases are not used \(/);
    const { sent, arrived } = await stream.end();
    expect(arrived).toBe(sent);
    for (const [key] of hostile) await flannel.etcd.delete(`${PREFIX}/subnets/${key}`);
    await waitFor(async () => (await a.status()).refused.length === 0, 'them to be forgotten');
    expect(a.run.code).toBeUndefined();
  });
});
