/** The leases of others: what is made of them, and that changes one by one lead to what all of them together lead to. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatLease } from '../../../src/flannel/contract/lease.ts';
import { parseNetwork } from '../../../src/flannel/contract/network.ts';
import { parseKey, type Subnets } from '../../../src/flannel/contract/subnet.ts';
import { Leases } from '../../../src/flannel/leases/leases.ts';
import type { Self } from '../../../src/flannel/leases/verdict.ts';
import type { Change, Entry } from '../../../src/flannel/registry/registry.ts';

const BACKEND = '"Backend":{"Type":"vxlan"}';
const NETWORK = parseNetwork(`{"Network":"10.5.0.0/16",${BACKEND}}`);
const BOTH = parseNetwork(`{"Network":"10.5.0.0/16","EnableIPv6":true,"IPv6Network":"fc00::/48",${BACKEND}}`);

const OWN_MAC = '02:00:00:00:00:01';
const SELF: Self = {
  network: NETWORK,
  ends: { ipv4: { publicIp: '192.168.0.1', mac: OWN_MAC } },
  subnets: parseKey('10.5.1.0-24'),
};
const SELF_OF_BOTH: Self = {
  network: BOTH,
  ends: { ...SELF.ends, ipv6: { publicIp: '2001:db8::1', mac: OWN_MAC } },
  subnets: parseKey('10.5.1.0-24&fc00:0:0:1::-64') as Subnets,
};

const macOf = (node: number) => `02:00:00:00:01:${node.toString(16).padStart(2, '0')}`;
const endsOf = (node: number) => ({
  ipv4: { publicIp: `192.168.0.${node}`, mac: macOf(node) },
  ipv6: { publicIp: `2001:db8::${node.toString(16)}`, mac: macOf(node) },
});
const valueBy = (node: number) => formatLease({ vni: 1, ipv4: endsOf(node).ipv4 });
const bothBy = (node: number) => formatLease({ vni: 1, ...endsOf(node) });

let revision = 0;
const entry = (key: string, value?: string): Entry => ({ key, value, revision: ++revision });
const put = (key: string, value?: string): Change => ({ what: 'put', entry: entry(key, value) });
const gone = (key: string): Change => ({ what: 'gone', key, revision: ++revision });
const snapshot = (...entries: Entry[]) => ({ revision, config: '', entries });

function leasesOf(self: Self = SELF) {
  const said: string[] = [];
  const leases = new Leases((level, sentence) => void said.push(`${level}: ${sentence}`));
  leases.judgeBy(self);
  const subnets = () => [...leases.peers('ipv4').keys()];
  return { leases, said, subnets };
}

describe('a lease of another node', () => {
  it('is a peer of each family', () => {
    const { leases } = leasesOf(SELF_OF_BOTH);
    expect(leases.apply([put('10.5.2.0-24&fc00:0:0:2::-64', bothBy(2))])).toBe(true);
    expect([...leases.peers('ipv4')]).toEqual([
      ['10.5.2.0/24', { subnet: '10.5.2.0/24', gateway: '10.5.2.0', mac: macOf(2), remote: '192.168.0.2' }],
    ]);
    expect([...leases.peers('ipv6')]).toEqual([
      [
        'fc00:0:0:2::/64',
        { subnet: 'fc00:0:0:2::/64', gateway: 'fc00:0:0:2::', mac: macOf(2), remote: '2001:db8::2' },
      ],
    ]);
    expect(leases.apply([gone('10.5.2.0-24&fc00:0:0:2::-64')])).toBe(true);
    expect([leases.peers('ipv4').size, leases.peers('ipv6').size]).toEqual([0, 0]);
  });

  it('may have fewer families than the network, or more', () => {
    const { leases } = leasesOf(SELF_OF_BOTH);
    leases.apply([put('10.5.2.0-24', valueBy(2))]);
    expect([leases.peers('ipv4').size, leases.peers('ipv6').size]).toEqual([1, 0]);
    const { leases: narrow } = leasesOf();
    narrow.apply([put('10.5.2.0-24&fc00:0:0:2::-64', bothBy(2))]);
    expect([narrow.peers('ipv4').size, narrow.peers('ipv6').size]).toEqual([1, 0]);
  });

  it('that is renewed changes nothing, but is the last one then', () => {
    const { leases, subnets } = leasesOf();
    leases.apply([put('10.5.2.0-24', valueBy(2)), put('10.5.3.0-24', valueBy(3))]);
    expect(leases.apply([put('10.5.2.0-24', valueBy(2))])).toBe(false);
    expect(subnets()).toEqual(['10.5.3.0/24', '10.5.2.0/24']);
  });

  it('may come with another MAC or address, or go', () => {
    const { leases } = leasesOf();
    leases.apply([put('10.5.2.0-24', valueBy(2))]);
    expect(leases.apply([put('10.5.2.0-24', valueBy(3))])).toBe(true);
    expect(leases.peers('ipv4').get('10.5.2.0/24')).toMatchObject({ mac: macOf(3), remote: '192.168.0.3' });
    expect(leases.apply([put('10.5.2.0-24', 'nonsense')])).toBe(true);
    expect(leases.peers('ipv4').size).toBe(0);
    expect(leases.apply([gone('10.5.2.0-24'), gone('10.5.9.0-24')])).toBe(false);
  });

  it('of another backend, a reservation, and our own are passed over', () => {
    const { leases, said } = leasesOf();
    leases.apply([
      put('10.5.2.0-24', valueBy(2).replace('vxlan', 'host-gw')),
      put('10.5.3.0-24', '{"PublicIP":"1.2.3.4"}'),
      put('10.5.1.0-24', valueBy(9)),
    ]);
    expect(leases.report()).toEqual({ used: 0, passedOver: 3, refused: [], reasons: new Map() });
    expect(said).toEqual([]);
  });

  it('stays of two that overlap, and the other has its turn when it is gone', () => {
    const { leases, said, subnets } = leasesOf();
    leases.apply([
      put('10.5.2.0-25', valueBy(2)),
      put('10.5.2.0-24', valueBy(3)),
      put('10.5.2.128-25', valueBy(4)),
    ]);
    expect(subnets()).toEqual(['10.5.2.0/25', '10.5.2.128/25']);
    leases.apply([put('10.5.2.0-25', valueBy(2)), put('10.5.2.0-24', valueBy(3))]);
    expect(said).toEqual([
      'warn: the lease 10.5.2.0-24 is not used: 10.5.2.0/24 overlaps the lease 10.5.2.0-25, which was there before',
    ]);
    leases.apply([gone('10.5.2.0-25')]);
    expect(subnets()).toEqual(['10.5.2.128/25']);
    leases.apply([gone('10.5.2.128-25')]);
    expect(subnets()).toEqual(['10.5.2.0/24']);
  });

  it('shares an address with another one: both are peers, and it is said', () => {
    const { leases, said, subnets } = leasesOf();
    leases.apply([put('10.5.2.0-24', valueBy(2)), put('10.5.3.0-24', valueBy(2))]);
    leases.apply([gone('10.5.3.0-24'), put('10.5.4.0-24', valueBy(2))]);
    expect(subnets()).toEqual(['10.5.2.0/24', '10.5.4.0/24']);
    expect(said).toEqual([
      'warn: 10.5.2.0/24 and 10.5.3.0/24 have one address, 192.168.0.2: two nodes share it, or one of the leases is stale',
    ]);
  });
});

describe('a lease is refused', () => {
  const by = (node: number, from: string, to: string) => valueBy(node).replace(from, to);

  it.each([
    ['key', 'nonsense\n', valueBy(2), 'a lease is called as its subnet is, such as 10.5.52.0-24'],
    ['key', '10.5.2.1-24', valueBy(2), 'a lease is called as'],
    ['too large', '10.5.2.0-24', undefined, 'its value is larger than a lease is'],
    ['json', '10.5.2.0-24', '{', 'its value is no JSON: "{"'],
    ['address', '10.5.2.0-24', by(2, '192.168.0.2', '127.0.0.1'), 'PublicIP is "127.0.0.1"'],
    ['mac', '10.5.2.0-24', by(2, '02:', '03:'), 'VtepMAC is "03:00:00:00:01:02"'],
    ['vni', '10.5.2.0-24', by(2, '"VNI":1', '"VNI":2'), "its VNI is 2, and the network's is 1"],
    ['outside the network', '10.6.2.0-24', valueBy(2), '10.6.2.0/24 is not a part of 10.5.0.0/16'],
    ['outside the network', '10.5.0.0-16', valueBy(2), '10.5.0.0/16 is not a part of 10.5.0.0/16'],
    ['outside the network', '10.0.0.0-8', valueBy(2), '10.0.0.0/8 is not a part of'],
    ['outside the network', '0.0.0.0-0&fc00:0:0:2::-64', bothBy(2), 'it is of no family of the network'],
    ['own subnet', '10.5.1.0-25', valueBy(2), '10.5.1.0/25 overlaps our own 10.5.1.0/24'],
    ['own subnet', '10.5.0.0-20', valueBy(2), '10.5.0.0/20 overlaps our own 10.5.1.0/24'],
    [
      'own address',
      '10.5.2.0-24',
      valueBy(1),
      'it has our address 192.168.0.1, which no other node may have',
    ],
    ['own mac', '10.5.2.0-24', by(2, macOf(2), OWN_MAC), `it has our VtepMAC ${OWN_MAC}`],
  ])('for its %s: %j', (reason, key, value, sentence) => {
    const { leases, said } = leasesOf();
    leases.apply([put('10.5.7.0-24', valueBy(7)), put(key, value), put('10.5.8.0-24', valueBy(8))]);
    expect([...leases.peers('ipv4').keys()]).toEqual(['10.5.7.0/24', '10.5.8.0/24']);
    expect([...leases.report().reasons]).toEqual([[reason, 1]]);
    expect(leases.report().refused).toEqual([{ key, reason, sentence: expect.stringContaining(sentence) }]);
    expect(said).toEqual([expect.stringContaining(sentence)]);
    expect(said[0]).not.toContain('\n');
    leases.apply([put(key, value)]);
    leases.judgeBy(SELF);
    expect(said).toHaveLength(1);
    leases.apply([gone(key)]);
    expect(leases.report().refused).toEqual([]);
  });

  it('with a thousand others in a few sentences', () => {
    const { leases, said } = leasesOf();
    const bad = Array.from({ length: 1000 }, (_, at) => put(`nonsense ${at}`, 'x'));
    leases.apply([...bad, put('10.5.2.0-24', valueBy(2))]);
    expect(leases.peers('ipv4').size).toBe(1);
    expect(leases.report().reasons.get('key')).toBe(1000);
    expect(said).toHaveLength(11);
    expect(said.at(-1)).toBe('warn: 990 more leases are not used; vtep flannel status says why');
  });
});

describe('whatever strangers write', () => {
  const mangled = (text: string) =>
    fc
      .tuple(fc.nat(text.length), fc.nat(4), fc.string({ unit: 'binary', maxLength: 4 }))
      .map(([at, cut, more]) => text.slice(0, at) + more + text.slice(at + cut));
  const anyKey = fc.oneof(fc.string(), mangled('10.5.2.0-24'), mangled('10.5.2.0-24&fc00:0:0:2::-64'));
  const anyValue = fc.oneof(fc.string(), fc.json(), mangled(bothBy(2)), mangled(bothBy(9)));

  it('those that were there before stay as they are, and nothing is thrown', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyKey, fc.option(anyValue, { nil: undefined }))), (all) => {
        const { leases } = leasesOf(SELF_OF_BOTH);
        const good = ['10.5.2.0-24&fc00:0:0:2::-64', '10.5.3.0-24'];
        leases.apply([put(good[0], bothBy(2)), put(good[1], valueBy(3))]);
        const before = [...leases.peers('ipv4').values(), ...leases.peers('ipv6').values()];
        const strange = all.filter(([key]) => !good.includes(key));
        leases.apply(strange.map(([key, value]) => put(key, value)));
        const after = [...leases.peers('ipv4').values(), ...leases.peers('ipv6').values()];
        expect(after).toEqual(expect.arrayContaining(before));
        leases.apply(strange.map(([key]) => gone(key)));
        expect([...leases.peers('ipv4').values(), ...leases.peers('ipv6').values()]).toEqual(before);
        expect(leases.report()).toMatchObject({ used: 2, passedOver: 0, refused: [] });
      }),
      { numRuns: 200 },
    );
  });
});

describe('what the leases are judged by', () => {
  it('may change, and who was there stays', () => {
    const { leases, subnets } = leasesOf();
    leases.apply([
      put('10.5.2.0-24', valueBy(2)),
      put('10.5.2.0-25', valueBy(3)),
      put('10.5.9.0-24', valueBy(9)),
    ]);
    leases.apply([put('10.5.2.0-24', valueBy(2))]); // newer than the one that it keeps out
    expect(leases.judgeBy({ ...SELF, subnets: parseKey('10.5.9.0-24') })).toBe(true);
    expect(subnets()).toEqual(['10.5.2.0/24']);
    leases.judgeBy({ ...SELF, network: parseNetwork(`{"Network":"10.5.8.0/21",${BACKEND}}`) });
    expect(subnets()).toEqual(['10.5.9.0/24']);
    leases.judgeBy(SELF);
    expect(subnets()).toEqual(['10.5.9.0/24', '10.5.2.0/24']);
  });
});

/** Few subnets and nodes, so that they meet. */
const keys = fc.constantFrom(
  '10.5.2.0-24',
  '10.5.2.0-25',
  '10.5.2.128-25',
  '10.5.2.0-23',
  '10.5.3.0-24',
  '10.5.1.0-24',
  'x',
);
const values = fc.constantFrom(valueBy(2), valueBy(3), valueBy(4), 'nonsense', '{"PublicIP":"1.2.3.4"}');
const steps = fc.array(fc.tuple(keys, fc.option(values), fc.boolean()), { maxLength: 40 });

describe('changes one by one', () => {
  it('lead to peers that do not overlap, and keep out nobody without reason', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const { leases, subnets } = leasesOf();
        const there = new Map<string, Entry>();
        for (const [key, value, isAnew] of all) {
          const change = value === null ? gone(key) : put(key, value);
          if (change.what === 'put') there.set(key, change.entry);
          else there.delete(key);
          // Half of the time the watch has ended, and all is read.
          if (isAnew) leases.replace(snapshot(...there.values()));
          else leases.apply([change]);
        }
        const { used, passedOver, refused } = leases.report();
        expect(used).toBe(subnets().length);
        expect(used + passedOver + refused.length).toBe(there.size);
        for (const { key, reason, sentence } of refused) {
          if (reason !== 'overlaps') continue;
          const rival = /the lease (\S+),/.exec(sentence)?.[1]?.replace('-', '/');
          expect(subnets(), key).toContain(rival);
        }
        const apart = leasesOf();
        for (const subnet of subnets()) apart.leases.apply([put(subnet.replace('/', '-'), valueBy(2))]);
        expect(apart.subnets()).toEqual(subnets());
      }),
      { numRuns: 300 },
    );
  });
});
