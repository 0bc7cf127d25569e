/**
 * Congestion marks through the tunnel (RFC 6040), the kernel's vxlan as the judge.
 *
 *   ours   [ vx0 ] 192.0.2.1, 2001:db8::1 ──── 192.0.2.2, 2001:db8::2      (`test/support/twins.ts`)
 *   theirs [ vx0 ] 192.0.2.1, 2001:db8::1 ──── 192.0.2.2, 2001:db8::2
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Capture } from '../support/capture.ts';
import { type Host, Lab } from '../support/netns.ts';
import { scapy } from '../support/scapy.ts';
import { transfer } from '../support/transfer.ts';
import { openTunnel, UNDERLAYS } from '../support/tunnel.ts';
import { ADDRESSES, HOST_MAC, inward, LINK_MAC, openTwins, outward, type Twins } from '../support/twins.ts';

const MARKS = [0, 1, 2, 3] as const;
const FAMILIES = ['IPv4', 'IPv6'] as const;

/** Frames with every TOS or traffic class, and one that has none. */
const EVERY_TOS = `
inner = []
for tos in range(256):
    inner.append(IP(src="10.0.0.2", dst="10.0.0.3", tos=tos)/UDP(sport=1, dport=9)/Raw(b"every"))
    inner.append(IPv6(src="fd00::2", dst="fd00::3", tc=tos, fl=5)/UDP(sport=1, dport=9)/Raw(b"every"))
inner.append(ARP(psrc="10.0.0.2", pdst="10.0.0.3"))
answer([bytes(Ether(dst="ff:ff:ff:ff:ff:ff", src="02:00:00:00:00:02")/each).hex() for each in inner])
`;

/** All sixteen pairs of marks, inner IPv4, IPv6 and neither; the DSCPs differ, and a wrong inner checksum stays wrong. */
const EVERY_PAIR = `
v6, host_mac, link_mac = given
packets = []
for outer in range(4):
    for mark in range(4):
        inner = [IP(src="10.0.0.2", dst="10.0.0.3", tos=dscp | mark, id=outer)/UDP(sport=1, dport=9)/Raw(b"pair") for dscp in (0, 0x40, 0xfc)]
        inner += [IP(src="10.0.0.2", dst="10.0.0.3", tos=mark, chksum=0xfffe, id=outer)/UDP(sport=1, dport=9)/Raw(b"wrong")]
        inner += [IPv6(src="fd00::2", dst="fd00::3", tc=dscp | mark, fl=0xfffff, hlim=outer)/UDP(sport=1, dport=9)/Raw(b"pair") for dscp in (0, 0x40, 0xfc)]
        inner += [ARP(psrc="10.0.0.2", pdst="10.0.0.3", hwdst="02:00:00:00:%02x:%02x" % (outer, mark))]
        for each in inner:
            header = IPv6(src="2001:db8::2", dst="2001:db8::1", tc=0xb8 | outer) if v6 else IP(src="192.0.2.2", dst="192.0.2.1", tos=0xb8 | outer)
            frame = Ether(dst=link_mac, src="02:00:00:00:00:02")/each
            packets.append(bytes(Ether(dst=host_mac, src="02:00:00:00:01:02")/header/UDP(sport=50000, dport=4789)/VXLAN(vni=42, flags="Instance")/frame).hex())
answer(packets)
`;

describe.each(FAMILIES)('congestion marks, underlay %s', (family) => {
  const lab = new Lab();
  let twins: Twins;
  beforeAll(async () => {
    const [local, remote] = ADDRESSES[family];
    twins = await openTwins(lab, `remote ${remote} local ${local} dev eth0`);
  });
  afterAll(() => lab.close());

  it('go outward as the kernel sends them, and nothing else of the inner header does', async () => {
    const frames = scapy<string[]>(EVERY_TOS);
    const { ours, theirs } = await outward(twins, frames);
    expect(ours).toEqual(theirs);
    expect(ours).toHaveLength(frames.length + 1);
    expect(new Set(ours.map(([tos]) => tos))).toEqual(new Set([0, 1, 2]));
  });

  it('come back inward by the whole table, as with the kernel', async () => {
    const packets = scapy<string[]>(EVERY_PAIR, [family === 'IPv6', HOST_MAC, LINK_MAC]);
    const { ours, theirs } = await inward(twins, packets);
    const dropped = 4 + 3;
    expect(ours).toEqual(theirs);
    expect(ours).toHaveLength(packets.length - dropped + 1);
    expect(await twins.vtep.counter('congested')).toBe(dropped);
    expect(packets).toHaveLength(MARKS.length ** 2 * 8);
  });
});

/** Every tenth of what leaves is told that the way is full, superframes as a whole. */
async function congest(host: Host, family: 'ip' | 'ip6'): Promise<void> {
  const mark = `udp dport 4789 ${family} ecn ect0 numgen random mod 10 0 ${family} ecn set ce`;
  const hook = 'type filter hook output priority 0';
  await host.run('nft', `table inet full { chain out { ${hook}; ${mark}; }; }`);
}

const TUNNELS = FAMILIES.flatMap((family) => UNDERLAYS.map((underlay) => ({ family, underlay })));

describe.each(TUNNELS)(
  'a TCP flow that knows marks, over $family and a $underlay',
  ({ family, underlay }) => {
    const lab = new Lab();
    afterAll(() => lab.close());

    it('is marked in superframes and trains too, and slows down', async () => {
      const { a, b, vteps } = await openTunnel(lab, { underlay, family, peer: 'itself', words: 'learning' });
      for (const host of [a, b]) await host.run('sysctl', '-qw', 'net.ipv4.tcp_ecn=1');
      await congest(a, family === 'IPv4' ? 'ip' : 'ip6');
      for (const address of ['10.0.0.2', 'fd00::2']) {
        const capture = await Capture.start(b, 'vx0', 'tcp', 128);
        const size = 4 << 20;
        const [sent, got] = await transfer({
          from: a,
          to: b,
          address,
          protocol: 'tcp',
          size,
          rate: 30 << 20,
        });
        expect(await capture.stop()).toBe(0);
        expect(got).toBe(sent);
        const [mark, sum] = address.includes(':')
          ? ['ipv6.tclass.ecn', 'ipv6.version']
          : ['ip.dsfield.ecn', 'ip.checksum.status'];
        const fields = [mark, 'tcp.len', 'tcp.flags.syn', sum];
        const rows = capture.tshark(fields, 'tcp.dstport == 5999').map((row) => row.map(Number));
        const bytes = (of: number) => rows.reduce((all, [its, length]) => all + (its === of ? length : 0), 0);
        // what is not sent again can be marked, and some of it is; the first packet of the flow cannot
        expect(bytes(2) + bytes(3)).toBeGreaterThan(0.9 * size);
        expect(bytes(3)).toBeGreaterThan(10_000);
        expect(bytes(2)).toBeGreaterThan(bytes(3));
        expect(rows.filter(([, , syn]) => syn).every(([its]) => its === 0)).toBe(true);
        expect(capture.tshark(['frame.number'], 'ip.checksum.status == "Bad"')).toEqual([]);
        expect(capture.tshark(['frame.number'], 'tcp.srcport == 5999 && tcp.flags.ece == 1')).not.toEqual([]);
      }
      expect(await vteps[0].counter('trains')).toBeGreaterThan(10);
      expect(await vteps[1].counter('trains-received')).toBeGreaterThan(10);
      expect(await vteps[1].counter('congested')).toBe(0);
    });
  },
);
