/**
 * Neighbour solicitations answered by the VTEP, with the kernel's proxy as the oracle: the same frames to both.
 *
 *   kernel [ vx0 proxy ] 192.0.2.1 ──── 192.0.2.2 peer          ours, between two ports of the test
 */
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Capture } from '../support/capture.ts';
import { KernelLink } from '../support/kernel-link.ts';
import { questions } from '../support/nd.ts';
import { Lab } from '../support/netns.ts';
import { TRANSPORTS, VtepProcess } from '../support/vtep-process.ts';
import { outcomeOf, world } from '../support/world.ts';

const NEIGHBORS = ['fd00::20', 'fd00::21', 'fd00::22', 'fe80::20'];
const ROUTER = 'fd00::21';
const mac = (ip: string) => `02:00:00:00:00:${ip.slice(-2)}`;

const ASKED = questions(
  ['fd00::20'],
  ['fd00::21'], // a router
  ['fd00::23'], // nobody knows
  ['fe80::20', { src: 'fe80::55' }],
  ['fd00::20', { dst: 'fd00::20' }], // to see whether it is still there
  ['fd00::20', { options: [] }],
  ['fd00::20', { options: [['mac', '02:00:00:00:00:66']] }], // answered to the MAC that it says
  [
    'fd00::20',
    {
      options: [
        ['raw', '0e01112233445566'],
        ['mac', '02:00:00:00:00:66'],
      ],
    },
  ],
  ['fd00::20', { options: [['raw', '0000000000000000']] }], // an option without a length
  ['fd00::20', { options: [['raw', '0102020000000066']] }], // one that is longer than the packet
  ['fd00::20', { tc: 0xb8 }],
  ['fd00::20', { hlim: 64 }],
  ['fd00::20', { code: 1 }], // no question, and so carried
  ['fd00::20', { tag: 7 }],
  ['fd00::20', { hop: 1 }],
  ['fd00::20', { cut: 77 }],
  ['fd00::20', { cut: 78 }],
  ['ff02::1'],
  ['fd00::20', { dst: '::1' }],
  ['fd00::20', { plen: 8 }],
);
/** Somebody without an address yet asks whether one is taken. */
const PROBE = questions(['fd00::20', { src: '::', options: [] }]);

describe('the proxy and neighbour solicitations', () => {
  let lab: Lab;
  beforeEach(() => {
    lab = new Lab();
  });
  afterEach(() => lab.close());

  function ours(frames: readonly string[]) {
    const w = world({ proxy: true, remotes: ['10.0.0.1'] });
    for (const ip of NEIGHBORS) w.vtep.neighbors.replace({ ip, mac: mac(ip) });
    w.routers(mac(ROUTER));
    return outcomeOf(w, frames);
  }

  async function kernels(frames: readonly string[]) {
    const kernel = new KernelLink(lab, 'remote 192.0.2.2 proxy l3miss');
    kernel.host.ip(...NEIGHBORS.map((ip) => `neigh add ${ip} lladdr ${mac(ip)} dev vx0 nud permanent`));
    await kernel.host.run('bridge', 'fdb', 'add', mac(ROUTER), 'dev', 'vx0', 'dst', '192.0.2.2', 'router');
    return kernel.carry(frames);
  }

  it('answers, consumes, carries and asks for what the kernel does', async () => {
    const expected = await kernels(ASKED);
    expect(expected.replies.length).toBeGreaterThan(6);
    expect(expected.left.length).toBeGreaterThanOrEqual(3);
    expect(ours(ASKED)).toEqual(expected);
  });

  it('who has no address yet is told, where the kernel answers nobody', async () => {
    const [[theirs], [told]] = [(await kernels(PROBE)).replies, ours(PROBE).replies];
    // the kernel writes the unspecified address where a destination should be
    expect(theirs.slice(76, 108)).toBe('0'.repeat(32));
    expect(told.slice(0, 12)).toBe('333300000001');
    expect(told.slice(76, 108)).toBe(`ff02${'0'.repeat(27)}1`);
    // the same otherwise: target, its MAC, override, and not solicited
    expect([told.slice(124), told.slice(116, 118)]).toEqual([theirs.slice(124), '20']);
  });
});

/*
 *   a [ vx0, suppress ] 192.0.2.1 ──── 192.0.2.2 [ vx0 fd00::2 of the kernel ] b
 */
describe.each(TRANSPORTS)('suppress between hosts, --transport %s', (transport) => {
  const lab = new Lab();
  afterAll(() => lab.close());

  it('what the peer said of itself is answered from then on, and nothing is asked of it again', async () => {
    const [a, b] = [lab.host('a'), lab.host('b')];
    lab.cable(a, ['192.0.2.1/24'], b, ['192.0.2.2/24']);
    b.ip('link add vx0 type vxlan id 42 remote 192.0.2.1 dstport 4789 dev eth0', 'link set vx0 up');
    b.ip('address add fd00::2/64 dev vx0');
    const vtep = await VtepProcess.start(
      a,
      `vx0 id 42 remote 192.0.2.2 suppress --transport ${transport} up`,
    );
    a.ip('address add fd00::1/64 dev vx0');
    await Promise.all([a.settled('vx0'), b.settled('vx0')]);
    expect(await a.ping('fd00::2')).toBe(2);
    const capture = await Capture.start(a, 'eth0', 'udp port 4789 and src host 192.0.2.1');
    a.ip('neigh flush dev vx0');
    expect(await a.ping('fd00::2')).toBe(2);
    await capture.stop();
    expect(capture.tshark(['icmpv6.type'], 'icmpv6.type == 128').length).toBe(2);
    expect(capture.tshark(['icmpv6.type'], 'icmpv6.type == 135 && eth.dst[0:2] == 33:33')).toEqual([]);
    expect(await vtep.counter('proxy-answered')).toBeGreaterThanOrEqual(1);
    await vtep.stop();
  });
});
