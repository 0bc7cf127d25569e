/**
 * Senders of packets that do not fit the path are told so, with the kernel as the oracle, which does it for ports of a
 * bridge: the same frames to both.
 *
 *   kernel [ br0 + vx0 ] 192.0.2.1 ──── 192.0.2.2 peer          ours, between two ports of the test
 */
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DaemonProcess } from '../support/daemon-process.ts';
import { PATH_DIFFERENCES } from '../support/differences.ts';
import { KernelLink } from '../support/kernel-link.ts';
import { Lab } from '../support/netns.ts';
import { scapy } from '../support/scapy.ts';
import { transfer } from '../support/transfer.ts';
import { TRANSPORTS, VtepProcess } from '../support/vtep-process.ts';
import { waitFor } from '../support/wait-for.ts';
import { outcomeOf, world } from '../support/world.ts';

/** What an Ethernet of 1500 bytes leaves. */
const MTU = 1450;

const MAKE = `
def packet(size, what="udp", src=None, dst=None, to="02:00:00:00:00:66", flags="DF", options=False, ttl=64, tag=None):
    frame = Ether(src="02:00:00:00:00:55", dst=to)
    if tag: frame = frame / Dot1Q(vlan=tag)
    six = what.endswith("6")
    if six: ip = IPv6(src=src or "fd00::1", dst=dst or "fd00::2", hlim=ttl)
    else: ip = IP(src=src or "10.0.0.1", dst=dst or "10.0.0.2", ttl=ttl, flags=flags, id=7, options=[IPOption_NOP()] * 4 if options else [])
    inside = {
        "udp": lambda: UDP(sport=1, dport=2), "udp6": lambda: UDP(sport=1, dport=2),
        "tcp": lambda: TCP(sport=1, dport=2), "tcp6": lambda: TCP(sport=1, dport=2),
        "echo": lambda: ICMP(), "unreachable": lambda: ICMP(type=3, code=1), "exceeded": lambda: ICMP(type=11),
        "quench": lambda: ICMP(type=4), "redirect": lambda: ICMP(type=5), "problem": lambda: ICMP(type=12),
        "timestamp": lambda: ICMP(type=13),
        "echo6": lambda: ICMPv6EchoRequest(), "unreachable6": lambda: ICMPv6DestUnreach(), "toobig6": lambda: ICMPv6PacketTooBig(),
        "redirect6": lambda: ICMPv6ND_Redirect(), "hop6": lambda: IPv6ExtHdrHopByHop() / UDP(sport=1, dport=2),
        "hoperror6": lambda: IPv6ExtHdrHopByHop() / ICMPv6DestUnreach(),
        "fragment6": lambda: IPv6ExtHdrFragment(nh=17, m=1) / UDP(sport=1, dport=2),
        "echopart6": lambda: IPv6ExtHdrFragment(nh=58, m=1) / ICMPv6EchoRequest(),
        "errorpart6": lambda: IPv6ExtHdrFragment(nh=58, m=1) / ICMPv6DestUnreach(),
    }[what]()
    packet = ip / inside
    packet = packet / Raw(b"x" * (size - len(packet)))
    return bytes(frame / packet).hex()
answer([packet(*each) if isinstance(each, list) else packet(**each) for each in given])
`;
type Packet = { size: number; what?: string; [word: string]: unknown };
const make = (...packets: Packet[]) => scapy<string[]>(MAKE, packets);

const LARGE = MTU + 1;
const V4 = ['udp', 'tcp', 'echo', 'timestamp', 'unreachable', 'exceeded', 'quench', 'redirect', 'problem'];
const V6 = [
  ...['udp6', 'tcp6', 'echo6', 'hop6', 'fragment6', 'echopart6'],
  ...['unreachable6', 'toobig6', 'redirect6'],
];
const TOLD = make(
  { size: MTU },
  { size: MTU, what: 'udp6' },
  ...[...V4, ...V6].map((what) => ({ size: LARGE, what })),
  { size: 1800, ttl: 1 },
  { size: 1800, options: true },
  ...['0.0.0.0', '0.1.2.3', '127.0.0.1', '224.0.0.1', '255.255.255.255'].map((src) => ({ size: LARGE, src })),
  ...['224.0.0.1', '255.255.255.255'].map((dst) => ({ size: LARGE, dst })),
  ...['::', 'fe80::1'].map((src) => ({ size: LARGE, what: 'udp6', src })),
);

