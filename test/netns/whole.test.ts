/**
 * Superframes that leave whole: the kernel cuts them, or hands them on as they are.
 *
 *   a [ vx0 10.0.0.1 fd00::1 ] eth0 ──── eth0 [ vx0 10.0.0.2 fd00::2 of the kernel, or ours ] b
 *     [ vtep-out0 ]
 */
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Capture } from '../support/capture.ts';
import { type Host, Lab, WIRE } from '../support/netns.ts';
import { transfer } from '../support/transfer.ts';
import { openTunnel, type Tunnel, type TunnelOptions } from '../support/tunnel.ts';
import { VtepProcess } from '../support/vtep-process.ts';
import { waitFor } from '../support/wait-for.ts';

const MEGABYTE = 1 << 20;

/** Of all protocols, what came with a wrong checksum. */
async function wrongChecksums(host: Host): Promise<number> {
  const said = await host.run('nstat', '-az', 'TcpInCsumErrors', 'UdpInCsumErrors', 'Udp6InCsumErrors');
  const counts = [...said.matchAll(/InCsumErrors\s+(\d+)/g)].map(([, count]) => Number(count));
  expect(counts).toHaveLength(3);
  return counts.reduce((sum, count) => sum + count, 0);
}

const isOpen = async (vtep: VtepProcess) => /^ {2}offloads: .*tnl/m.test(await vtep.dump());

const CASES: TunnelOptions[] = [
  { underlay: 'veth', family: 'IPv4', peer: 'the kernel', words: '--offload auto' },
  { underlay: 'veth', family: 'IPv6', peer: 'itself', words: 'udp6zerocsumtx udp6zerocsumrx' },
  { underlay: 'veth', family: 'IPv6', peer: 'the kernel', words: '--offload auto' },
  { underlay: 'wire', family: 'IPv4', peer: 'the kernel', words: 'noudpcsum' },
  { underlay: 'wire', family: 'IPv6', peer: 'the kernel', words: '--offload auto' },
  { underlay: 'wire', family: 'IPv4', peer: 'itself', words: '--workers 2' },
];

describe.each(CASES)('over a $underlay, $family, to $peer, $words', (options) => {
  const lab = new Lab();
  let tunnel: Tunnel;
  beforeAll(async () => {
    tunnel = await openTunnel(lab, options);
  });
  afterAll(() => lab.close());

  it.each(['10.0.0.2', 'fd00::2'])('100 MB to %s arrive, with right checksums', async (address) => {
    const { a, b, vteps } = tunnel;
    const before = await vteps[0].counter('whole');
    const wrong = await wrongChecksums(b);
    const [sent, got] = await transfer({ from: a, to: b, address, protocol: 'tcp', size: 100 * MEGABYTE });
    expect(got).toMatch(/^[0-9a-f]{64}$/);
    expect(got).toBe(sent);
    expect((await vteps[0].counter('whole')) - before).toBeGreaterThan(100);
    expect(await wrongChecksums(b)).toBe(wrong);
  });
});

const HEADER = {
  IPv4: ['ip.src', 'ip.dst', 'ip.dsfield', 'ip.ttl', 'ip.flags.df'],
  IPv6: ['ipv6.src', 'ipv6.dst', 'ipv6.tclass', 'ipv6.flow', 'ipv6.hlim'],
} as const;

describe.each([
  ['IPv4', 'tos 0xb8 ttl 9'],
  ['IPv4', 'df unset tos inherit ttl inherit'],
  ['IPv6', 'ttl 200 tos 0x4 flowlabel 0x12345'],
] as const)('the outer header, %s, %s', (family, words) => {
  const lab = new Lab();
  let tunnel: Tunnel;
  beforeAll(async () => {
    tunnel = await openTunnel(lab, {
      underlay: 'wire',
      family,
      peer: 'the kernel',
      words,
    });
  });
  afterAll(() => lab.close());

  it('is that of the flow in pieces, each segment is in order, and all checksums are right', async () => {
    const { a, b, vteps } = tunnel;
    const capture = await Capture.start(a, 'eth0', 'dst port 4789 and outbound', 256);
    const move = { from: a, to: b, address: '10.0.0.2', protocol: 'tcp', size: 8 * MEGABYTE } as const;
    const [sent, got] = await transfer({ ...move, rate: 8 * MEGABYTE });
    expect(got).toBe(sent);
    expect(await capture.stop()).toBe(0);
    expect(await vteps[0].counter('whole')).toBeGreaterThan(10);

    const fields = [...HEADER[family], 'udp.srcport', 'udp.dstport', 'vxlan.vni', 'vxlan.flags'];
    const rows = capture.tshark(fields, 'tcp.len > 0');
    expect(rows.length).toBeGreaterThan(4000);
    // the first field of each is the outer header's
    const headers = new Set(rows.map((row) => row.map((each) => each.split(',')[0]).join(' ')));
    expect([...headers]).toHaveLength(1);
    expect(capture.tshark(['frame.number'], 'tcp.analysis.out_of_order || ip.checksum.status == 0')).toEqual(
      [],
    );
    const lengths = capture.tshark([family === 'IPv4' ? 'ip.len' : 'ipv6.plen'], 'tcp.len > 0');
    for (const [length] of lengths) expect(Number(length.split(',')[0])).toBeLessThanOrEqual(1500);
    expect(await wrongChecksums(b)).toBe(0);
  });
});

