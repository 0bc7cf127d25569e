/**
 * Our datagrams as others read them: tshark, scapy, and a reader of the capture format.
 *
 *   a [ vx0 10.0.0.1 ] 192.0.2.1 ──── 192.0.2.2 [ vx0 10.0.0.2 ] b      vtep at both ends, all offloads in use
 */
import { once } from 'node:events';
import * as pcap from 'pcap-parser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Capture } from '../support/capture.ts';
import { type Host, Lab } from '../support/netns.ts';
import { scapy } from '../support/scapy.ts';
import { transfer } from '../support/transfer.ts';
import { TRANSPORTS, VtepProcess } from '../support/vtep-process.ts';

/** Python: UDP datagrams from many ports to one. */
const MANY_FLOWS = `
import socket, sys
for port in range(20000, 20000 + int(sys.argv[1])):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("10.0.0.1", port))
    for _ in range(3):
        s.sendto(b"flow", ("10.0.0.2", 9))
`;
const DECODE = `
from scapy.utils import rdpcap
rows = []
for packet in rdpcap(given):
    if VXLAN not in packet or packet[IP].src != "192.0.2.1":
        continue
    outer, vxlan = packet[IP], packet[VXLAN]
    again = Ether(bytes(Ether(bytes(packet)).copy()))
    sent = packet[UDP].chksum
    del again[UDP].chksum
    right = Ether(bytes(again))[UDP].chksum
    rows.append([int(vxlan.flags), int(vxlan.vni), int(vxlan.reserved1), int(vxlan.reserved2), packet[UDP].sport, packet[UDP].dport, sent == right, str(outer.flags)])
answer(rows)
`;

describe.each(TRANSPORTS)('our datagrams, --transport %s', (transport) => {
  const lab = new Lab();
  let a: Host;
  let b: Host;
  beforeAll(async () => {
    a = lab.host('a');
    b = lab.host('b');
    lab.cable(a, ['192.0.2.1/24'], b, ['192.0.2.2/24']);
    await lab.wire(a, b);
    await b.run('ethtool', '-K', 'eth0', 'gro', 'off'); // captures show what was on the wire, not what b merged
    for (const [host, own, other] of [
      [a, 1, 2],
      [b, 2, 1],
    ] as const) {
      await VtepProcess.start(
        host,
        `vx0 id 4242 remote 192.0.2.${other} --transport ${transport} up address 10.0.0.${own}/24`,
      );
    }
    expect(await a.ping('10.0.0.2')).toBe(2);
  });
  afterAll(() => lab.close());

  it('are what RFC 7348 says, to tshark, scapy and a pcap reader', async () => {
    // finished checksums are seen where the wire ends
    const capture = await Capture.start(b, 'eth0', 'udp port 4789');
    expect(await a.ping('10.0.0.2')).toBe(2);
    await a.run('/usr/bin/python3', '-c', MANY_FLOWS, '100');
    expect(await a.ping('10.0.0.2')).toBe(2);
    await capture.stop();
    const fields = [
      'vxlan.vni',
      'vxlan.flags',
      'vxlan.reserved8',
      'udp.checksum.status',
      'udp.srcport',
      'ip.checksum.status',
    ];
    const rows = capture.tshark(fields, 'vxlan && ip.src == 192.0.2.1');
    const decoded = scapy<[number, number, number, number, number, number, boolean, string][]>(
      DECODE,
      capture.file,
    );
    const packets: Buffer[] = [];
    const parser = pcap.parse(capture.file);
    parser.on('packet', ({ data }: { data: Buffer }) => packets.push(data));
    await once(parser, 'end');

    expect(rows.length).toBeGreaterThan(300);
    for (const [vni, flags, reserved, checksums, ports] of rows) {
      expect(vni).toBe('4242');
      expect(flags).toBe('0x0800');
      expect(Number(reserved)).toBe(0);
      expect(checksums.split(',')[0]).toMatch(/^(1|Good)$/);
      expect(Number(ports.split(',')[0])).toBeGreaterThanOrEqual(49152);
    }
    expect(decoded).toHaveLength(rows.length);
    for (const row of decoded) {
      expect(row.slice(0, 4)).toEqual([8, 4242, 0, 0]);
      expect(row[5]).toBe(4789);
      expect(row[6]).toBe(true);
      expect(row[7]).toBe('DF');
    }
    const ours = packets.filter((packet) => packet.subarray(26, 30).equals(Buffer.from([192, 0, 2, 1])));
    expect(ours).toHaveLength(rows.length);
    for (const packet of ours) expect(packet.subarray(42, 50).toString('hex')).toBe('0800000000109200');
  });

  it('keep a flow at one source port, and spread many', async () => {
    const capture = await Capture.start(b, 'eth0', 'udp port 4789');
    await a.run('/usr/bin/python3', '-c', MANY_FLOWS, '200');
    expect(await a.ping('10.0.0.2')).toBe(2);
    await capture.stop();
    const rows = capture.tshark(['udp.srcport'], 'udp.dstport == 9 && !icmp');
    const ports = new Map<string, Set<string>>();
    for (const [row] of rows) {
      const [outer, inner] = row.split(',');
      ports.set(inner, (ports.get(inner) ?? new Set()).add(outer));
    }
    expect(ports.size).toBe(200);
    for (const outer of ports.values()) expect(outer.size).toBe(1);
    expect(new Set([...ports.values()].flatMap((outer) => [...outer])).size).toBeGreaterThan(40);
  });

  it('carry a bulk transfer without one bad checksum, inner or outer, and in order', async () => {
    // nothing is sent again for the time it took: what is, was lost or late
    await a.run('sysctl', '-qw', 'net.ipv4.tcp_early_retrans=0', 'net.ipv4.tcp_rto_min_us=5000000');
    const wire = await Capture.start(b, 'eth0', 'udp port 4789', 2048);
    const tap = await Capture.start(b, 'vx0', 'tcp', 128);
    const [sent, got] = await transfer({
      from: a,
      to: b,
      address: '10.0.0.2',
      protocol: 'tcp',
      size: 20 << 20,
      rate: 30 << 20,
    });
    expect([await wire.stop(), await tap.stop()]).toEqual([0, 0]);
    expect(got).toBe(sent);
    const bad = 'tcp.checksum.status == "Bad" || udp.checksum.status == "Bad" || ip.checksum.status == "Bad"';
    const segments = wire.tshark(['tcp.len'], 'tcp && ip.src == 192.0.2.1 && tcp.len > 0').length;
    const wrong = wire.tshark(['frame.number'], bad).length;
    expect(segments).toBeGreaterThan(10_000);
    expect(wrong).toBe(0);
    const disorder = [
      'retransmission',
      'fast_retransmission',
      'out_of_order',
      'lost_segment',
      'duplicate_ack',
    ];
    const filter = disorder.map((what) => `tcp.analysis.${what}`).join(' || ');
    for (const capture of [wire, tap]) expect(capture.tshark(['frame.number'], filter)).toEqual([]);
  });
});