/** Of an error, and of whom no answer reaches, RFC 4443 section 2.4 has nobody told. */
const TOLD_BY_KERNEL = make(
  { size: LARGE, what: 'hoperror6' },
  { size: LARGE, what: 'errorpart6' },
  ...['::1', 'ff02::1'].map((src) => ({ size: LARGE, what: 'udp6', src })),
);

/** Those that may be cut: the kernel cuts what it makes of them, or drops it. */
const TOLD_BY_US = make({ size: LARGE, flags: 0 }, { size: LARGE, flags: 'MF' });

describe('frames that the path does not carry', () => {
  let lab: Lab;
  beforeEach(() => {
    lab = new Lab();
  });
  afterEach(() => lab.close());

  /** What of it was told, and what left whole. */
  const judged = ({ replies, left }: { replies: string[]; left: string[] }) => ({
    replies,
    left: left.filter((frame) => frame.length / 2 === MTU + 14),
  });

  function ours(frames: readonly string[]) {
    const w = world({ remotes: ['10.0.0.1'] });
    w.vtep.pathMtu = MTU;
    return outcomeOf(w, frames);
  }

  async function kernels(frames: readonly string[]) {
    const kernel = new KernelLink(lab, 'remote 192.0.2.2 nolearning');
    kernel.host.ip('link set vx0 mtu 4000', 'link add br0 type bridge');
    kernel.host.ip('link set vx0 master br0', 'link set br0 up');
    return judged(await kernel.carry(frames));
  }

  it('are answered as the kernel answers them', async () => {
    const expected = await kernels(TOLD);
    expect(expected.replies.length).toBeGreaterThan(10);
    expect(expected.left).toHaveLength(2);
    expect(judged(ours(TOLD))).toEqual(expected);
  });

  it(`otherwise: ${PATH_DIFFERENCES.mayBeCut.when}: ${PATH_DIFFERENCES.mayBeCut.ours}`, async () => {
    expect((await kernels(TOLD_BY_US)).replies).toEqual([]);
    const { replies, left } = ours(TOLD_BY_US);
    expect([replies.length, left]).toEqual([2, []]);
  });

  it('are dropped where the kernel answers whom it should not', async () => {
    expect((await kernels(TOLD_BY_KERNEL)).replies).toHaveLength(4);
    expect(ours(TOLD_BY_KERNEL).replies).toEqual([]);
  });
});

/*
 *   c [ eth1, MTU 1500 ] ──── [ br0 + vx0 ] a [ eth0 ] 192.0.2.1 ──── 192.0.2.2 [ vx0 of the kernel ] b
 */
describe.each(TRANSPORTS)('a container left at 1500 behind a bridge, --transport %s', (transport) => {
  const lab = new Lab();
  afterAll(() => lab.close());

  it('hears of the path, of IPv4 and IPv6, and its TCP goes on', async () => {
    const [a, b, c] = [lab.host('a'), lab.host('b'), lab.host('c')];
    lab.cable(a, ['192.0.2.1/24'], b, ['192.0.2.2/24']);
    const words = `vx0 id 42 remote 192.0.2.2 dev eth0 mtu 1500 --transport ${transport} up`;
    const vtep = await VtepProcess.start(a, words);
    b.ip('link add vx0 type vxlan id 42 remote 192.0.2.1 dstport 4789 dev eth0', 'link set vx0 up');
    b.ip('address add 10.0.0.2/24 dev vx0', 'address add fd00::2/64 dev vx0');
    a.ip('link add br0 type bridge', 'link set vx0 master br0', 'link set br0 up');
    a.ip(`link add toc type veth peer name eth1 netns ${c.netns}`, 'link set toc master br0 up');
    c.ip('address add 10.0.0.3/24 dev eth1', 'address add fd00::3/64 dev eth1', 'link set eth1 up');
    await c.settled('eth1');
    expect(await c.ping('10.0.0.2')).toBe(2);
    for (const [to, size] of [['10.0.0.2', 1472] as const, ['fd00::2', 1452] as const]) {
      await c.ping(to, '-M', 'do', '-s', `${size}`);
      const [route] = await c.json<{ metrics?: { mtu: number }[] }[]>('ip', '-j', 'route', 'get', to);
      expect([to, route.metrics?.[0]?.mtu]).toEqual([to, MTU]);
      expect(await c.ping(to, '-M', 'do', '-s', `${size - 50}`)).toBe(2);
    }
    expect(await vtep.counter('too-big-answered')).toBeGreaterThanOrEqual(2);
    c.ip('route flush cache');
    const [sent, got] = await transfer({
      from: c,
      to: b,
      address: '10.0.0.2',
      protocol: 'tcp',
      size: 2 << 20,
      rate: 100 << 20,
    });
    expect(got).toBe(sent);
    await vtep.stop();
  });
});

