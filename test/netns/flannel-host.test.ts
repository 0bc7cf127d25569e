/** What a flannel node makes on its own host, with `ip` and a node of the kernel as the judges (`flannel-lab.ts`). */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OwnEnd } from '../../src/flannel/host/host.ts';
import type { Peer } from '../../src/flannel/host/peer.ts';
import { DaemonProcess } from '../support/daemon-process.ts';
import { FlannelHost } from '../support/flannel-host.ts';
import {
  ALL_OF_B,
  B4,
  B6,
  FlannelLab,
  NOTHING,
  OF_B4,
  ONLY_IPV4,
  OURS,
  type State,
} from '../support/flannel-lab.ts';
import type { Host } from '../support/netns.ts';
import { waitFor } from '../support/wait-for.ts';

let lab: FlannelLab;
let a: Host;
let b: Host;
let flannel: FlannelHost;

beforeEach(async () => {
  lab = await FlannelLab.open();
  ({ a, b, flannel } = lab);
});
afterEach(() => lab.close());

/** Of many peers, all at addresses where nobody is. */
function peerOf(n: number): Peer {
  const gateway = `10.5.${n & 255}.${(n >> 8) << 4}`;
  const mac = `02:00:00:01:${[n >> 8, n & 255].map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`;
  return { subnet: `${gateway}/28`, gateway, mac, remote: `198.18.${n >> 8}.${n & 255}` };
}
const manyPeers = (count: number) => Array.from({ length: count }, (_, at) => peerOf(at + 16));

function needed(peers: readonly Peer[]): State {
  const lines = (line: (peer: Peer) => string) => peers.map(line).sort();
  return {
    neighbors: lines(({ gateway, mac }) => `${gateway} dev flannel.1 lladdr ${mac} PERMANENT proto 118`),
    routes: lines(({ subnet, gateway }) => `${subnet} via ${gateway} dev flannel.1 onlink`),
    fdb: lines(({ mac, remote }) => `${mac} dev flannel.1 dst ${remote} self extern_learn permanent`),
  };
}

