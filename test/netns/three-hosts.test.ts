/**
 * Head-end replication among three hosts, and what changes in the life of an overlay.
 *
 *   a [ vx0 10.0.0.1 ]   b [ vx0 10.0.0.2 ]   k [ vx0 10.0.0.3, the kernel ]
 *     192.0.2.1            192.0.2.2            192.0.2.3
 *         └────────────── switch ──────────────────┘
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Capture } from '../support/capture.ts';
import { type Host, Lab } from '../support/netns.ts';
import { TRANSPORTS, VtepProcess } from '../support/vtep-process.ts';
import { waitFor } from '../support/wait-for.ts';

/** Python: a broadcast of its own from a MAC, out of a device. */
const ANNOUNCE = `
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("vx0", 0))
s.send(bytes.fromhex("ffffffffffff" + sys.argv[1] + "88b5" + sys.argv[2] * 46))
`;

describe.each(TRANSPORTS)('three hosts, --transport %s', (transport) => {
  const lab = new Lab();
  let a: Host;
  let b: Host;
  let k: Host;
  let middle: Host;
  let vtepA: VtepProcess;
  const start = (host: Host, number: number, others: string) =>
    VtepProcess.start(
      host,
      `vx0 id 42 ${others} ageing 2 --transport ${transport} up address 10.0.0.${number}/24`,
    );
  const announce = (host: Host, mac: string, filler: string) =>
    host.run('/usr/bin/python3', '-c', ANNOUNCE, mac, filler);

  beforeAll(async () => {
    a = lab.host('a');
    b = lab.host('b');
    k = lab.host('k');
    middle = lab.switch([
      [a, '192.0.2.1/24'],
      [b, '192.0.2.2/24'],
      [k, '192.0.2.3/24'],
    ]);
    vtepA = await start(a, 1, 'remote 192.0.2.2 remote 192.0.2.3');
    await start(b, 2, 'remote 192.0.2.1 remote 192.0.2.3');
    k.ip(
      'link add vx0 type vxlan id 42 dstport 4789 dev eth0',
      'address add 10.0.0.3/24 dev vx0',
      'link set vx0 up',
    );
    for (const dst of ['192.0.2.1', '192.0.2.2'])
      await k.run('bridge', 'fdb', 'append', '00:00:00:00:00:00', 'dev', 'vx0', 'dst', dst);
  });
  afterAll(() => lab.close());

  it('pings every way', async () => {
    const hosts = [a, b, k];
    for (const from of hosts) {
      for (const to of hosts)
        if (from !== to) expect(await from.ping(`10.0.0.${hosts.indexOf(to) + 1}`)).toBe(2);
    }
  });

  it('sends a broadcast once to each, and nothing back into the tunnel', async () => {
    const capture = await Capture.start(middle, 'any', 'udp port 4789 and greater 90');
    await announce(a, '020000000001', '5a');
    const seen = () => capture.bytes().split('5a'.repeat(46)).length - 1;
    // each copy enters the switch by one port and leaves it by another; the bridge itself shows them too
    await waitFor(() => seen() >= 4, 'the copies');
    expect(await a.ping('10.0.0.2')).toBe(2);
    await capture.stop();
    const rows = capture.tshark(
      ['ip.src', 'ip.dst', 'udp.srcport', 'ip.id'],
      'data.data contains 5a:5a:5a:5a',
    );
    capture.remove();
    const copies = new Set(rows.map((row) => row.slice(0, 2).join(' > ')));
    expect(copies).toEqual(new Set(['192.0.2.1 > 192.0.2.2', '192.0.2.1 > 192.0.2.3']));
    expect(new Set(rows.map((row) => row.join(' '))).size).toBe(2);
  });

  it('follows a MAC that moves', async () => {
    const mac = '02:00:00:00:aa:01';
    await announce(b, mac.replaceAll(':', ''), '11');
    await waitFor(
      async () => (await vtepA.dump()).includes(`${mac} dev vx0 dst 192.0.2.2`),
      'the MAC behind b',
    );
    await announce(k, mac.replaceAll(':', ''), '12');
    await waitFor(
      async () => (await vtepA.dump()).includes(`${mac} dev vx0 dst 192.0.2.3`),
      'the MAC behind k',
    );
    expect((await vtepA.dump()).split(mac)).toHaveLength(2);
  });

  it('forgets what was not confirmed for the ageing time', async () => {
    const mac = '02:00:00:00:aa:02';
    await announce(b, mac.replaceAll(':', ''), '13');
    await waitFor(async () => (await vtepA.dump()).includes(mac), 'the MAC');
    await waitFor(async () => !(await vtepA.dump()).includes(mac), 'the MAC to age');
    expect(await vtepA.dump()).toContain('00:00:00:00:00:00 dev vx0 dst 192.0.2.2');
  });

  it('heals after kill -9, with the same MAC', async () => {
    const mac = async () =>
      (await a.json<{ address: string }[]>('ip', '-j', 'link', 'show', 'vx0'))[0].address;
    const before = await mac();
    expect(await b.ping('10.0.0.1')).toBe(2);
    await vtepA.stop('SIGKILL');
    await waitFor(async () => !(await a.run('ip', 'link')).includes('vx0'), 'the TAP to vanish');
    expect(await b.ping('10.0.0.1', '-c', '1', '-W', '1')).toBe(0);
    vtepA = await start(a, 1, 'remote 192.0.2.2 remote 192.0.2.3');
    expect(await mac()).toBe(before);
    await waitFor(async () => (await b.ping('10.0.0.1', '-c', '1')) === 1, 'b to reach a again');
    await waitFor(async () => (await k.ping('10.0.0.1', '-c', '1')) === 1, 'k to reach a again');
  });

  it('waits for a peer that is not there yet', async () => {
    const late = lab.host('late');
    const [portName, address] = ['late0', '192.0.2.4/24'];
    late.ip(
      `link add eth0 type veth peer name ${portName} netns ${middle.netns}`,
      `address add ${address} dev eth0`,
      'link set eth0 up',
    );
    middle.ip(`link set ${portName} master br0 up`);
    const early = await VtepProcess.start(
      a,
      `vx9 id 9 dstport 4790 remote 192.0.2.4 --transport ${transport} up address 10.9.0.1/24`,
    );
    expect(await a.ping('10.9.0.4', '-c', '3')).toBe(0);
    await VtepProcess.start(
      late,
      `vx9 id 9 dstport 4790 remote 192.0.2.1 --transport ${transport} up address 10.9.0.4/24`,
    );
    await waitFor(async () => (await a.ping('10.9.0.4', '-c', '1')) === 1, 'the late peer to answer');
    if (transport === 'native') expect(await early.counter('refused')).toBeGreaterThan(0);
    expect((await early.stop()).code).toBe(0);
  });
});

