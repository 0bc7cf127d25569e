/**
 * ARP answered by the VTEP, with the kernel's proxy as the oracle.
 *
 *   a [ vx0 10.0.0.1 ] 192.0.2.1 ──── 192.0.2.2 [ vx0 10.0.0.2 of the kernel ] b
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Capture } from '../support/capture.ts';
import { type Host, Lab } from '../support/netns.ts';
import { TRANSPORTS, VtepProcess } from '../support/vtep-process.ts';
import { waitFor } from '../support/wait-for.ts';

/** Python: asks by ARP for all addresses and prints for each the MAC that answered within half a second, or `-`. */
const WHO_HAS = `
import socket, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
s.bind(("vx0", 0x0806))
mac = bytes.fromhex("020000000055")
asked = [socket.inet_aton(ip) for ip in sys.argv[1:]]
for target in asked:
    s.send(b"\\xff" * 6 + mac + bytes.fromhex("0806000108000604" + "0001") + mac + socket.inet_aton("10.0.0.55") + b"\\0" * 6 + target)
answers = {}
end = time.monotonic() + 0.5
while (left := end - time.monotonic()) > 0 and len(answers) < len(asked):
    s.settimeout(left)
    try:
        frame = s.recv(2048)
    except socket.timeout:
        break
    if frame[20:22] == b"\\0\\2" and frame[:6] == mac:
        answers[frame[28:32]] = frame[22:28].hex(":")
print(*[answers.get(target, "-") for target in asked], sep="\\n")
`;

async function whoHas(host: Host, ...addresses: string[]): Promise<string[]> {
  return (await host.run('/usr/bin/python3', '-c', WHO_HAS, ...addresses)).trim().split('\n');
}

const NEIGHBORS = [
  'neigh add 10.0.0.20 lladdr 02:00:00:00:00:20 dev vx0 nud permanent',
  'neigh add 10.0.0.21 lladdr 02:00:00:00:00:21 dev vx0 nud noarp',
  'neigh add 10.0.0.22 lladdr 02:00:00:00:00:22 dev vx0 nud reachable',
  'neigh add 10.0.0.23 lladdr 02:00:00:00:00:23 dev vx0 nud stale',
];
const ASKED = [
  '10.0.0.20',
  '10.0.0.21',
  '10.0.0.22',
  '10.0.0.23',
  '10.0.0.24',
  '10.0.0.2',
  '127.0.0.9',
  '224.0.0.9',
];

describe.each(TRANSPORTS)('the ARP proxy, --transport %s', (transport) => {
  const lab = new Lab();
  let a: Host;
  let b: Host;
  const words = `vx0 id 42 remote 192.0.2.2 --transport ${transport} up address 10.0.0.1/24`;
  beforeAll(() => {
    a = lab.host('a');
    b = lab.host('b');
    lab.cable(a, ['192.0.2.1/24'], b, ['192.0.2.2/24']);
    b.ip(
      'link add vx0 type vxlan id 42 remote 192.0.2.1 dstport 4789 dev eth0',
      'address add 10.0.0.2/24 dev vx0',
    );
    b.ip('link set vx0 up');
  });
  afterAll(() => lab.close());

  it('answers what the kernel answers, and consumes every request', async () => {
    const oracle = lab.host('oracle');
    oracle.ip(
      'link add eth0 type veth peer name nowhere',
      'address add 192.0.2.1/24 dev eth0',
      'link set eth0 up',
    );
    oracle.ip(
      'link add vx0 type vxlan id 42 remote 192.0.2.2 dstport 4789 dev eth0 proxy',
      'link set vx0 up',
    );
    oracle.ip('address add 10.0.0.1/24 dev vx0', ...NEIGHBORS);
    const expected = await whoHas(oracle, ...ASKED);
    expect(expected.slice(0, 2)).toEqual(['02:00:00:00:00:20', '02:00:00:00:00:21']);

    const vtep = await VtepProcess.start(a, `${words} proxy`);
    a.ip(...NEIGHBORS);
    await waitFor(async () => (await whoHas(a, '10.0.0.22'))[0] !== '-', 'the neighbours to be known');
    const capture = await Capture.start(a, 'eth0', 'udp port 4789');
    expect(await whoHas(a, ...ASKED)).toEqual(expected);
    expect(await b.ping('10.0.0.1', '-c', '1')).toBe(0); // its question came in, our answer was consumed
    await capture.stop();
    expect(capture.tshark(['arp.src.proto_ipv4'], 'arp && ip.src == 192.0.2.1')).toEqual([]);
    expect(await vtep.counter('proxy-unanswered')).toBeGreaterThan(0);
    await vtep.stop();
  });

  it('suppress: answers what it knows, forwards what it does not, and takes note of what it sees', async () => {
    const vtep = await VtepProcess.start(a, `${words} suppress`);
    a.ip(NEIGHBORS[0]);
    await waitFor(async () => (await whoHas(a, '10.0.0.20'))[0] !== '-', 'the neighbour to be known');
    const [{ address }] = await b.json<{ address: string }[]>('ip', '-j', 'link', 'show', 'vx0');
    const first = await Capture.start(a, 'eth0', 'udp port 4789');
    expect(await whoHas(a, '10.0.0.20', '10.0.0.2')).toEqual(['02:00:00:00:00:20', address]);
    await first.stop();
    const asked = first.tshark(['arp.dst.proto_ipv4'], 'arp.opcode == 1 && ip.src == 192.0.2.1').flat();
    expect(asked).toEqual(['10.0.0.2']);
    const second = await Capture.start(a, 'eth0', 'udp port 4789');
    expect(await whoHas(a, '10.0.0.2')).toEqual([address]);
    await second.stop();
    expect(second.tshark(['arp.opcode'], 'arp && ip.src == 192.0.2.1')).toEqual([]);
    expect(await a.ping('10.0.0.2')).toBe(2);
    await vtep.stop();
  });
});
