/**
 * What of a flannel host is not the tunnel: ways without it, the bridge, the masquerading (`flannel-lab.ts`).
 *
 *   container 10.5.1.2 ── cni0 of a ──── b, and behind it 198.51.100.1 and 2001:db8:9::1
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostSettings } from '../../src/flannel/host/host.ts';
import type { FlannelHost } from '../support/flannel-host.ts';
import { ALL_OF_B, B4, B6, FlannelLab, NOTHING, ONLY_IPV4, OURS } from '../support/flannel-lab.ts';
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

describe('direct routing', () => {
  const DIRECT: HostSettings = { ...OURS, directRouting: true };
  const ONLY_ROUTES = {
    neighbors: [],
    routes: ['10.5.2.0/24 via 192.0.2.2 dev eth0', '2001:cafe:42:2::/64 via 2001:db8::2 dev eth0'],
    fdb: [],
  };

  it('sends to a peer of the same link without the tunnel, as long as it is on it', async () => {
    await flannel.become(DIRECT);
    await flannel.want('ipv4', [B4]);
    await flannel.want('ipv6', [B6]);
    expect(await lab.state()).toEqual(ONLY_ROUTES);
    b.ip('route replace 10.5.1.0/24 via 192.0.2.1', 'route replace 2001:cafe:42:1::/64 via 2001:db8::1');
    expect(await a.ping('10.5.2.1', '-I', '10.5.1.0')).toBe(2);
    expect(await a.ping('2001:cafe:42:2::1', '-I', '2001:cafe:42:1::')).toBe(2);
    a.ip('route add 192.0.2.2/32 via 192.0.2.9', 'route add 2001:db8::2/128 via 2001:db8::9');
    await flannel.soon();
    expect(await lab.state()).toEqual(ALL_OF_B);
    a.ip('route del 192.0.2.2/32', 'route del 2001:db8::2/128');
    await flannel.soon();
    expect(await lab.state()).toEqual(ONLY_ROUTES);
    await flannel.leave();
    expect(await lab.state()).toEqual(NOTHING);
  });
});

describe('the bridge', () => {
  it('of others is used, and left as it was', async () => {
    a.ip('link add cni0 type bridge', 'address add 172.16.0.1/24 dev cni0', 'link set cni0 up');
    await flannel.become(ONLY_IPV4);
    await flannel.bridge();
    await flannel.bridge();
    const told4 = async () =>
      (await lab.told('-o -4 address show dev cni0')).map((line) => line.split(/ +/)[3]);
    expect(await told4()).toEqual(['10.5.1.1/24', '172.16.0.1/24']);
    await flannel.leave();
    expect(await told4()).toEqual(['172.16.0.1/24']);
  });

  it('of ours keeps its MAC when a container comes', async () => {
    await flannel.become(ONLY_IPV4);
    await flannel.bridge();
    const mac = async () =>
      (await a.json<{ address: string }[]>('ip', '-j', 'link', 'show', 'cni0'))[0].address;
    const before = await mac();
    const inside = lab.container();
    a.ip('link set c0 address 00:00:00:00:00:01');
    expect(await mac()).toBe(before);
    expect(await inside.ping('10.5.1.1')).toBe(2);
    expect(await a.run('sysctl', '-n', 'net.ipv4.ip_forward')).toBe('1\n');
  });

  it('is refused where another kind of interface has the name', async () => {
    await flannel.become({ ...ONLY_IPV4, bridge: 'eth0' });
    await expect(flannel.bridge()).rejects.toThrow(
      '--bridge eth0: an interface of this name is there, and it is no bridge (EEXIST)',
    );
  });
});

describe('masquerading', () => {
  const MASQUERADED: HostSettings = { ...OURS, masquerade: true };
  const rules = (place: Host) => place.run('nft', '-a', 'list', 'ruleset');

  it('gives packets to elsewhere the address of this host, and those within the network none', async () => {
    b.ip('address add 198.51.100.1/24 dev eth0', 'address add 2001:db8:9::1/64 dev eth0');
    a.ip('route add 198.51.100.0/24 via 192.0.2.2', 'route add 2001:db8:9::/64 via 2001:db8::2');
    await flannel.become(MASQUERADED);
    await flannel.bridge();
    await flannel.want('ipv4', [B4]);
    await flannel.want('ipv6', [B6]);
    await flannel.masquerade();
    const inside = lab.container();
    const seen = async (device: string, to: string) => {
      const capture = b.spawn(
        'tcpdump',
        '-nli',
        device,
        '-c',
        '1',
        `(icmp or icmp6) and dst host ${to} and not arp`,
      );
      let [said, told] = ['', ''];
      capture.stdout?.on('data', (chunk) => {
        said += chunk;
      });
      capture.stderr?.on('data', (chunk) => {
        told += chunk;
      });
      await waitFor(() => told.includes('listening on'), 'tcpdump');
      const came = await inside.ping(to);
      await waitFor(() => said.includes('\n'), 'the packet');
      return [came, / IP6? (\S+) > /.exec(said)?.[1]];
    };
    expect(await seen('eth0', '198.51.100.1')).toEqual([2, '192.0.2.1']);
    expect(await seen('eth0', '2001:db8:9::1')).toEqual([2, '2001:db8::1']);
    expect(await seen('flannel.1', '10.5.2.1')).toEqual([2, '10.5.1.2']);
    expect(await seen('flannel-v6.1', '2001:cafe:42:2::1')).toEqual([2, '2001:cafe:42:1::2']);
  });

  it('is there again when somebody has flushed it, and touches nothing of others', async () => {
    await a.run('nft', 'add table ip theirs; add chain ip theirs c; add rule ip theirs c counter');
    const before = await rules(a);
    await flannel.become(MASQUERADED);
    await flannel.masquerade();
    const first = await rules(a);
    expect(first).toContain(before.trim());
    expect(first).toMatch(
      /table ip vtep-flannel[\s\S]*ip saddr 10\.5\.0\.0\/16 ip daddr != 224\.0\.0\.0\/4 masquerade/,
    );
    expect(first).toMatch(
      /table ip6 vtep-flannel[\s\S]*ip6 saddr 2001:cafe:42::\/56 ip6 daddr != ff00::\/8 masq/,
    );
    await flannel.masquerade();
    expect(await rules(a)).toBe(first);
    await a.run('nft', 'flush', 'table', 'ip', 'vtep-flannel');
    await a.run('nft', 'delete', 'table', 'ip6', 'vtep-flannel');
    await flannel.masquerade();
    expect((await rules(a)).replaceAll(/handle \d+/g, '')).toBe(first.replaceAll(/handle \d+/g, ''));
    await flannel.leave();
    expect(await rules(a)).toBe(before);
  });
});
