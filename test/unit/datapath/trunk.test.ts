/** Frames through a trunk, both ways: which VNI, which VLAN, and that nothing else of them changes. */
import { describe, expect, it } from 'vitest';
import { Carrier } from '../../../src/engine/carrier.ts';
import { type CounterName, DROP_REASONS } from '../../../src/tables/counters.ts';
import { endpoint } from '../../../src/tables/links.ts';
import { Tables } from '../../../src/tables/tables.ts';
import { fromHex, toHex } from '../../support/bytes.ts';
import { datagram, ScriptedPort } from '../../support/frames.ts';
import { type Random, rounds } from '../../support/random.ts';
import { REMOTE } from '../../support/world.ts';

const V4 = endpoint(false, 4789);
const TRUNK = 1;
/** VLANs and their VNIs, from link 2 on; 0 has frames without a tag, and the last VNI has no VLAN. */
const VLANS = [0, 10, 20, 4094, -1];
const vniOf = (link: number) => 1000 + link;
const linkOf = (vlan: number) => 2 + VLANS.indexOf(vlan);
const LAST_LINK = 1 + VLANS.length;

function trunk() {
  const sizes = { links: LAST_LINK, fdb: 256, remotes: 16, neighbors: 16, workers: 1 };
  const tables = new Tables(Tables.allocate(sizes));
  const [tap, udp] = [new ScriptedPort(), new ScriptedPort()];
  const carrier = new Carrier(tables, 16);
  carrier.add(TRUNK, tap, udp);
  carrier.addTrunk(TRUNK);
  for (let link = 2; link <= LAST_LINK; link++) {
    const vni = vniOf(link);
    tables.links.set(link, { vni, flags: 0, port: 4789, ageing: 300, maxAddresses: 0 });
    tables.links.open(link, V4, vni);
    const remote = tables.remotes.acquire(link, ...REMOTE, 4789, vni);
    tables.floods.append(link, remote);
    carrier.join(TRUNK, link, VLANS[link - 2]);
  }
  return {
    tables,
    tap,
    udp,
    carrier,
    out(...frames: { hex: string; vnet?: readonly [number, number, number] }[]) {
      tap.incoming.push(...frames.map(({ hex, vnet }) => ({ bytes: fromHex(hex), vnet })));
      while (carrier.out(TRUNK, 0) > 0);
      return udp.sent.splice(0).map(({ bytes, vnet }) => ({ hex: toHex(bytes), vnet }));
    },
    back(...datagrams: Uint8Array[]) {
      udp.incoming.push(...datagrams.map((bytes) => ({ bytes })));
      while (carrier.back(udp, V4, 0) > 0);
      return tap.sent.splice(0).map(({ bytes }) => toHex(bytes));
    },
    count: (link: number, name: CounterName) => tables.counters.read(link)[name],
    drops(link: number): Record<string, number> {
      const all = Object.entries(tables.counters.read(link));
      return Object.fromEntries(all.filter(([name, count]) => name in DROP_REASONS && count > 0));
    },
  };
}

const MACS = '020000000002020000000001';
const tag = (vlan: number, priority = 0) => `8100${((priority << 13) | vlan).toString(16).padStart(4, '0')}`;
const REST = `0800${'45'.repeat(40)}`;
const header = (vni: number) => `08000000${vni.toString(16).padStart(6, '0')}00`;

