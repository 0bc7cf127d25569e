/**
 * The same script to a vxlan link of the kernel and to ours (`test/support/side-by-side.ts`). What a VTEP has to do, and
 * where it is shown; those below are in this file, the others compare with the kernel as well.
 *
 *   receive      1 order, drops         datagrams from the underlay
 *                2 the port in use      mistakes.test.ts
 *                3 EEXIST               two links
 *                4 own MAC              datagrams from the underlay; groups.test.ts
 *                5 ECN                  ecn.test.ts
 *   learning     6-8, 10, 11            what is learned
 *                9 ageing               ageing
 *   fdb verbs    12-16                  fdb-differential.test.ts
 *   transmit     17-20                  frames into the tunnel; groups.test.ts, short-circuit.test.ts (misses of the proxy)
 *                21 outer header        outer-header.test.ts
 *                22 source ports        frames into the tunnel
 *   proxies      23-25                  frames into the tunnel; proxy.test.ts, nd-proxy.test.ts
 *   rsc          26                     short-circuit.test.ts
 *   MTU          27                     attributes.test.ts, kernel-peer.test.ts
 *                28 too big             path-mtu.test.ts
 *   counters     29                     datagrams from the underlay
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { datagram, type Odd } from '../support/datagrams.ts';
import { Lab } from '../support/netns.ts';
import { REMOTES, SideBySide } from '../support/side-by-side.ts';
import { LINK_MAC } from '../support/twins.ts';
import { waitFor } from '../support/wait-for.ts';

const lab = new Lab();
let twins: SideBySide;
beforeAll(async () => {
  twins = await SideBySide.open(lab);
});
afterAll(() => lab.close());

const LOCAL = 'local 192.0.2.1';
const ALL = 'ffffffffffff';
const [A, B, C] = ['0200000000a1', '0200000000a2', '0200000000a3'];
const GROUP = '01005e000001';
const colons = (mac: string) => mac.replace(/..(?=.)/g, '$&:');
let number = 0;
/** Each is another one. */
const frame = (to: string, from: string) =>
  `${to}${from}88b5${(++number).toString(16).padStart(8, '0')}`.padEnd(120, 'a5');
const from = (remote: string, mac: string, odd: Odd = {}) =>
  datagram(frame(ALL, mac), { from: remote, ...odd });
const [FIRST, SECOND, THIRD] = REMOTES;

describe('datagrams from the underlay', () => {
  const counters = async () => (await twins.ours.link()).counters ?? {};
  const DROPPED: [what: string, reason: string, packet: () => string][] = [
    ['without the I flag', 'no-vni-flag', () => from(FIRST, A, { flags: 0 })],
    ['of another VNI', 'unknown-vni', () => from(FIRST, A, { vni: 43 })],
    ['with another flag', 'reserved-bits', () => from(FIRST, A, { flags: 0x0c00_0000 })],
    ['with a reserved byte', 'reserved-bits', () => from(FIRST, A, { last: 1 })],
    ['of a group', 'bad-source-mac', () => from(FIRST, GROUP)],
    ['of nobody', 'bad-source-mac', () => from(FIRST, '000000000000')],
    ['of the device itself', 'own-mac', () => from(FIRST, LINK_MAC.replaceAll(':', ''))],
    ['of a static address elsewhere', 'static-mac-elsewhere', () => from(SECOND, B)],
    ['too short', 'datagram-short', () => from(FIRST, A, { cut: 47 })],
  ];

  beforeAll(async () => {
    await twins.make(`${LOCAL} remote ${FIRST}`);
    await twins.say(`fdb add ${colons(B)} dev vx0 dst ${FIRST} static`);
  });

  it.each(DROPPED)('%s are dropped: %s', async (_, reason, packet) => {
    const before = (await counters())[reason];
    expect(await twins.in(packet())).toMatchObject({ came: [], left: [] });
    expect((await counters())[reason]).toBe(before + 1);
    await twins.sameTable();
  });

  it('with a wrong checksum are dropped, and those with the right one or none are not', async () => {
    expect((await twins.in(from(FIRST, A, { checksum: 0x1234 }))).came).toEqual([]);
    expect((await twins.in(from(FIRST, A))).came).toHaveLength(1);
  });

  it("to another port are nobody's", async () => {
    expect((await twins.in(from(FIRST, A, { port: 4790 }))).came).toEqual([]);
  });

  it('come out once, and never go back into the tunnel', async () => {
    const packets = [
      from(FIRST, A),
      from(SECOND, C),
      from(THIRD, C),
      datagram(frame(GROUP, A)),
      datagram(frame(B, A)),
    ];
    const { came, left } = await twins.in(...packets);
    expect(came).toHaveLength(packets.length);
    expect(left).toEqual([]);
  });

  it('have their tags as they came', async () => {
    const tagged = `${ALL}${A}8100002a88b5`.padEnd(128, 'a5');
    expect((await twins.in(datagram(tagged))).came).toHaveLength(1);
  });
});