describe('a way', () => {
  const lab = new Lab();
  let a: Host;
  let b: Host;
  let vtep: VtepProcess;
  beforeAll(async () => {
    [a, b] = [lab.host('a'), lab.host('b')];
    lab.cable(a, ['192.0.2.1/24'], b, ['192.0.2.2/24']);
    a.ip(`link add eth1 type veth peer name eth1 netns ${b.netns}`, 'link set eth1 up');
    a.ip('address add 198.51.100.1/24 dev eth1', 'address add 203.0.113.1/32 dev lo');
    b.ip('link set eth1 up', 'address add 198.51.100.2/24 dev eth1', 'address add 203.0.113.2/32 dev lo');
    a.ip('route add 203.0.113.2 via 192.0.2.2 src 203.0.113.1');
    b.ip('route add 203.0.113.1 via 192.0.2.1');
    b.ip(
      'link add vx0 type vxlan id 42 remote 203.0.113.1 local 203.0.113.2 dstport 4789',
      'address add 10.0.0.2/24 dev vx0',
    );
    b.ip('link set vx0 up');
    const words = `vx0 id 42 remote 203.0.113.2 local 203.0.113.1 up address 10.0.0.1/24`;
    vtep = await VtepProcess.start(a, words);
    await waitFor(async () => (await a.ping('10.0.0.2')) === 2, 'the peer to answer');
  });
  afterAll(() => lab.close());

  const sentBy = async (device: string) => {
    const [{ stats64 }] = await a.json<{ stats64: { tx: { bytes: number } } }[]>(
      'ip',
      '-j',
      '-s',
      'link',
      'show',
      device,
    );
    return stats64.tx.bytes;
  };
  const whole = () => vtep.counter('whole');
  const stream = (megabytes: number) =>
    transfer({
      from: a,
      to: b,
      address: '10.0.0.2',
      protocol: 'tcp',
      size: megabytes * MEGABYTE,
      rate: 40 * MEGABYTE,
    });
  const more = async (what: string) => {
    const before = await whole();
    await waitFor(async () => (await whole()) > before + 20, what);
  };

  it('follows the routes, in mid-stream', async () => {
    const moved = stream(120);
    await more('superframes to leave whole');
    a.ip('route replace 203.0.113.2 via 198.51.100.2 src 203.0.113.1');
    b.ip('route replace 203.0.113.1 via 198.51.100.1');
    await more('superframes to leave by the new way');
    const before = await sentBy('eth0');
    a.ip('link set eth0 down');
    await more('superframes to leave when the old one is down');
    const [sent, got] = await moved;
    expect(got).toBe(sent);
    expect((await sentBy('eth0')) - before).toBeLessThan(MEGABYTE);
    a.ip('link set eth0 up');
  });

  it('that carries less is minded', async () => {
    const moved = stream(60);
    await more('superframes to leave whole');
    a.ip('route replace 203.0.113.2 via 198.51.100.2 src 203.0.113.1 mtu lock 1300');
    const [sent, got] = await moved;
    expect(got).toBe(sent);
    await lab.wire(a, b);
    await a.run('ethtool', '-K', 'eth1', ...WIRE.split(' '));
    const capture = await Capture.start(a, 'eth1', 'dst port 4789', 128);
    await stream(4);
    await capture.stop();
    const lengths = capture.tshark(['ip.len'], 'tcp.len > 0').map(([both]) => Number(both.split(',')[0]));
    expect(Math.max(...lengths)).toBeLessThanOrEqual(1300);
    expect(lengths.length).toBeGreaterThan(1000);
  });

  it('has a device without addresses, and another when somebody deletes it', async () => {
    expect(await a.run('ip', '-o', 'address', 'show', 'dev', 'vtep-out0')).toBe('');
    const moved = stream(60);
    await more('superframes to leave whole');
    a.ip('link del vtep-out0');
    const [sent, got] = await moved;
    expect(got).toBe(sent);
    const again = stream(200);
    await more('superframes to leave whole again');
    expect(await a.run('ip', '-o', 'link', 'show', 'vtep-out0')).toContain('UP');
    const [given, taken] = await again;
    expect(taken).toBe(given);
  });
});

describe('the device', () => {
  const lab = new Lab();
  afterAll(() => lab.close());

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'is there for TCP only, and goes with the process, %s',
    async (signal) => {
      const { a, b, vteps } = await openTunnel(lab, {
        underlay: 'veth',
        peer: 'the kernel',
        words: '--offload auto',
      });
      const isThere = async () => (await a.run('ip', 'link')).includes('vtep-out0');
      expect(await isThere()).toBe(false);
      const [sent, got] = await transfer({
        from: a,
        to: b,
        address: '10.0.0.2',
        protocol: 'tcp',
        size: 20 * MEGABYTE,
      });
      expect(got).toBe(sent);
      expect(await isThere()).toBe(true);
      await vteps[0].stop(signal);
      await waitFor(async () => !(await isThere()), 'it to go');
    },
  );
});