describe('frames of a trunk', () => {
  it('leave without their tag, in the VNI of their VLAN', () => {
    const { out } = trunk();
    const sent = out({ hex: MACS + tag(10) + REST }, { hex: MACS + tag(4094, 5) + REST });
    expect(sent.map(({ hex }) => hex)).toEqual(
      [10, 4094].map((vlan) => header(vniOf(linkOf(vlan))) + MACS + REST),
    );
  });

  it.each([
    ['without a tag', MACS + REST],
    ['whose tag has only a priority', MACS + tag(0, 3) + REST],
  ])('%s are those of VLAN 0', (_, hex) => {
    expect(trunk().out({ hex })).toMatchObject([{ hex: header(vniOf(linkOf(0))) + MACS + REST }]);
  });

  it.each([1, 11, 4095])('of VLAN %s, which is no VNI, are dropped and counted', (vlan) => {
    const t = trunk();
    expect(t.out({ hex: MACS + tag(vlan) + REST })).toEqual([]);
    expect(t.drops(TRUNK)).toEqual({ 'unknown-vlan': 1 });
  });

  it('keep what is no tag of ours: a service tag, and a second one', () => {
    const [service, second] = [`88a8000a${tag(10)}${REST}`, `${tag(20)}${REST}`];
    const sent = trunk().out({ hex: MACS + service }, { hex: MACS + tag(10) + second });
    expect(sent.map(({ hex }) => hex)).toEqual([
      header(vniOf(linkOf(0))) + MACS + service,
      header(vniOf(linkOf(10))) + MACS + second,
    ]);
  });

  it('that are shorter than an Ethernet header are counted where frames without a tag are', () => {
    const t = trunk();
    expect(t.out({ hex: MACS }, { hex: '' })).toEqual([]);
    expect(t.drops(linkOf(0))).toEqual({ 'frame-short': 2 });
  });

  it('of a VNI without a VLAN are dropped and counted', () => {
    const t = trunk();
    const link = linkOf(-1);
    expect(t.back(datagram(vniOf(link), fromHex(MACS + REST)))).toEqual([]);
    expect(t.drops(link)).toEqual({ 'no-vlan': 1 });
  });

  it('go to one VLAN at a time: what it was before is nobody’s, and what has parted is gone', () => {
    const { out, back, carrier } = trunk();
    const link = linkOf(10);
    carrier.join(TRUNK, link, 30);
    expect(out({ hex: MACS + tag(10) + REST })).toEqual([]);
    expect(out({ hex: MACS + tag(30) + REST })).toHaveLength(1);
    expect(back(datagram(vniOf(link), fromHex(MACS + REST)))).toEqual([MACS + tag(30) + REST]);
    carrier.part(TRUNK, link);
    expect(out({ hex: MACS + tag(30) + REST })).toEqual([]);
    expect(back(datagram(vniOf(link), fromHex(MACS + REST)))).toEqual([]);
  });

  it('that the TAP refuses are counted for their VNI', () => {
    const t = trunk();
    t.tap.refusal = () => 5;
    t.back(
      datagram(vniOf(linkOf(20)), fromHex(MACS + REST)),
      datagram(vniOf(linkOf(10)), fromHex(MACS + REST)),
    );
    expect([t.drops(linkOf(10)), t.drops(linkOf(20)), t.drops(TRUNK)]).toEqual([
      { 'tap-down': 1 },
      { 'tap-down': 1 },
      {},
    ]);
  });
});

/** The offload header of a superframe of TCP over IPv4 whose TCP header is at `start`. */
const superframe = (start: number) =>
  [1 | (1 << 8) | ((start + 20) << 16), 1400 | (start << 16), 16] as const;

const FRAMES = 10_000;

describe('many frames at random', () => {
  const bodyOf = (random: Random) => `88b5${toHex(random.bytes(random.below(60)))}`;
  const macsOf = (random: Random) =>
    `${random.pick(['ffffffffffff', '020000000002'])}02000000000${random.between(1, 9)}`;

  function outgoing(random: Random) {
    const vlan = random.pick([0, 10, 10, 10, 20, 4094, 7]);
    const isTagged = vlan !== 0 || random.oneIn(2);
    const [macs, body, start] = [macsOf(random), bodyOf(random), random.between(34, 74)];
    const isSuper = random.oneIn(4);
    return {
      link: VLANS.includes(vlan) ? linkOf(vlan) : 0,
      given: {
        hex: macs + (isTagged ? tag(vlan, random.below(8)) : '') + body,
        ...(isSuper && { vnet: superframe(isTagged ? start + 4 : start) }),
      },
      expected: { hex: macs + body, vnet: isSuper ? [...superframe(start)] : [] },
    };
  }

  it('leave in order, with nothing else changed', () =>
    rounds(FRAMES, (random) => {
      const t = trunk();
      let seen = 0;
      while (seen < 500) {
        const frames = random.list(random.between(1, 40), () => outgoing(random));
        seen += frames.length;
        const known = frames.filter(({ link }) => link !== 0);
        expect(t.out(...frames.map(({ given }) => given))).toEqual(
          known.map(({ link, expected }) => ({ ...expected, hex: header(vniOf(link)) + expected.hex })),
        );
      }
      const counts = VLANS.slice(0, -1).map((vlan) => t.count(linkOf(vlan), 'txFrames'));
      expect(counts.reduce((sum, count) => sum + count) + t.count(TRUNK, 'unknown-vlan')).toBe(seen);
      return seen;
    }));

  it('come back with the tag of their VLAN', () =>
    rounds(FRAMES, (random) => {
      const t = trunk();
      const all = random.list(random.between(1, 200), () => {
        const [vlan, macs, body] = [random.pick(VLANS), macsOf(random), bodyOf(random)];
        return { vlan, macs, inner: random.oneIn(4) ? tag(random.below(4096)) + body : body };
      });
      const given = all.map(({ vlan, macs, inner }) => datagram(vniOf(linkOf(vlan)), fromHex(macs + inner)));
      const known = all.filter(({ vlan }) => vlan >= 0);
      expect(t.back(...given)).toEqual(
        known.map(({ vlan, macs, inner }) => macs + (vlan > 0 ? tag(vlan) : '') + inner),
      );
      return all.length;
    }));
});