describe('what is learned', () => {
  it('is where a source is, at the port of the link', async () => {
    await twins.make(`${LOCAL} remote ${FIRST}`);
    await twins.in(from(SECOND, A, { sourcePort: 61_000 }));
    const table = await twins.sameTable();
    expect(table.find(({ mac }) => mac === colons(A))).toMatchObject({ dst: SECOND, port: undefined });
    const { left } = await twins.out(frame(A, C));
    expect(left).toMatchObject([{ to: SECOND, port: 4789 }]);
  });

  it('moves with its source, and that is told', async () => {
    await twins.make(LOCAL);
    for (const remote of [FIRST, SECOND, SECOND, THIRD, FIRST]) await twins.in(from(remote, A));
    await twins.sameTable();
    const events = await twins.sameEvents();
    expect(events.map(({ dst }) => dst)).toEqual([FIRST, SECOND, THIRD, FIRST]);
  });

  it('moves in its address alone: port and VNI of an entry stay', async () => {
    await twins.make(LOCAL);
    await twins.say(`fdb add ${colons(A)} dev vx0 dst ${FIRST} port 8472 vni 77 dynamic`);
    await twins.in(from(SECOND, A));
    expect(await twins.sameTable()).toMatchObject([{ dst: SECOND, port: 8472, vni: 77 }]);
    expect((await twins.out(frame(A, B))).left).toMatchObject([{ to: SECOND, port: 8472 }]);
  });

  it('takes over a dynamic entry, and moves none that is static or permanent', async () => {
    await twins.make(LOCAL);
    const states = ['dynamic', 'static', 'permanent', 'dynamic extern_learn'];
    const macs = states.map((_, i) => `0200000000b${i}`);
    for (const [i, state] of states.entries()) {
      await twins.say(`fdb add ${colons(macs[i])} dev vx0 dst ${FIRST} ${state}`);
    }
    for (const mac of macs) {
      await twins.in(from(SECOND, mac));
      await twins.in(from(FIRST, mac));
      await twins.in(from(THIRD, mac));
    }
    const table = await twins.sameTable();
    expect(table.filter(({ dst }) => dst === FIRST).length).toBeGreaterThanOrEqual(2);
    expect(table.filter(({ dst }) => dst === THIRD).length).toBeGreaterThanOrEqual(1);
    await twins.sameEvents();
  });

  it('is nothing with nolearning, also where that is said later', async () => {
    await twins.make(`${LOCAL} nolearning`);
    expect((await twins.in(from(FIRST, A))).came).toHaveLength(1);
    expect(await twins.sameTable()).toEqual([]);
    await twins.say('link set vx0 type vxlan learning');
    await twins.in(from(FIRST, A));
    expect(await twins.sameTable()).toHaveLength(1);
    await twins.say('link set vx0 type vxlan nolearning');
    // without learning nobody asks where a source should be
    expect((await twins.in(from(SECOND, A))).came).toHaveLength(1);
    expect(await twins.sameTable()).toMatchObject([{ dst: FIRST }]);
  });

  it('is forgotten when the link goes down; what was made by hand stays', async () => {
    await twins.make(`${LOCAL} remote ${FIRST}`);
    await twins.say(`fdb append ${colons(GROUP)} dev vx0 dst ${SECOND}`);
    const states = ['static', 'permanent', 'dynamic', 'dynamic extern_learn'];
    for (const [i, state] of states.entries()) {
      await twins.say(`fdb add 02:00:00:00:00:c${i} dev vx0 dst ${FIRST} ${state}`);
    }
    await twins.in(from(SECOND, A));
    expect(await twins.sameTable()).toHaveLength(states.length + 3);
    await twins.say('link set vx0 down');
    const settled = async () => (await twins.ours.table()).every(({ mac }) => mac !== colons(A));
    await waitFor(settled, 'the learned one to go');
    await twins.sameTable();
    await twins.say('link set vx0 up');
    await twins.sameTable();
    await twins.sameEvents();
    expect((await twins.out(frame(A, C))).left).toHaveLength(1);
  });

  it('has no more room than maxaddress, and the frame comes out all the same', async () => {
    await twins.make(`${LOCAL} maxaddress 3`);
    expect((await twins.in(from(FIRST, A), from(FIRST, B), from(FIRST, C))).came).toHaveLength(3);
    expect(await twins.sameTable()).toHaveLength(2); // one place is the mark's
    expect(await twins.say('fdb add 02:00:00:00:00:d1 dev vx0 dst 192.0.2.2')).toBe('');
    expect(await twins.say('fdb add 02:00:00:00:00:d2 dev vx0 dst 192.0.2.2')).toBe('ENOSPC');
    expect(await twins.say('fdb append 00:00:00:00:00:00 dev vx0 dst 192.0.2.2')).toBe('ENOSPC');
  });
});