describe('a router on the way that carries less', () => {
  const lab = new Lab();
  afterAll(() => lab.close());

  it('is heard: senders are told of its MTU, and a transfer goes through', async () => {
    const [a, router, b] = ['a', 'router', 'b'].map((name) => lab.host(name));
    lab.cable(a, ['192.0.2.1/24'], router, ['192.0.2.9/24']);
    router.ip(`link add eth1 type veth peer name eth0 netns ${b.netns}`);
    router.ip('link set eth1 mtu 1300', 'address add 198.51.100.9/24 dev eth1', 'link set eth1 up');
    b.ip('link set eth0 mtu 1300', 'address add 198.51.100.2/24 dev eth0', 'link set eth0 up');
    await router.run('sysctl', '-qw', 'net.ipv4.ip_forward=1');
    a.ip('route add default via 192.0.2.9');
    b.ip('route add default via 198.51.100.9');
    const here = await DaemonProcess.start(lab, a);
    await here.verb('link add vx0 type vxlan id 42 remote 198.51.100.2 dev eth0 up');
    a.ip('address add 10.0.0.1/24 dev vx0');
    b.ip('link add vx0 type vxlan id 42 remote 192.0.2.1 dstport 4789 dev eth0');
    b.ip('address add 10.0.0.2/24 dev vx0', 'link set vx0 up');
    const told = async () => (await a.run('ip', 'route', 'get', '10.0.0.2')).includes('mtu 1250');
    const shown = async () =>
      (await here.json<{ vtep: { pathMtu: number } }[]>('-d link show vx0'))[0].vtep.pathMtu;
    expect(await shown()).toBe(1450);
    await waitFor(async () => {
      await a.ping('10.0.0.2', '-M', 'do', '-s', '1372');
      return told();
    }, 'the host to know the path');
    expect(await shown()).toBe(1250);
    const [sent, received] = await transfer({
      from: a,
      to: b,
      address: '10.0.0.2',
      protocol: 'tcp',
      size: 4 << 20,
    });
    expect(received).toBe(sent);
  });
});

describe.each([
  ['a route', '', 'route add 192.0.2.2/32 dev eth0 mtu lock 900', 'route del 192.0.2.2/32'],
  ['an interface', ' dev eth0', 'link set eth0 mtu 900', 'link set eth0 mtu 1500'],
])('%s that carries less, and does no more', (_, dev, less, again) => {
  const lab = new Lab();
  afterAll(() => lab.close());

  it('is known while it does', async () => {
    const [a, b] = [lab.host('a'), lab.host('b')];
    // its routes would change with the MTU of their interface
    await a.run('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1');
    lab.cable(a, ['192.0.2.1/24'], b, ['192.0.2.2/24']);
    const here = await DaemonProcess.start(lab, a);
    await here.verb(`link add vx0 type vxlan id 42 remote 192.0.2.2${dev} up`);
    const shown = async () =>
      (await here.json<{ vtep: { pathMtu: number } }[]>('-d link show vx0'))[0].vtep.pathMtu;
    expect(await shown()).toBe(1450);
    a.ip(less);
    await waitFor(async () => (await shown()) === 850, 'it to be known');
    a.ip(again);
    await waitFor(async () => (await shown()) === 1450, 'its end to be known');
  });
});