/** Python: a process in a control group of its own with a program that lets all pass, until our input ends. */
const IN_A_GROUP = `
import ctypes, os, struct, subprocess, sys, tempfile
pid = sys.argv[1]
tree = tempfile.mkdtemp()
subprocess.run(["mount", "-t", "cgroup2", "none", tree], check=True)
libc = ctypes.CDLL(None, use_errno=True)
BPF = {"x86_64": 321, "aarch64": 280}[os.uname().machine]

def bpf(command, attributes):
    room = ctypes.create_string_buffer(attributes.ljust(128, b"\\0"), 128)
    result = libc.syscall(BPF, command, room, 128)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"bpf {command}")
    return result

passes = ctypes.create_string_buffer(struct.pack("<BBhi", 0xb7, 0, 0, 1) + struct.pack("<BBhi", 0x95, 0, 0, 0))
license = ctypes.create_string_buffer(b"Apache-2.0")
program = bpf(5, struct.pack("<IIQQ", 8, 2, ctypes.addressof(passes), ctypes.addressof(license)))
group = os.path.join(tree, "vtep-test-" + pid)
os.mkdir(group)
bpf(8, struct.pack("<IIII", os.open(group, os.O_RDONLY), program, 1, 2))  # leaving, beside others
open(group + "/cgroup.procs", "w").write(pid)
print("in it", flush=True)
sys.stdin.read()
open(tree + "/cgroup.procs", "w").write(pid)
os.rmdir(group)
`;

describe('where the host has something to say to what its programs send', () => {
  const lab = new Lab();
  let tunnel: Tunnel;
  beforeAll(async () => {
    tunnel = await openTunnel(lab, { underlay: 'veth', peer: 'the kernel', words: '--offload auto' });
  });
  afterAll(() => lab.close());

  it.each([
    ['there are tables of the packet filter', 'nft add table ip vtep', 'nft delete table ip vtep'],
    ['there are IPsec policies', 'ip xfrm policy add dir out dst 198.51.100.9', 'ip xfrm policy flush'],
    ['there are routing rules', 'ip rule add fwmark 7 lookup 100', 'ip rule del fwmark 7'],
    ['there are routing rules', 'ip -6 rule add fwmark 7 lookup 100', 'ip -6 rule del fwmark 7'],
  ])('%s: %s', async (why, comes, goes) => {
    const { a, b, vteps } = tunnel;
    const [vtep] = vteps;
    const size = 120 * MEGABYTE;
    const moved = transfer({ from: a, to: b, address: '10.0.0.2', protocol: 'tcp', size, rate: size / 8 });
    const grows = async (counter: string) => {
      const before = await vtep.counter(counter);
      await waitFor(async () => (await vtep.counter(counter)) > before + 10, `more of ${counter}`);
    };
    await grows('whole');
    await a.run('sh', '-c', comes);
    await waitFor(async () => !(await isOpen(vtep)), 'it to be noticed');
    const whole = await vtep.counter('whole');
    await grows('trains');
    expect(await vtep.counter('whole')).toBe(whole);
    await a.run('sh', '-c', goes);
    await grows('whole');
    const [sent, got] = await moved;
    expect(got).toBe(sent);
    expect(vtep.stderr).toContain(`superframes leave in pieces: ${why}\n`);
  });

  it('there are programs of the control group', async () => {
    const { a, vteps } = tunnel;
    const [vtep] = vteps;
    const group = a.spawn('unshare', '--mount', '/usr/bin/python3', '-c', IN_A_GROUP, `${vtep.pid}`);
    let said = '';
    group.stdout?.on('data', (chunk) => {
      said += chunk;
    });
    await waitFor(() => said.includes('in it'), 'a group with a program');
    const move = {
      from: a,
      to: tunnel.b,
      address: '10.0.0.2',
      protocol: 'tcp',
      size: 20 * MEGABYTE,
    } as const;
    await waitFor(async () => {
      await transfer(move);
      return !(await isOpen(vtep));
    }, 'it to be noticed');
    const whole = await vtep.counter('whole');
    await transfer(move);
    expect(await vtep.counter('whole')).toBe(whole);
    expect(vtep.stderr).toContain('superframes leave in pieces: there are programs of the control group\n');
    const left = once(group, 'close');
    group.stdin?.end();
    await left;
    await waitFor(async () => {
      await transfer(move);
      return (await vtep.counter('whole')) > whole;
    }, 'superframes to leave whole again');
  });

  it('is told at the start', async () => {
    const { a } = tunnel;
    await a.run('nft', 'add', 'table', 'ip', 'vtep');
    const vtep = await VtepProcess.start(a, 'vx1 id 43 dstport 4790');
    const { stderr } = await vtep.stop();
    expect(stderr).toContain(
      'offloads: csum, tso, uso, gso, gro, lro; no tnl: there are tables of the packet filter\n',
    );
  });
});