describe('ageing', () => {
  it('forgets who sends nothing, whatever is sent to it; what was made by hand stays, but for the dynamic', async () => {
    await twins.make(`${LOCAL} remote ${FIRST} ageing 4`);
    for (const [i, state] of ['dynamic', 'static', 'permanent', 'dynamic extern_learn'].entries()) {
      await twins.say(`fdb add 02:00:00:00:00:c${i} dev vx0 dst ${FIRST} ${state}`);
    }
    await twins.in(from(FIRST, A), from(FIRST, B));
    const settled = async () => {
      await twins.out(frame(A, C));
      await twins.in(from(FIRST, B));
      const tables = [await twins.ours.table(), await twins.theirs.table()];
      return tables.every((table) => table.length === 5);
    };
    await waitFor(settled, 'the old ones to go', 40_000);
    expect((await twins.sameTable()).map(({ mac }) => mac)).toContain(colons(B));
    await twins.sameEvents();
  });
});

describe('frames into the tunnel', () => {
  it('go to the entry, else to all default destinations, each a copy', async () => {
    await twins.make(`${LOCAL} remote ${FIRST} l2miss`);
    await twins.say(`fdb append 00:00:00:00:00:00 dev vx0 dst ${SECOND} port 4790`);
    await twins.say(`fdb append 00:00:00:00:00:00 dev vx0 dst ${THIRD} vni 77`);
    await twins.say(`fdb add ${colons(A)} dev vx0 dst ${THIRD} port 8472 vni 99`);
    expect((await twins.out(frame(A, C))).left).toHaveLength(1);
    for (const to of [B, ALL, GROUP, LINK_MAC.replaceAll(':', '')]) {
      expect((await twins.out(frame(to, C))).left).toHaveLength(3);
    }
    await twins.sameEvents();
  });

  it('go to another remote when the link has another, also where the first was taken away by hand', async () => {
    await twins.make(`${LOCAL} remote ${FIRST}`);
    await twins.say(`link set vx0 type vxlan remote ${SECOND}`);
    await twins.sameTable();
    await twins.say('fdb del 00:00:00:00:00:00 dev vx0');
    expect(await twins.say(`link set vx0 type vxlan remote ${THIRD}`)).toBe('');
    await twins.sameTable();
    const { left } = await twins.out(frame(A, B));
    expect(left.map(({ to }) => to)).toEqual([THIRD]);
    await twins.sameEvents();
  });

  it('to a group or to all go to their entry first', async () => {
    await twins.make(`${LOCAL} remote ${FIRST}`);
    await twins.say(`fdb append ${colons(GROUP)} dev vx0 dst ${SECOND}`);
    await twins.say(`fdb append ${colons(GROUP)} dev vx0 dst ${THIRD}`);
    await twins.say(`fdb append ${colons(ALL)} dev vx0 dst ${THIRD}`);
    const { left } = await twins.out(frame(GROUP, C), frame(ALL, C), frame(B, C));
    expect(left.map(({ to }) => to).sort()).toEqual([FIRST, SECOND, THIRD, THIRD]);
  });

  it('that nobody should have are dropped, and asked for with l2miss, if they are for one', async () => {
    await twins.make(`${LOCAL} l2miss`);
    expect((await twins.out(frame(A, C), frame(GROUP, C), frame(ALL, C))).left).toEqual([]);
    const missed = (await twins.sameEvents()).filter(({ verb }) => verb === 'miss');
    expect(missed.map(({ mac }) => mac)).toEqual([colons(A)]);
    expect((await twins.ours.link()).counters?.['no-destination']).toBe(3);
  });

  it('with proxy do not leave if they are ARP, answered or not; others do', async () => {
    await twins.make(`${LOCAL} remote ${FIRST} proxy l3miss`);
    await twins.say(`neigh replace 10.0.0.9 lladdr ${colons(B)} dev vx0`);
    await twins.say(`fdb add ${colons(B)} dev vx0 dst ${SECOND}`);
    const arp = (code: string, target: string) =>
      `${ALL}${C}080600010800060400${code}${C}0a000003000000000000${target}`;
    const { came, left } = await twins.out(
      arp('01', '0a000009'),
      arp('01', '0a000008'),
      arp('02', '0a000009'),
    );
    expect([came.length, left.length]).toEqual([1, 0]);
    expect((await twins.out(frame(B, C))).left).toHaveLength(1);
    const missed = (await twins.sameEvents()).filter(({ verb }) => verb === 'miss');
    expect(missed).toEqual([{ verb: 'miss', dst: '10.0.0.8' }]);
  });

  it('have source ports of the range, one for each flow', async () => {
    await twins.make(`${LOCAL} remote ${FIRST} srcport 50000 50007`);
    const flows = Array.from({ length: 64 }, (_, i) =>
      frame(ALL, `02000000e0${i.toString(16).padStart(2, '0')}`),
    );
    const { sourcePorts } = await twins.out(...flows);
    expect(new Set(sourcePorts.map((port) => port >= 50_000 && port <= 50_007))).toEqual(new Set([true]));
    expect(new Set(sourcePorts).size).toBeGreaterThan(4);
    const same = frame(ALL, C);
    expect(new Set((await twins.out(same, same, same)).sourcePorts).size).toBe(1);
  });
});

describe('two links', () => {
  it('of one VNI at one port are refused, of another VNI or port not', async () => {
    await twins.make(`${LOCAL} remote ${FIRST}`);
    const say = (words: string) => twins.say(`link add vx1 type vxlan ${words}`);
    try {
      expect(await say('id 42 dstport 4789 local 192.0.2.1')).toBe('EEXIST');
      expect(await say('id 42 dstport 4789')).toBe('EEXIST');
      for (const words of [
        'id 43 dstport 4789',
        'id 42 dstport 4790',
        'id 42 dstport 4789 local 2001:db8::1',
      ]) {
        expect(await say(words)).toBe('');
        await twins.say('link del vx1');
      }
      expect(await twins.say('link add vx0 type vxlan id 77 dstport 4789')).toBe('EEXIST');
    } finally {
      for (const side of [twins.ours, twins.theirs]) await side.say('link del vx1');
    }
  });
});
