/**
 * The kernel's vxlan as the judge: two hosts that differ in nothing but whose link it is. What is put into both must come
 * out of both the same.
 *
 *   ours   [ vx0 ] eth0 ──── eth0 ourEnd          the ends belong to nobody: frames are put in and caught there
 *   theirs [ vx0 ] eth0 ──── eth0 theirEnd
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { Capture } from './capture.ts';
import { sayAttribute } from './kernel-attribute.ts';
import type { Host, Lab } from './netns.ts';
import { scapy } from './scapy.ts';
import { VtepProcess } from './vtep-process.ts';
import { waitFor } from './wait-for.ts';

const SCRIPT = join(import.meta.dirname, 'inject.py');
export const HOST_MAC = '02:00:00:00:01:01';
export const END_MAC = '02:00:00:00:01:02';
/** Of the remotes: datagrams to it are caught, and answered by nobody. */
export const NOBODYS_MAC = '02:00:00:00:01:03';
export const LINK_MAC = '02:00:00:00:00:aa';
export const ADDRESSES = { IPv4: ['192.0.2.1', '192.0.2.2'], IPv6: ['2001:db8::1', '2001:db8::2'] } as const;
/** An Ethernet frame that is put in last: when it has come out, so have all before it. */
const LAST = `ffffffffffff02000000000388b5${'f1'.repeat(46)}`;

export interface Twins {
  ours: Host;
  theirs: Host;
  ourEnd: Host;
  theirEnd: Host;
  vtep: VtepProcess;
}

export async function twinHost(lab: Lab, name: string, end: Host): Promise<Host> {
  const own = lab.host(name);
  const [[v4, v4Remote], [v6, v6Remote]] = [ADDRESSES.IPv4, ADDRESSES.IPv6];
  lab.cable(own, [`${v4}/24`, `${v6}/64`], end, []);
  own.ip(`link set eth0 address ${HOST_MAC}`);
  end.ip(`link set eth0 address ${END_MAC}`);
  for (const remote of [v4Remote, v6Remote]) own.ip(`neigh add ${remote} lladdr ${NOBODYS_MAC} dev eth0`);
  await lab.wire(own);
  await own.settled('eth0');
  // vx0 is to say nothing of its own accord
  await own.run('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1');
  return own;
}

/** `words`: what both links are made with; `ourWords`, what ours is beside that, so that it is the same. */
export async function openTwins(lab: Lab, words: string, ourWords = 'df unset'): Promise<Twins> {
  const [ourEnd, theirEnd] = [lab.host('end'), lab.host('end')];
  const [ours, theirs] = [await twinHost(lab, 'ours', ourEnd), await twinHost(lab, 'theirs', theirEnd)];
  theirs.ip(
    `link add vx0 address ${LINK_MAC} type vxlan id 42 dstport 4789 ${words.replace('flowlabel inherit', '')}`.trim(),
    'link set vx0 up multicast off',
  );
  if (words.includes('flowlabel inherit')) await sayAttribute(theirs, 'LABEL_POLICY', '01000000');
  const vtep = await VtepProcess.start(
    ours,
    `vx0 id 42 ${words} ${ourWords} up address ${LINK_MAC}`.replace(/ +/g, ' '),
  );
  return { ours, theirs, ourEnd, theirEnd, vtep };
}

export async function inject(into: Host, device: string, frames: readonly string[]): Promise<void> {
  const child = into.spawn('/usr/bin/python3', SCRIPT, device);
  const closed = once(child, 'close');
  child.stdin?.end(frames.map((frame) => `${frame}\n`).join(''));
  const [status] = await closed;
  if (status !== 0) throw new Error(`the frames could not be put in: ${child.stderr?.read()}`);
}

/** Puts frames in on one side of a host, and returns the capture of what came out on the other. */
async function through(
  [into, device]: [Host, string],
  [outOf, other]: [Host, string],
  frames: readonly string[],
  last: readonly string[],
): Promise<Capture> {
  const capture = await Capture.start(outOf, other);
  await inject(into, device, [...frames, ...last]);
  await waitFor(() => capture.bytes().includes(LAST), 'the last frame to come out');
  if ((await capture.stop()) > 0) throw new Error('the capture lost frames');
  return capture;
}

const OUTER = `
def outer(packet):
    if IPv6 in packet and packet[Ether].type == 0x86dd:
        return [packet[IPv6].tc, packet[IPv6].hlim, packet[IPv6].fl, packet[UDP].chksum == 0]
    return [packet[IP].tos, packet[IP].ttl, str(packet[IP].flags), packet[UDP].chksum == 0]
from scapy.utils import rdpcap
answer([outer(p) + [bytes(p[VXLAN].payload).hex(), p.payload.dst] for p in rdpcap(given) if VXLAN in p])
`;

/** TOS, TTL, DF or flow label, whether the UDP checksum is 0; the inner frame, and where it goes. */
export type Outer = [number, number, string | number, boolean, string, string];

/** Frames that both links have to send: what left, as scapy reads it. */
export async function outward(
  twins: Twins,
  frames: readonly string[],
): Promise<{ ours: Outer[]; theirs: Outer[] }> {
  const side = async (own: Host, end: Host) => {
    const { file } = await through([own, 'vx0'], [end, 'eth0'], frames, [LAST]);
    // flows keep their order, but not among each other
    return scapy<Outer[]>(OUTER, file).sort((a, b) => (a[4] < b[4] ? -1 : 1));
  };
  const [ours, theirs] = [await side(twins.ours, twins.ourEnd), await side(twins.theirs, twins.theirEnd)];
  return { ours, theirs };
}

const FRAMES = `
from scapy.utils import rdpcap
answer([bytes(p).hex() for p in rdpcap(given)])
`;

/** A frame as it comes from the underlay, of both families: of one of them the link takes none. */
const CARRIED = `
ends = [IP(src="192.0.2.2", dst="192.0.2.1"), IPv6(src="2001:db8::2", dst="2001:db8::1")]
down = UDP(sport=50000, dport=4789)/VXLAN(vni=42, flags="Instance")/Raw(bytes.fromhex(given))
answer([bytes(Ether(dst="${HOST_MAC}", src="${END_MAC}")/each/down).hex() for each in ends])
`;

/** Packets from the underlay to both: the frames that came out of their links, in hex. */
export async function inward(
  twins: Twins,
  packets: readonly string[],
): Promise<{ ours: string[]; theirs: string[] }> {
  const last = scapy<string[]>(CARRIED, LAST);
  const side = async (own: Host, end: Host) => {
    const { file } = await through([end, 'eth0'], [own, 'vx0'], packets, last);
    return scapy<string[]>(FRAMES, file);
  };
  return { ours: await side(twins.ours, twins.ourEnd), theirs: await side(twins.theirs, twins.theirEnd) };
}
