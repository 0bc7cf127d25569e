/**
 * ARP answered by the VTEP, with the kernel's proxy as the oracle.
 *
 *   a [ vx0 10.0.0.1 ] 192.0.2.1 ──── 192.0.2.2 [ vx0 10.0.0.2 of the kernel ] b
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Capture } from '../support/capture.ts';
import { type Host, Lab } from '../support/netns.ts';
import { TRANSPORTS, VtepProcess } from '../support/vtep-process.ts';
import { waitFor } from '../support/wait-for.ts';

/** Python: sends frames, and prints every ARP reply to the asker of the half second behind them, less its padding. */
const ASK = `
import socket, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
s.bind(("vx0", 0x0806))
for frame in sys.argv[2:]:
    s.send(bytes.fromhex(frame))
end = time.monotonic() + 0.5
while (left := end - time.monotonic()) > 0:
    s.settimeout(left)
    try:
        frame = s.recv(2048)
    except socket.timeout:
        break
    if frame[20:22] == b"\\0\\2" and frame[:6].hex() == sys.argv[1]:
        print(frame[:42].hex())
`;
const ASKER = '020000000055';

/** An ARP message from the asker, in hex; any part of it may be odd. */
function arp(
  target: string,
  odd: Partial<Record<'sender' | 'tag' | 'fixed' | 'operation', string>> = {},
): string {
  const { sender = '10.0.0.55', tag = '', fixed = '0001080006040', operation = '001' } = odd;
  const ip = (text: string) => Buffer.from(text.split('.').map(Number)).toString('hex');
  return `ffffffffffff${ASKER}${tag}0806${fixed}${operation}${ASKER}${ip(sender)}000000000000${ip(target)}`;
}

async function replies(host: Host, ...frames: string[]): Promise<string[]> {
  const said = await host.run('/usr/bin/python3', '-c', ASK, ASKER, ...frames);
  return said.split('\n').filter(Boolean).sort();
}

/** The MAC that answers for an address, or nothing. */
async function whoHas(host: Host, address: string): Promise<string | undefined> {
  return (await replies(host, arp(address)))[0]?.slice(44, 56);
}

const NEIGHBORS = [
  'neigh add 10.0.0.20 lladdr 02:00:00:00:00:20 dev vx0 nud permanent',
  'neigh add 10.0.0.21 lladdr 02:00:00:00:00:21 dev vx0 nud noarp',
  'neigh add 10.0.0.22 lladdr 02:00:00:00:00:22 dev vx0 nud reachable',
  'neigh add 10.0.0.23 lladdr 02:00:00:00:00:23 dev vx0 nud stale',
];
const ASKED = [
  ...[20, 21, 22, 23, 24, 2].map((last) => arp(`10.0.0.${last}`)),
  arp('127.0.0.9'),
  arp('224.0.0.9'),
  arp('10.0.0.55'), // gratuitous
  arp('10.0.0.20', { sender: '0.0.0.0' }), // a probe: is it taken?
  arp('10.0.0.21', { operation: '002' }), // an answer, not a question
  arp('10.0.0.21', { operation: '008' }), // InARP
  arp('10.0.0.20', { fixed: '000186dd06040' }), // another protocol
  arp('10.0.0.20', { fixed: '0001080008040' }), // longer hardware addresses
  arp('10.0.0.20') + '00'.repeat(18), // as long as Ethernet wants it
  arp('10.0.0.20', { tag: '81000007' }),
  arp('10.0.0.20').slice(0, 2 * 30), // cut off
  arp('10.0.0.20', { fixed: '0006080006040' }), // IEEE 802 hardware
];

describe.each(TRANSPORTS)('the ARP proxy, --transport %s', (transport) => {
  let lab: Lab;
  let a: Host;
  let b: Host;
  const words = `vx0 id 42 remote 192.0.2.2 --transport ${transport} up address 10.0.0.1/24`;
  beforeEach(() => {
    lab = new Lab();
    a = lab.host('a');
    b = lab.host('b');
    lab.cable(a, ['192.0.2.1/24'], b, ['192.0.2.2/24']);
    b.ip(
      'link add vx0 type vxlan id 42 remote 192.0.2.1 dstport 4789 dev eth0',
      'address add 10.0.0.2/24 dev vx0',
    );
    b.ip('link set vx0 up');
  });
  afterEach(() => lab.close());

  /** What a host answers to all that is asked, and what of it leaves by the underlay. */
  async function behaviour(host: Host) {
    const capture = await Capture.start(host, 'eth0', 'udp port 4789 and src host 192.0.2.1');
    const answers = await replies(host, ...ASKED);
    await capture.stop();
    const frames = capture.tshark(['udp.payload']).map(([payload]) => payload.split(',')[0].slice(16));
    return { answers, left: frames.filter((frame) => frame.slice(12, 24) === ASKER) };
  }

  it('answers what the kernel answers, and consumes every request', async () => {
    const [oracle, peer] = [lab.host('oracle'), lab.host('peer')];
    lab.cable(oracle, ['192.0.2.1/24'], peer, ['192.0.2.2/24']);
    oracle.ip('link add vx0 type vxlan id 42 remote 192.0.2.2 dstport 4789 dev eth0 proxy');
    oracle.ip('link set vx0 up', 'address add 10.0.0.1/24 dev vx0', ...NEIGHBORS);
    const expected = await behaviour(oracle);
    expect(expected.answers.length).toBeGreaterThanOrEqual(4);
    expect(expected.left).toEqual([arp('10.0.0.20', { tag: '81000007' })]);

    const vtep = await VtepProcess.start(a, `${words} proxy`);
    a.ip(...NEIGHBORS);
    await waitFor(() => whoHas(a, '10.0.0.22'), 'the neighbours to be known');
    expect(await behaviour(a)).toEqual(expected);
    expect(await b.ping('10.0.0.1', '-c', '1', '-W', '1')).toBe(0); // its question came in, our answer was consumed
    expect(await vtep.counter('proxy-unanswered')).toBeGreaterThan(0);
    await vtep.stop();
  });

  it('suppress: answers what it knows, forwards what it does not, and takes note of what it sees', async () => {
    const vtep = await VtepProcess.start(a, `${words} suppress`);
    a.ip(NEIGHBORS[0]);
    await waitFor(() => whoHas(a, '10.0.0.20'), 'the neighbour to be known');
    const [{ address }] = await b.json<{ address: string }[]>('ip', '-j', 'link', 'show', 'vx0');
    const mac = address.replaceAll(':', '');
    const first = await Capture.start(a, 'eth0', 'udp port 4789');
    expect(await whoHas(a, '10.0.0.20')).toBe('020000000020');
    expect(await whoHas(a, '10.0.0.2')).toBe(mac);
    await first.stop();
    const asked = first.tshark(['arp.dst.proto_ipv4'], 'arp.opcode == 1 && ip.src == 192.0.2.1').flat();
    expect(asked).toEqual(['10.0.0.2']);
    const second = await Capture.start(a, 'eth0', 'udp port 4789');
    expect(await whoHas(a, '10.0.0.2')).toBe(mac);
    await second.stop();
    expect(second.tshark(['arp.opcode'], 'arp && ip.src == 192.0.2.1')).toEqual([]);
    expect(await a.ping('10.0.0.2')).toBe(2);
    await vtep.stop();
  });
});