describe('two VTEPs on one host', () => {
  const lab = new Lab();
  let a: Host;
  beforeAll(() => {
    a = lab.host('a');
    a.ip('address add 192.0.2.1/24 dev lo', 'address add 192.0.2.2/24 dev lo');
  });
  afterAll(() => lab.close());

  it('speak with each other on two addresses', async () => {
    const first = await VtepProcess.start(a, 'vx1 id 5 local 192.0.2.1 remote 192.0.2.2 up');
    const second = await VtepProcess.start(a, 'vx2 id 5 local 192.0.2.2 remote 192.0.2.1 up');
    a.ip('link add br0 type bridge', 'link set br0 up');
    const before = await second.counter('rxFrames');
    await a.run('/usr/bin/python3', '-c', ANNOUNCE.replace('"vx0"', '"vx1"'), '020000000005', '77');
    await waitFor(async () => (await second.counter('rxFrames')) > before, 'the frame at the second');
    expect(await second.counter('own-datagram')).toBe(0);
    expect(await first.counter('txFrames')).toBeGreaterThan(0);
  });

  it('refuses its own datagrams when the underlay brings them back', async () => {
    // its own address as a remote: what it floods comes back to it
    const vtep = await VtepProcess.start(a, 'vx3 id 6 dstport 4999 local 192.0.2.1 remote 192.0.2.1 up');
    await a.run('/usr/bin/python3', '-c', ANNOUNCE.replace('"vx0"', '"vx3"'), '020000000006', '78');
    await waitFor(async () => (await vtep.counter('own-datagram')) > 0, 'the datagram that came back');
    expect(await vtep.counter('rxFrames')).toBe(0);
  });
});
