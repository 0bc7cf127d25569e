/**
 * What a flannel node makes on its own host, against a peer that is configured in flannel's order by `ip` and `bridge`.
 *
 *   a [ cni0 10.5.1.1, 2001:cafe:42:1::1 ] 192.0.2.1, 2001:db8::1 ──── 192.0.2.2, 2001:db8::2 [ cni0 10.5.2.1, 2001:cafe:42:2::1 ] b
 *     flannel.1, flannel-v6.1: vtep                                    flannel.1, flannel-v6.1: the kernel
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostSettings } from '../../src/flannel/host.ts';
import type { Peer } from '../../src/flannel/peer.ts';
import { DaemonProcess } from '../support/daemon-process.ts';
import { FlannelHost } from '../support/flannel-host.ts';
import { type Host, Lab } from '../support/netns.ts';

const OURS: HostSettings = {
  vni: 1,
  port: 8472,
  learning: false,
  directRouting: false,
  external: { name: 'eth0', mtu: 1500 },
  ipv4: { local: '192.0.2.1', mac: '02:00:00:00:00:01', network: '10.5.0.0/16', subnet: '10.5.1.0/24' },
  ipv6: {
    local: '2001:db8::1',
    mac: '02:00:00:00:06:01',
    network: '2001:cafe:42::/56',
    subnet: '2001:cafe:42:1::/64',
  },
  bridge: 'cni0',
  masquerade: false,
};
const B4: Peer = {
  subnet: '10.5.2.0/24',
  gateway: '10.5.2.0',
  mac: '02:00:00:00:00:02',
  remote: '192.0.2.2',
};
const B6: Peer = {
  subnet: '2001:cafe:42:2::/64',
  gateway: '2001:cafe:42:2::',
  mac: '02:00:00:00:06:02',
  remote: '2001:db8::2',
};

/** Flannel's order: device, neighbour, forwarding entry, route. */
async function kernelNode(host: Host): Promise<void> {
  const node = async (name: string, words: string, own: string, peer: Peer) => {
    host.ip(`link add ${name} address ${words} dev eth0 nolearning`, `address add ${own} dev ${name}`);
    host.ip(`link set ${name} up`, `neigh add ${peer.gateway} lladdr ${peer.mac} dev ${name} nud permanent`);
    await host.run(
      'bridge',
      ...`fdb add ${peer.mac} dev ${name} dst ${peer.remote} self permanent`.split(' '),
    );
    host.ip(`route add ${peer.subnet} via ${peer.gateway} dev ${name} onlink`);
  };
  const { ipv4, ipv6 } = OURS;
  const from = { gateway: '10.5.1.0', subnet: '10.5.1.0/24', mac: ipv4?.mac ?? '', remote: '192.0.2.1' };
  await node('flannel.1', `${B4.mac} type vxlan id 1 dstport 8472 local 192.0.2.2`, '10.5.2.0/32', from);
  const from6 = {
    ...from,
    gateway: '2001:cafe:42:1::',
    subnet: '2001:cafe:42:1::/64',
    remote: '2001:db8::1',
  };
  const words = `${B6.mac} type vxlan id 1 dstport 8472 local 2001:db8::2`;
  await node('flannel-v6.1', words, '2001:cafe:42:2::/128', { ...from6, mac: ipv6?.mac ?? '' });
  host.ip(
    'link add cni0 type bridge',
    'address add 10.5.2.1/24 dev cni0',
    'address add 2001:cafe:42:2::1/64 dev cni0',
  );
  host.ip('link set cni0 up');
}

let lab: Lab;
let a: Host;
let b: Host;
let daemon: DaemonProcess;
let flannel: FlannelHost;

beforeEach(async () => {
  lab = new Lab();
  [a, b] = [lab.host('a'), lab.host('b')];
  lab.cable(a, ['192.0.2.1/24', '2001:db8::1/64'], b, ['192.0.2.2/24', '2001:db8::2/64']);
  await kernelNode(b);
  daemon = await DaemonProcess.start(lab, a);
  flannel = new FlannelHost(daemon);
});
afterEach(() => lab.close());

const told = async (words: string) =>
  (await a.run('ip', '-N', ...words.split(' ')))
    .split('\n')
    .map((line) => line.trim().replace(/ metric 1024.*$/, ''))
    .filter((line) => line !== '')
    .sort();

/** All that is ours, as `ip` and `vtep fdb show` tell it. */
async function state(): Promise<{ neighbors: string[]; routes: string[]; fdb: string[] }> {
  const fdb = (await daemon.verb('fdb show')).split('\n').filter((line) => line.includes('extern_learn'));
  return {
    neighbors: await told('neigh show nud permanent'),
    routes: [...(await told('route show proto 118')), ...(await told('-6 route show proto 118'))],
    fdb: fdb.sort(),
  };
}

describe('a flannel host', () => {
  it('carries both families to and from a node of the kernel', async () => {
    await flannel.become(OURS);
    await flannel.bridge();
    await flannel.want('ipv4', [B4]);
    await flannel.want('ipv6', [B6]);
    expect(await state()).toEqual({
      neighbors: [
        '10.5.2.0 dev flannel.1 lladdr 02:00:00:00:00:02 PERMANENT proto 118',
        '2001:cafe:42:2:: dev flannel-v6.1 lladdr 02:00:00:00:06:02 PERMANENT proto 118',
      ],
      routes: [
        '10.5.2.0/24 via 10.5.2.0 dev flannel.1 onlink',
        '2001:cafe:42:2::/64 via 2001:cafe:42:2:: dev flannel-v6.1',
      ],
      fdb: [
        '02:00:00:00:00:02 dev flannel.1 dst 192.0.2.2 self extern_learn permanent',
        '02:00:00:00:06:02 dev flannel-v6.1 dst 2001:db8::2 self extern_learn permanent',
      ],
    });
    const { ipv4, ipv6 } = await flannel.report();
    expect(ipv4).toMatchObject({ wanted: 1, programmed: 1, failing: [], device: 'flannel.1' });
    expect(ipv6).toMatchObject({ wanted: 1, programmed: 1, failing: [], device: 'flannel-v6.1' });
    expect(await a.ping('10.5.2.1', '-I', '10.5.1.1')).toBe(2);
    expect(await b.ping('10.5.1.1', '-I', '10.5.2.1')).toBe(2);
    expect(await a.ping('2001:cafe:42:2::1', '-I', '2001:cafe:42:1::1')).toBe(2);
    expect(await b.ping('2001:cafe:42:1::1', '-I', '2001:cafe:42:2::1')).toBe(2);
  });
});
