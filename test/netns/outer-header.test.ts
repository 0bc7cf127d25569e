/**
 * tos, ttl, flowlabel, df and checksums of the outer header, the kernel's vxlan as the judge.
 *
 *   ours   [ vx0 ] 192.0.2.1, 2001:db8::1 ──── 192.0.2.2, 2001:db8::2      (`test/support/twins.ts`)
 *   theirs [ vx0 ] 192.0.2.1, 2001:db8::1 ──── 192.0.2.2, 2001:db8::2
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../support/netns.ts';
import { scapy } from '../support/scapy.ts';
import { ADDRESSES, HOST_MAC, inward, LINK_MAC, openTwins, outward, type Twins } from '../support/twins.ts';

/**
 * Inner packets that differ in what may be inherited, and are equal in length and destination, so that only the outer
 * header keeps them out of one train; one is no IP.
 */
const PACKETS = `
inner = []
for i, (tos, ttl, flags) in enumerate([(0, 64, 0), (0, 64, "DF"), (0x28, 64, 0), (0x28, 1, "DF"), (0x29, 1, 0), (0x2a, 255, 0), (0xff, 254, "DF"), (0, 0, 0)] * 2):
    inner.append(IP(src="10.0.0.2", dst="10.0.0.3", tos=tos, ttl=ttl, flags=flags, id=i)/UDP(sport=1, dport=9)/Raw(b"four"))
for i, (tc, hlim, fl) in enumerate([(0, 64, 0), (0, 64, 1), (0xb8, 64, 0xfffff), (0xb9, 3, 0x12345), (0x03, 255, 0x12345), (0xba, 0, 7)] * 2):
    inner.append(IPv6(src="fd00::2", dst="fd00::3", tc=tc, hlim=hlim, fl=fl)/UDP(sport=1, dport=9)/Raw(b"six%x" % i))
inner.append(ARP(psrc="10.0.0.2", pdst="10.0.0.3"))
frames = [Ether(dst="ff:ff:ff:ff:ff:ff", src="02:00:00:00:00:02")/each for each in inner]
answer([bytes(each).hex() for each in frames])
`;

const CASES: [family: 'IPv4' | 'IPv6', words: string, ourWords?: string][] = [
  ['IPv4', 'tos 0xb8'],
  ['IPv4', 'tos 0xbb ttl 9 df set', ''],
  ['IPv4', 'tos inherit'],
  ['IPv4', 'ttl inherit df unset', ''],
  ['IPv4', 'tos inherit ttl inherit df inherit', ''],
  ['IPv4', 'noudpcsum'],
  ['IPv4', 'noudpcsum df inherit', ''],
  ['IPv6', 'tos 0xb8 flowlabel 0x12345'],
  ['IPv6', 'tos inherit flowlabel inherit'],
  ['IPv6', 'ttl inherit'],
  ['IPv6', 'ttl 200 tos 0x4 flowlabel 0xfffff udp6zerocsumtx'],
  ['IPv6', 'udp6zerocsumtx df inherit', ''],
];

describe.each(CASES)('%s, %s', (family, words, ourWords) => {
  const lab = new Lab();
  let twins: Twins;
  beforeAll(async () => {
    const [local, remote] = ADDRESSES[family];
    twins = await openTwins(lab, `remote ${remote} local ${local} dev eth0 ${words}`, ourWords);
  });
  afterAll(() => lab.close());

  it('leaves as the kernel sends it', async () => {
    const frames = scapy<string[]>(PACKETS);
    const { ours, theirs } = await outward(twins, frames);
    expect(ours).toEqual(theirs);
    expect(ours).toHaveLength(frames.length + 1);
  });
});

/** A frame in a datagram without a checksum, and then with one. */
const UNCHECKED = `
host_mac, link_mac = given
def carried(checksum, payload):
    inner = Ether(dst=link_mac, src="02:00:00:00:00:02")/IP(src="10.0.0.2", dst="10.0.0.3")/UDP(sport=len(payload), dport=9)/Raw(payload)
    udp = UDP(sport=50000, dport=4789, **checksum)
    return bytes(Ether(dst=host_mac, src="02:00:00:00:01:02")/IPv6(src="2001:db8::2", dst="2001:db8::1")/udp/VXLAN(vni=42, flags="Instance")/inner).hex()
answer([carried({"chksum": 0}, b"without"), carried({}, b"with")])
`;

describe.each([
  ['', 1],
  ['udp6zerocsumrx', 2],
] as const)('datagrams over IPv6 without a checksum, %s', (words, taken) => {
  const lab = new Lab();
  afterAll(() => lab.close());

  it('are taken where the kernel takes them', async () => {
    const [local, remote] = ADDRESSES.IPv6;
    const twins = await openTwins(lab, `remote ${remote} local ${local} dev eth0 ${words}`.trim());
    const packets = scapy<string[]>(UNCHECKED, [HOST_MAC, LINK_MAC]);
    const { ours, theirs } = await inward(twins, packets);
    expect(ours.sort()).toEqual(theirs.sort()); // frames of different flows keep no order
    expect(ours).toHaveLength(taken + 1);
  });
});
