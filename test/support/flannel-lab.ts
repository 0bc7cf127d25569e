/**
 * Two hosts of a flannel network: one that we program, and one that `ip` and `bridge` have, in flannel's order.
 *
 *   a [ cni0 10.5.1.1, 2001:cafe:42:1::1 ] 192.0.2.1, 2001:db8::1 ──── 192.0.2.2, 2001:db8::2 [ cni0 10.5.2.1, 2001:cafe:42:2::1 ] b
 *     flannel.1, flannel-v6.1: vtep                                    flannel.1, flannel-v6.1: the kernel
 */
import type { HostSettings } from '../../src/flannel/host/host.ts';
import type { Peer } from '../../src/flannel/host/peer.ts';
import { DaemonProcess } from './daemon-process.ts';
import { FlannelHost } from './flannel-host.ts';
import { type Host, Lab } from './netns.ts';

export const OURS: HostSettings = {
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
export const B4: Peer = {
  subnet: '10.5.2.0/24',
  gateway: '10.5.2.0',
  mac: '02:00:00:00:00:02',
  remote: '192.0.2.2',
};
export const B6: Peer = {
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

export const NOTHING = { neighbors: [], routes: [], fdb: [] };
export const ALL_OF_B = {
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
};
export const ONLY_IPV4: HostSettings = { ...OURS, ipv6: undefined };
export const OF_B4 = {
  neighbors: [ALL_OF_B.neighbors[0]],
  routes: [ALL_OF_B.routes[0]],
  fdb: [ALL_OF_B.fdb[0]],
};

export interface State {
  neighbors: string[];
  routes: string[];
  fdb: string[];
}

export class FlannelLab extends Lab {
  readonly a = this.host('a');
  readonly b = this.host('b');
  daemon!: DaemonProcess;
  flannel!: FlannelHost;

  static async open(): Promise<FlannelLab> {
    const lab = new FlannelLab();
    const { a, b } = lab;
    lab.cable(a, ['192.0.2.1/24', '2001:db8::1/64'], b, ['192.0.2.2/24', '2001:db8::2/64']);
    await kernelNode(b);
    lab.daemon = await DaemonProcess.start(lab, a);
    lab.flannel = new FlannelHost(lab.daemon);
    return lab;
  }

  /** Lines of `ip` in a, sorted. */
  async told(words: string): Promise<string[]> {
    return (await this.a.run('ip', '-N', ...words.split(' ')))
      .split('\n')
      .map((line) => line.trim().replace(/ metric 1024.*$/, ''))
      .filter((line) => line !== '')
      .sort();
  }

  /** All that is ours, as `ip` and `vtep fdb show` tell it. */
  async state(): Promise<State> {
    const fdb = (await this.daemon.verb('fdb show')).split('\n');
    return {
      neighbors: await this.told('neigh show nud permanent'),
      routes: [...(await this.told('route show proto 118')), ...(await this.told('-6 route show proto 118'))],
      fdb: fdb.filter((line) => line.includes('extern_learn')).sort(),
    };
  }

  /** A container on the bridge of a, as it is attached by hand. */
  container(): Host {
    const inside = this.host('container');
    this.a.ip(`link add c0 type veth peer name eth0 netns ${inside.netns}`, 'link set c0 master cni0 up');
    inside.ip('address add 10.5.1.2/24 dev eth0', 'address add 2001:cafe:42:1::2/64 dev eth0');
    inside.ip(
      'link set eth0 up',
      'route add default via 10.5.1.1',
      'route add default via 2001:cafe:42:1::1',
    );
    return inside;
  }
}
