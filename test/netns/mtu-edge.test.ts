/**
 * The largest frame that passes, seen on the underlay too, and one byte more.
 *
 *   a [ vx0 ] eth0 ──── eth0 [ vx0 of the kernel ] b          also with a container behind a bridge:
 *   c [ eth1 ] ──── [ br0 + vx0 ] a
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Capture } from '../support/capture.ts';
import { type Host, Lab } from '../support/netns.ts';
import { TRANSPORTS, VtepProcess } from '../support/vtep-process.ts';
import { waitFor } from '../support/wait-for.ts';

const FAMILIES = {
  IPv4: {
    local: '192.0.2.1',
    remote: '192.0.2.2',
    mtu: 1450,
    length: 'ip.len',
    outer: 1500,
    noFragment: 'ip.flags.df',
  },
  IPv6: {
    local: '2001:db8::1',
    remote: '2001:db8::2',
    mtu: 1430,
    length: 'ipv6.plen',
    outer: 1460,
    noFragment: 'ipv6.version',
  },
} as const;
/** Python: one frame, given in hex, out of a device. */
const SEND_FRAME = `
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
s.send(bytes.fromhex(sys.argv[2]))
`;
const CASES = TRANSPORTS.flatMap((transport) =>
  (['IPv4', 'IPv6'] as const).map((family) => ({ transport, family })),
);