describe('the host of a flannel node', () => {
  it('carries containers of both families to and from a node of the kernel, and leaves nothing behind', async () => {
    const before = [await a.run('ip', 'link'), await a.run('ip', 'route')];
    await flannel.become(OURS);
    await flannel.bridge();
    await flannel.want('ipv4', [B4]);
    await flannel.want('ipv6', [B6]);
    expect(await lab.state()).toEqual(ALL_OF_B);
    const { ipv4, ipv6 } = await flannel.report();
    expect(ipv4).toMatchObject({ wanted: 1, programmed: 1, failing: [], device: 'flannel.1' });
    expect(ipv6).toMatchObject({ wanted: 1, programmed: 1, failing: [], device: 'flannel-v6.1' });
    const inside = lab.container();
    expect(await inside.ping('10.5.2.1')).toBe(2);
    expect(await b.ping('10.5.1.2', '-I', '10.5.2.1')).toBe(2);
    expect(await inside.ping('2001:cafe:42:2::1')).toBe(2);
    expect(await b.ping('2001:cafe:42:1::2', '-I', '2001:cafe:42:2::1')).toBe(2);
    // what fills the tunnel: 1450 over IPv4, 1430 over IPv6
    expect(await a.ping('10.5.2.1', '-M', 'do', '-s', '1422')).toBe(2);
    expect(await a.ping('2001:cafe:42:2::1', '-M', 'do', '-s', '1382')).toBe(2);
    await flannel.leave();
    expect(await lab.state()).toEqual(NOTHING);
    expect([await a.run('ip', 'link'), await a.run('ip', 'route')]).toEqual([
      expect.stringContaining(before[0].split('link/ether')[0]),
      before[1],
    ]);
    expect(await a.run('ip', 'link')).not.toMatch(/flannel|cni0/);
  });

  it('has a tunnel as the kernel would have made it', async () => {
    await flannel.become(OURS);
    await flannel.want('ipv4', []);
    await flannel.want('ipv6', []);
    const ours = await lab.daemon.json<{ ifname: string; linkinfo: { info_data: object } }[]>('-d link show');
    const theirs = await b.json<typeof ours>('ip', '-j', '-d', 'link', 'show', 'type', 'vxlan');
    const words = (links: typeof ours) =>
      links.map(({ ifname, linkinfo: { info_data } }) => {
        const { id, link, port, learning } = info_data as Record<string, unknown>;
        return { ifname, id, link, port, learning };
      });
    expect(words(ours)).toEqual(words(theirs));
    const addresses = await lab.told('-o address show scope global');
    expect(
      addresses.filter((line) => line.includes('flannel')).map((line) => line.split(' scope')[0]),
    ).toEqual([
      expect.stringMatching(/flannel\.1 +inet 10\.5\.1\.0\/32$/),
      expect.stringMatching(/flannel-v6\.1 +inet6 2001:cafe:42:1::\/128$/),
    ]);
  });

  it('is mended where somebody has changed it', async () => {
    await flannel.become({ ...ONLY_IPV4, bridge: 'cni0' });
    await flannel.bridge();
    await flannel.want('ipv4', [B4]);
    a.ip('link set flannel.1 down', 'link set flannel.1 address 02:00:00:00:99:99 mtu 1300');
    a.ip('address flush dev flannel.1', 'address flush dev cni0', 'link set cni0 down mtu 1000');
    await lab.daemon.verb('fdb flush dev flannel.1');
    await lab.daemon.verb('link set flannel.1 type vxlan learning id 7');
    await flannel.soon();
    await flannel.bridge();
    expect(await lab.state()).toEqual(OF_B4);
    const [link] = await a.json<object[]>('ip', '-j', 'link', 'show', 'flannel.1');
    expect(link).toMatchObject({ address: '02:00:00:00:00:01', mtu: 1450, ifalias: 'vtep-flannel' });
    expect(await lab.daemon.verb('-d link show')).toMatch(/vxlan id 1 .* nolearning /);
    expect(await a.ping('10.5.2.1', '-I', '10.5.1.1')).toBe(2);
    a.ip('link del flannel.1');
    await flannel.soon();
    expect(await lab.state()).toEqual(OF_B4);
    expect(await a.ping('10.5.2.1', '-I', '10.5.1.1')).toBe(2);
  });

  it('is another when the network gives it another subnet or another VNI', async () => {
    await flannel.become(OURS);
    await flannel.bridge();
    await flannel.want('ipv4', [B4]);
    await flannel.want('ipv6', [B6]);
    const ipv4 = { ...(OURS.ipv4 as OwnEnd), subnet: '10.5.9.0/24' };
    await flannel.become({ ...OURS, ipv4, vni: 5, port: 4789 });
    await flannel.want('ipv4', [B4]);
    await flannel.want('ipv6', [B6]);
    await flannel.bridge();
    expect(await lab.told('-o -4 address show scope global')).toEqual([
      expect.stringMatching(/eth0 /),
      expect.stringMatching(/cni0 +inet 10\.5\.9\.1\/24 /),
      expect.stringMatching(/flannel\.5 +inet 10\.5\.9\.0\/32 /),
    ]);
    const renamed = (lines: string[]) => lines.map((line) => line.replace(/(flannel\S*)\.1\b/, '$1.5'));
    const { neighbors, routes, fdb } = ALL_OF_B;
    expect(await lab.state()).toEqual({
      neighbors: renamed(neighbors),
      routes: renamed(routes),
      fdb: renamed(fdb),
    });
    expect(await a.run('ip', 'link')).not.toMatch(/flannel\S*\.1\b/);
  });

  it('waits, with a sentence, where a link of the kernel has the name', async () => {
    a.ip('link add flannel.1 type vxlan id 1 dstport 8472 local 192.0.2.1');
    await flannel.become(ONLY_IPV4);
    await flannel.want('ipv4', [B4]);
    expect((await flannel.report()).ipv4?.away).toMatch(
      /^flannel\.1 is a link of the kernel, as flanneld makes it: .*`ip link del flannel\.1`.* \(EEXIST\)$/,
    );
    a.ip('link del flannel.1');
    await flannel.later(1000);
    await flannel.soon();
    expect(await lab.state()).toEqual(OF_B4);
    expect((await flannel.said()).length).toBe(2);
  });

  it('does not touch what others have made, and says what is in the way', async () => {
    await flannel.become(ONLY_IPV4);
    await flannel.want('ipv4', []);
    const foreign = ['10.5.2.0/24 via 192.0.2.9 dev eth0', '10.9.0.0/16 via 192.0.2.9 dev eth0'];
    a.ip(...foreign.map((route) => `route add ${route}`));
    a.ip('neigh add 10.5.3.0 lladdr 02:00:00:00:00:33 dev flannel.1');
    await lab.daemon.verb('fdb add 02:00:00:00:00:04 dev flannel.1 dst 192.0.2.44');
    const peers = [B4, 3, 4, 5].map((n) =>
      typeof n === 'number'
        ? {
            subnet: `10.5.${n}.0/24`,
            gateway: `10.5.${n}.0`,
            mac: `02:00:00:00:00:0${n}`,
            remote: `192.0.2.${n}`,
          }
        : n,
    );
    await flannel.want('ipv4', peers);
    const failing = (await flannel.report()).ipv4?.failing.map(({ sentence }) => sentence).sort();
    expect(failing).toEqual([
      "the entry 02:00:00:00:00:04 dst 192.0.2.44 of flannel.1 is somebody else's, and is not changed: it has to go first (EEXIST)",
      "the neighbour 10.5.3.0 with 02:00:00:00:00:33 on flannel.1 is somebody else's, and is not changed: it has to go first (EEXIST)",
      "the route to 10.5.2.0/24 is somebody else's, and is not changed: it has to go first (EEXIST)",
    ]);
    const theirs = async () => [
      ...(await lab.told('route show proto boot')),
      ...(await lab.told('neigh show nud permanent')).filter((line) => !line.includes('proto')),
      ...(await lab.daemon.verb('fdb show'))
        .split('\n')
        .filter((line) => line !== '' && !line.includes('extern_learn')),
    ];
    const was = [
      ...foreign,
      '10.5.3.0 dev flannel.1 lladdr 02:00:00:00:00:33 PERMANENT',
      '02:00:00:00:00:04 dev flannel.1 dst 192.0.2.44 self permanent',
    ];
    expect(await theirs()).toEqual(was);
    expect((await lab.state()).routes).toEqual(['10.5.5.0/24 via 10.5.5.0 dev flannel.1 onlink']);
    await flannel.want('ipv4', []);
    expect(await theirs()).toEqual(was);
    a.ip(`route del ${foreign[0]}`);
    await flannel.want('ipv4', [B4]);
    expect(await lab.state()).toMatchObject({ routes: OF_B4.routes, fdb: OF_B4.fdb });
  });

  it('has its peers again after the daemon was killed', async () => {
    await flannel.become({ ...ONLY_IPV4, bridge: 'cni0' });
    await flannel.bridge();
    await flannel.want('ipv4', [B4]);
    await lab.daemon.end('SIGKILL');
    await waitFor(async () => (await flannel.report()).ipv4?.away, 'it to be seen that the daemon has gone');
    const another = new DaemonProcess(a, lab.daemon.socket, []);
    await another.ready();
    await waitFor(async () => (await flannel.report()).ipv4?.programmed === 1, 'all to be made anew', 30_000);
    expect(await lab.state()).toEqual(OF_B4);
    expect(await a.ping('10.5.2.1', '-I', '10.5.1.1')).toBe(2);
  });

  it('is mended by a new process after one was killed in the middle, and no packet is lost', async () => {
    const [first, second] = [
      [...manyPeers(1000), B4],
      [...manyPeers(1200).slice(500), B4],
    ];
    a.ip('route add 10.9.0.0/16 via 192.0.2.9');
    await flannel.become(ONLY_IPV4);
    await flannel.want('ipv4', [B4]);
    const going = a.ping('10.5.2.1', '-I', '10.5.1.0', '-c', '400', '-i', '0.01');
    await flannel.begin('ipv4', first);
    await waitFor(async () => (await lab.told('neigh show nud permanent')).length > 100, 'some peers');
    await flannel.kill();
    const left = await lab.state();
    expect(left.routes.length).toBeLessThan(1000);
    const fresh = new FlannelHost(lab.daemon);
    await fresh.become(ONLY_IPV4);
    await fresh.want('ipv4', second);
    expect(await lab.state()).toEqual(needed(second));
    expect(await lab.told('route show proto boot')).toEqual(['10.9.0.0/16 via 192.0.2.9 dev eth0']);
    expect(await going).toBe(400);
  });

  it('programs a thousand leases in a moment, and traffic goes on when the process is killed', async () => {
    await flannel.become(ONLY_IPV4);
    await flannel.want('ipv4', [B4]);
    const idle = await flannel.memory();
    const peers = [B4, ...manyPeers(1000)];
    const took = await flannel.want('ipv4', peers);
    const grown = (await flannel.memory()) - idle;
    expect(await lab.state()).toEqual(needed(peers));
    expect(took).toBeLessThan(15_000);
    expect(grown).toBeLessThan(100e6);
    await flannel.kill();
    expect(await a.ping('10.5.2.1', '-I', '10.5.1.0')).toBe(2);
    expect((await lab.state()).routes.length).toBe(1001);
  });
});
