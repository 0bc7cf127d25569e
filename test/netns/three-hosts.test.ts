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
    // over a veth as it comes, two equal datagrams cross as one train, and a capture shows one packet
    await lab.wire(a, b, k);
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

  it.each([
    ['a', 0],
    ['b', 1],
    ['k', 2],
  ])('sends a broadcast of %s once to each, and nothing back into the tunnel', async (_, sender) => {
    const hosts = [a, b, k];
    const captures = await Promise.all(
      hosts.map((_, port) => Capture.start(middle, `port${port}`, 'udp port 4789')),
    );
    await announce(hosts[sender], '020000000001', '5a');
    // its pings take the same way behind it: when they are answered, whatever a copy caused has passed too
    for (const i of hosts.keys())
      if (i !== sender) expect(await hosts[sender].ping(`10.0.0.${i + 1}`)).toBe(2);
    const copies: string[][] = [];
    for (const capture of captures) {
      await capture.stop();
      const rows = capture.tshark(['ip.src', 'ip.dst'], 'frame contains 5a:5a:5a:5a:5a:5a:5a:5a');
      copies.push(rows.map(([from, to]) => `${from.at(-1)} > ${to.at(-1)}`).sort());
    }
    // all that leave by the sender's cable, and one on the cable of each other host
    const [first, second] = [1, 2, 3].filter((n) => n !== sender + 1).map((n) => `${sender + 1} > ${n}`);
    const expected = [[first], [second]];
    expected.splice(sender, 0, [first, second]);
    expect(copies).toEqual(expected);
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

describe.each(TRANSPORTS)('two VTEPs on one host, --transport %s', (transport) => {
  const lab = new Lab();
  let a: Host;
  let b: Host;
  beforeAll(() => {
    a = lab.host('a');
    b = lab.host('b');
    lab.cable(a, ['192.0.2.1/24', '192.0.2.11/24'], b, ['192.0.2.2/24']);
  });
  afterAll(() => lab.close());

  it('have the same VNI at two ports', async () => {
    for (const [i, port] of [4789, 4790].entries()) {
      const words = `id 5 dstport ${port} remote 192.0.2.2 --transport ${transport}`;
      await VtepProcess.start(a, `vx${i} ${words} up address 10.${i}.0.1/24`);
      b.ip(`link add vx${i} type vxlan id 5 dstport ${port} remote 192.0.2.1 dev eth0`);
      b.ip(`address add 10.${i}.0.2/24 dev vx${i}`, `link set vx${i} up`);
    }
    for (const i of [0, 1]) {
      expect(await a.ping(`10.${i}.0.2`)).toBe(2);
      expect(await b.ping(`10.${i}.0.1`)).toBe(2);
    }
  });

  it('speak with each other at two addresses', async () => {
    const words = `id 6 dstport 4791 --transport ${transport} up`;
    const first = await VtepProcess.start(a, `vx2 ${words} local 192.0.2.1 remote 192.0.2.11`);
    const second = await VtepProcess.start(a, `vx3 ${words} local 192.0.2.11 remote 192.0.2.1`);
    await a.run('/usr/bin/python3', '-c', ANNOUNCE.replace('vx0', 'vx2'), '020000000005', '77');
    const learned = '02:00:00:00:00:05 dev vx3 dst 192.0.2.1 ';
    await waitFor(async () => (await second.dump()).includes(learned), 'the frame at the second');
    expect(await second.counter('own-datagram')).toBe(0);
    expect(await first.counter('own-datagram')).toBe(0);
  });

  it('refuses its own datagrams when the underlay brings them back', async () => {
    // its own address as a remote: what it floods comes back to it
    const words = `id 7 dstport 4999 local 192.0.2.1 remote 192.0.2.1 --transport ${transport} up`;
    const vtep = await VtepProcess.start(a, `vx4 ${words}`);
    await a.run('/usr/bin/python3', '-c', ANNOUNCE.replace('vx0', 'vx4'), '020000000006', '78');
    await waitFor(async () => (await vtep.counter('own-datagram')) > 0, 'the datagram that came back');
    expect(await vtep.counter('rxFrames')).toBe(0);
    expect(await vtep.dump()).not.toContain('02:00:00:00:00:06');
  });
});
