/**
 * Two families in one network, each over its own underlay; and a network of IPv6 alone.
 *
 *   a [ c ]                       b [ c ]
 *   192.0.2.1  2001:db8::1        192.0.2.2  2001:db8::2       etcd 192.0.2.100
 *      └───────────────── switch ─────┴──────────────────────────┘
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FlannelLab, type FlannelNode } from '../support/flannel.ts';
import { Lab } from '../support/netns.ts';
import { waitFor } from '../support/wait-for.ts';

describe.each([
  ['both families', ['--network', '10.5.0.0/16', '--ipv6-network', '2001:cafe:42::/56'], ['ipv4', 'ipv6']],
  ['IPv6 alone', ['--ipv6-network', '2001:cafe:42::/56'], ['ipv6']],
] as const)('a flannel network of %s', (_, words, families) => {
  const lab = new Lab();
  let flannel: FlannelLab;
  let a: FlannelNode;
  let b: FlannelNode;

  beforeAll(async () => {
    flannel = await FlannelLab.open(lab);
    [a, b] = [flannel.node('a', 1), flannel.node('b', 2)];
    for (const { host } of [a, b]) await host.settled('eth0');
    await a.verb('init', ...words);
    await Promise.all([a.start(), b.start()]);
  });
  afterAll(() => flannel.close());

  const file = (node: FlannelNode) => readFileSync(node.subnetFile, 'utf8');
  const gateway = (node: FlannelNode, family: string) =>
    new RegExp(`^FLANNEL${family === 'ipv6' ? '_IPV6' : ''}_SUBNET=(.*)/`, 'm').exec(
      file(node),
    )?.[1] as string;

  it('has a tunnel for each, of the size that its underlay leaves', async () => {
    for (const node of [a, b]) {
      await waitFor(
        async () => (await node.status()).tunnels.every((each) => each.programmed === 1),
        'its peer',
      );
      const { tunnels, own } = await node.status();
      const expected = {
        ipv4: { device: 'flannel.1', mtu: 1450, local: node.address },
        ipv6: { device: 'flannel-v6.1', mtu: 1430, local: node.address.replace('192.0.2.', '2001:db8::') },
      };
      expect(tunnels).toMatchObject(families.map((family) => expected[family]));
      expect(own.subnets).toHaveLength(families.length);
      expect(file(node)).toContain('FLANNEL_MTU=1430');
    }
  });

  it('reaches the gateways and the containers of the other', async () => {
    const [base, length] = gateway(b, 'ipv6').split(/(?=1$)/);
    expect(length).toBe('1');
    const container = lab.host('c');
    b.host.ip(
      `link add veth2 type veth peer name eth0 netns ${container.netns}`,
      'link set veth2 mtu 1430 master cni0 up',
    );
    container.ip(
      `address add ${base}2/64 dev eth0`,
      'link set eth0 mtu 1430 up',
      `route add default via ${base}1`,
    );
    for (const family of families) {
      expect(await a.host.ping(gateway(b, family))).toBe(2);
      expect(await b.host.ping(gateway(a, family))).toBe(2);
    }
    expect(await a.host.ping(`${base}2`)).toBe(2);
    expect(await a.host.ping(`${base}2`, '-s', '1382', '-M', 'do')).toBe(2);
    const [peer] = (await a.status()).peers.filter(({ subnet }) => subnet.includes(':'));
    const routes = await a.host.run('ip', '-6', 'route', 'show', peer.subnet);
    expect(routes).toContain(`via ${base} dev flannel-v6.1`);
  });

  it('has leases as flannel writes them', async () => {
    const { key = '' } = (await a.status()).own;
    const { kvs } = (await flannel.etcd.call('kv/range', {
      key: Buffer.from(`/coreos.com/network/subnets/${key}`).toString('base64'),
    })) as { kvs: { value: string }[] };
    const value = Buffer.from(kvs[0].value, 'base64').toString();
    const mac = '"VtepMAC":"[0-9a-f:]{17}"';
    const v6 = `"BackendV6Data":{"VNI":1,${mac}}`;
    const expected =
      families.length === 2
        ? `^{"PublicIP":"192.0.2.1","PublicIPv6":"2001:db8::1","BackendType":"vxlan","BackendData":{"VNI":1,${mac}},${v6}}$`
        : `^{"PublicIP":"0.0.0.0","PublicIPv6":"2001:db8::1","BackendType":"vxlan",${v6}}$`;
    expect(value).toMatch(new RegExp(expected));
  });

  it('is left without a trace', async () => {
    for (const node of [a, b]) {
      expect(await node.verb('leave')).toContain('the lease was given back');
      expect(await node.host.run('ip', '-br', 'link')).not.toMatch(/flannel|cni0/);
      expect(await node.host.run('ip', '-6', 'route', 'show', '2001:cafe:42::/56')).toBe('');
    }
  });
});