describe.each(CASES)('the MTU edge, $transport over $family', ({ transport, family }) => {
  const lab = new Lab();
  const { local, remote, mtu, length, outer, noFragment } = FAMILIES[family];
  let a: Host;
  let b: Host;
  let c: Host;
  let vtep: VtepProcess;

  beforeAll(async () => {
    a = lab.host('a');
    b = lab.host('b');
    c = lab.host('c');
    lab.cable(a, ['192.0.2.1/24', '2001:db8::1/64'], b, ['192.0.2.2/24', '2001:db8::2/64']);
    vtep = await VtepProcess.start(a, `vx0 id 42 remote ${remote} dev eth0 --transport ${transport} up`);
    b.ip(`link add vx0 type vxlan id 42 remote ${local} dstport 4789 dev eth0 df set`);
    b.ip('address add 10.0.0.2/24 dev vx0', 'address add fd00::2/64 dev vx0', 'link set vx0 up');
    a.ip(
      'link add br0 type bridge',
      'link set vx0 master br0',
      `link set br0 mtu ${mtu} up`,
      'address add 10.0.0.1/24 dev br0',
      'address add fd00::1/64 dev br0',
    );
    a.ip(`link add toc type veth peer name eth1 netns ${c.netns}`, `link set toc master br0 mtu ${mtu} up`);
    c.ip(
      'address add 10.0.0.3/24 dev eth1',
      'address add fd00::3/64 dev eth1',
      `link set eth1 mtu ${mtu} up`,
    );
    await a.settled('br0');
    await c.settled('eth1');
    expect(await a.ping('10.0.0.2')).toBe(2);
  });
  afterAll(() => lab.close());

  // the edge as an ICMP payload: an inner packet of exactly the MTU
  it.each([
    ['IPv4', '10.0.0.2', mtu - 28],
    ['IPv6', 'fd00::2', mtu - 48],
  ])('lets the largest %s packet pass, and one more byte not', async (_, to, edge) => {
    const capture = await Capture.start(a, 'eth0');
    expect(await a.ping(to, '-M', 'do', '-s', `${edge}`)).toBe(2);
    expect(await a.ping(to, '-M', 'do', '-s', `${edge + 1}`)).toBe(0);
    // the same from behind a bridge
    expect(await c.ping(to, '-M', 'do', '-s', `${edge}`)).toBe(2);
    expect(await c.ping(to, '-M', 'do', '-s', `${edge + 1}`)).toBe(0);
    await capture.stop();
    const [source, ...judged] = [family === 'IPv4' ? 'ip.src' : 'ipv6.src', length, noFragment];
    const fields = ['frame.len', source, ...judged, 'ip.flags.mf', 'ip.frag_offset', 'ipv6.fraghdr.offset'];
    const rows = capture.tshark(fields).map((row) => row.map((field) => field.split(',')[0]));
    const sent = rows.filter(([size, from]) => Number(size) > 1300 && from === local);
    expect(sent).toHaveLength(4);
    for (const [, , bytes, df] of sent) {
      expect(bytes).toBe(`${outer}`);
      expect(df).toMatch(family === 'IPv4' ? /1|True/ : /6/);
    }
    for (const [, , , , more, offset, header] of rows) {
      expect([more, offset, header]).toEqual([
        expect.stringMatching(/^(0|False)?$/),
        expect.stringMatching(/^0?$/),
        '',
      ]);
    }
  });

  it('carries fragments of larger packets', async () => {
    expect(await a.ping('10.0.0.2', '-s', '20000')).toBe(2);
    expect(await b.ping('10.0.0.1', '-s', '20000')).toBe(2);
  });

  it.each([
    ['there', 'one tag', '8100c007'],
    ['back', 'one tag', '8100c007'],
    ['there', 'two tags', '88a8006481000007'],
  ])('carries tagged frames %s, %s', async (direction, _, tags) => {
    const [from, to] = direction === 'there' ? [a, b] : [b, a];
    const frame = `02000000000${direction === 'there' ? 1 : 2}02000000000a${tags}88b5${'7e'.repeat(46)}`;
    const capture = await Capture.start(to, 'vx0', 'not icmp6');
    await from.run('/usr/bin/python3', '-c', SEND_FRAME, 'vx0', frame);
    await waitFor(() => capture.bytes().includes('7e'.repeat(46)), 'the tagged frame');
    await capture.stop();
    expect(capture.bytes()).toContain(frame);
  });

  if (transport === 'native') {
    // a tag is four bytes that the MTU of the TAP says nothing about; node:dgram cannot forbid to cut what they make
    it('carries a tagged frame that fills the way, counts one byte more, and lets nobody cut it', async () => {
      const tagged = (payload: number) => `02000000000302000000000a8100c00788b5${'7d'.repeat(payload)}`;
      const [arrived, way] = [await Capture.start(b, 'vx0'), await Capture.start(a, 'eth0')];
      const before = await vtep.counter('too-big');
      for (const payload of [mtu - 3, mtu - 4, mtu - 3])
        await a.run('/usr/bin/python3', '-c', SEND_FRAME, 'vx0', tagged(payload));
      await waitFor(async () => (await vtep.counter('too-big')) >= before + 2, 'the frames that do not fit');
      await waitFor(() => arrived.bytes().includes(tagged(mtu - 4)), 'the frame that fits');
      expect((await vtep.counter('too-big')) - before).toBe(2);
      await way.stop();
      await arrived.stop();
      expect(arrived.bytes().split('7d'.repeat(100)).length - 1).toBe(Math.floor((mtu - 4) / 100));
      expect(way.tshark(['frame.len'], 'frame contains 7d:7d:7d:7d')).toEqual([['1514']]);
    });
  }
});

describe('where the MTU comes from', () => {
  const lab = new Lab();
  let a: Host;
  beforeAll(() => {
    a = lab.host('a');
    const b = lab.host('b');
    lab.cable(a, ['192.0.2.1/24', '2001:db8::1/64'], b, ['192.0.2.2/24']);
    a.ip('link set eth0 mtu 1400', 'route add 198.51.100.0/24 via 192.0.2.2 mtu 1300');
  });
  afterAll(() => lab.close());

  it.each([
    ['the device', 'dev eth0', 1350],
    ['the device, IPv6', 'dev eth0 local 2001:db8::1', 1330],
    ['the route', 'remote 198.51.100.1', 1250],
    ['nothing', '', 1500],
    ['the word', 'remote 198.51.100.1 mtu 900', 900],
  ])('%s', async (_, words, expected) => {
    const vtep = await VtepProcess.start(a, `vx0 id 42 ${words}`.trim());
    const [{ mtu }] = await a.json<{ mtu: number }[]>('ip', '-j', 'link', 'show', 'vx0');
    await vtep.stop();
    expect(mtu).toBe(expected);
    expect(vtep.stdout).toContain(`mtu ${expected},`);
  });
});
