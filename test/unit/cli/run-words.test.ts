/** The words of `ip link add ... type vxlan`, in any order. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/cli/grammar.ts';
import { parseRun } from '../../../src/cli/run-words.ts';
import { NoAddress } from '../../../src/cli/values.ts';
import { ALL_OFFLOADS, NO_OFFLOADS } from '../../../src/control/offloads.ts';
import { Refusal } from '../../../src/control/refusal.ts';
import { RESERVED } from '../../../src/wire/vxlan.ts';

const parse = (text: string) => parseRun(text.split(' '));

describe('the words', () => {
  it('may stand in any order', () => {
    const parts = [
      'vx0',
      'id 42',
      'remote 192.0.2.1',
      'remote 192.0.2.2',
      'local 192.0.2.9',
      'dstport 8472',
      'nolearning',
      'up',
    ];
    const expected = parse(parts.join(' '));
    fc.assert(
      fc.property(fc.shuffledSubarray(parts, { minLength: parts.length }), (order) => {
        const found = parse(order.join(' '));
        const remotes = [...found.remotes].sort();
        expect({ ...found, remotes, args: { ...found.args, remotes } }).toEqual(expected);
      }),
    );
  });

  it('have the defaults of this program', () => {
    expect(parse('vx0 id 42')).toMatchObject({
      name: 'vx0',
      vni: 42,
      port: 4789,
      sourcePorts: [49_152, 65_535],
      ageing: 300,
      maxAddresses: 0,
      learning: true,
      proxy: false,
      checksum: true,
      transport: 'native',
      up: false,
    });
  });

  it.each([
    ['type vxlan vni 7 vx0', { vni: 7, name: 'vx0' }],
    ['vx0 id 0x2a', { vni: 42 }],
    ['vx0 id 42 dstport 0', { port: 8472 }],
    ['vx0 id 42 srcport 0 0', { sourcePorts: [49_152, 65_535] }],
    ['vx0 id 42 srcport 0 5', { sourcePorts: [1, 5] }],
    ['vx0 id 42 ageing 0', { ageing: 300 }],
    ['vx0 id 42 ttl auto', { ttl: 0 }],
    ['vx0 id 42 address 2:0:0:0:0:1', { mac: { high: 0x0200, low: 1 } }],
    ['vx0 id 42 address 10.0.0.1/24 address fd00::1/64', { addresses: ['10.0.0.1/24', 'fd00::1/64'] }],
    ['vx0 id 42 noproxy', { proxy: false }],
    ['vx0 id 42 noudpcsum', { checksum: false }],
    ['vx0 id 42 nol2miss nol3miss norsc noexternal', { name: 'vx0' }],
    ['vx0 id 0', { vni: 0 }],
    ['vx0 id 42', { l2miss: false, l3miss: false }],
    ['vx0 id 42 l2miss l3miss', { l2miss: true, l3miss: true }],
    ['vx0 id 16777215', { vni: 16_777_215 }],
    ['vx0 id 42 srcport 50000 50000', { sourcePorts: [50_000, 50_000] }],
    ['vx0 id 42 maxaddress 7 ttl 9 mtu 1400 ageing 3', { maxAddresses: 7, ttl: 9, mtu: 1400, ageing: 3 }],
    ['vx0 id 42 df set', { df: 'set' }],
    ['vx0 id 42 df unset', { df: 'unset' }],
    ['vx0 id 42 reserved_bits kernel', { reservedBits: RESERVED }],
    ['vx0 id 42 reserved_bits 0x81', { reservedBits: { high: 0, low: 0x81 } }],
    ['vx0 id 42 suppress proxy nolearning up', { suppress: true, proxy: true, learning: false, up: true }],
    ['vx0 id 42 learning', { learning: true }],
    ['vx0 id 42 --fdb-size 1000', { fdbSize: 1000 }],
    [
      'vx0 id 42 dev eth0 remote fe80::1 local fe80::2',
      { dev: 'eth0', remotes: ['fe80::1'], local: 'fe80::2' },
    ],
    [
      'vx0 id 42 --transport dgram --log-level debug --offload off',
      { transport: 'dgram', logLevel: 'debug', offloads: NO_OFFLOADS },
    ],
    ['vx0 id 42', { workers: 1 }],
    ['vx0 id 42 --workers 16', { workers: 16 }],
    ['vx0 id 42 --workers auto --transport dgram', { workers: 'auto' }],
    ['vx0 id 42 --offload auto --busy-poll 50', { offloads: ALL_OFFLOADS, busyPoll: 50 }],
    ['vx0 id 42 --nice -20', { nice: -20 }],
    ['vx0 id 42 --offload gso,lro', { offloads: { ...NO_OFFLOADS, gso: true, lro: true } }],
    ['vx0 id 42 --offload uso', { offloads: { ...NO_OFFLOADS, uso: true, csum: true } }],
    ['vx0 id 42 --offload nogro,nouso', { offloads: { ...ALL_OFFLOADS, gro: false, uso: false } }],
    ['vx0 id 42 --offload nocsum', { offloads: { ...ALL_OFFLOADS, csum: false, tso: false, uso: false } }],
  ])('%s', (text, expected) => {
    expect(parse(text)).toMatchObject(expected);
  });

  it.each([
    ['', 'NAME is missing'],
    ['vx0', 'the VNI is missing: id VNI, from 0 to 16777215'],
    ['id 42', 'NAME is missing'],
    ['vx0 id', '"id" wants a value behind it'],
    ['vx0 id 42 srcport 1', '"srcport" wants a value behind it'],
    ['vx0 id 16777216', 'id "16777216" is not a whole number from 0 to 16777215'],
    ['vx0 id -1', 'id "-1" is not a whole number'],
    ['vx0 id 4.2', 'id "4.2" is not a whole number'],
    ['vx0 id 42 dstport 65536', 'dstport "65536" is not a whole number from 0 to 65535'],
    ['vx0 id 42 srcport 2 1', 'srcport 2 1: the second must not be smaller than the first'],
    ['vx0 id 42 remote 10.0.0.256', 'remote "10.0.0.256" is not an IP address'],
    ['vx0 id 42 remote example.org', 'remote "example.org" is not an IP address'],
    ['vx0 id 42 remote 239.1.1.1', 'remote "239.1.1.1" is a group; it must be one host'],
    ['vx0 id 42 remote ff02::1', 'remote "ff02::1" is a group; it must be one host'],
    ['vx0 id 42 local 0.0.0.0', 'local "0.0.0.0" is no host\'s address'],
    ['vx0 id 42 remote 10.0.0.1 local fd00::1', '"fd00::1" is IPv6 and others are IPv4'],
    ['vx0 id 42 remote fe80::1', 'remote "fe80::1" is link-local: it needs dev'],
    ['vx0 id 42 remote fe80::1 dev eth0 --transport dgram', 'remote "fe80::1" is link-local'],
    ['vx0 id 42 remote fd00::1 noudpcsum', 'noudpcsum concerns IPv4'],
    ['vx0 id 42 address 01:00:5e:00:00:01', 'address "01:00:5e:00:00:01" is a group address'],
    [
      'vx0 id 42 address 10.0.0.1',
      'address "10.0.0.1" is neither a MAC (02:00:00:00:00:01) nor an IP with prefix',
    ],
    ['vx0 id 42 address 10.0.0.1/33', 'address "10.0.0.1/33" is neither'],
    ['vx0 id 42 address fd00::1/129', 'address "fd00::1/129" is neither'],
    ['vx0 id 42 address 10.0.0.1/24/7', 'address "10.0.0.1/24/7" is neither'],
    [
      'vx0 id 42 --offload on',
      '--offload "on" is not known; it takes auto, off, some of csum,tso,uso,gso,gro,lro,tnl',
    ],
    ['vx0 id 42 --offload gso,nolro', '--offload "gso,nolro" is not known'],
    ['vx0 id 42 --nice 20', '--nice "20" is not a whole number from -20 to 19'],
    ['vx0 id 42 --busy-poll 1000001', '--busy-poll "1000001" is not a whole number from 0 to 1000000'],
    ['vx0 id 42 --busy-poll 5 --transport dgram', '--busy-poll 5 needs --transport native'],
    ['vx0 id 42 --offload tso --transport dgram', '--offload needs --transport native'],
    ['vx0 id 42 --transport dgram --nice -3', '--nice -3 needs --transport native'],
    ['vx0 id 42 --workers 0', '--workers "0" is not a whole number from 1 to 16'],
    ['vx0 id 42 --workers 17', '--workers "17" is not a whole number from 1 to 16'],
    ['vx0 id 42 --workers many', '--workers "many" is not a whole number'],
    ['vx0 id 42 --workers 2 --transport dgram', '--workers 2 needs --transport native'],
    ['vx0 id 42 mtu 67', 'mtu "67" is not a whole number from 68 to 65485'],
    ['vx0 id 42 ttl 256', 'ttl "256" is not a whole number from 0 to 255'],
    ['vx0 id 42 type gre', 'type "gre" is not known; it takes vxlan'],
    ['vx0 id 42 --transport udp', '--transport "udp" is not known; it takes native or dgram'],
    [
      'vx0 id 42 --log-level loud',
      '--log-level "loud" is not known; it takes error or warn or info or debug',
    ],
    ['vx0 id 42 group 239.1.1.1', 'group "239.1.1.1" needs dev'],
    ['vx0 id 42 gbp', '"gbp" is refused: group policies are marks of packets'],
    ['vx0 id 42 vx1', 'the word "vx1" is not known'],
    ['vx0 id 42 --verbose', 'the word "--verbose" is not known'],
    [
      'a/b id 42',
      'NAME "a/b" is no name for an interface: 1 to 15 bytes, no space, slash, colon or percent sign, not all or default',
    ],
    ['vx:0 id 42', 'NAME "vx:0" is no name for an interface'],
    ['vx%d id 42', 'NAME "vx%d" is no name for an interface'],
    ['日本日本日本 id 42', 'NAME "日本日本日本" is no name for an interface'],
    ['.. id 42', 'NAME ".." is no name for an interface'],
    ['sixteen-letters-x id 42', 'NAME "sixteen-letters-x" is no name for an interface'],
  ])('%s: %s', (text, sentence) => {
    const words = text === '' ? [] : text.split(' ');
    expect(() => parseRun(words)).toThrow(sentence);
  });

  it('any others end in a sentence, never in anything else', () => {
    const word = fc.oneof(
      fc.constantFrom(
        'id',
        'remote',
        'dev',
        'local',
        'dstport',
        'srcport',
        'mtu',
        'address',
        'up',
        'vx0',
        '42',
        'ttl',
        'df',
        '__proto__',
        'constructor',
      ),
      fc.string({ maxLength: 12 }),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 12 }), (words) => {
        try {
          expect(parseRun(words).vni).toBeGreaterThanOrEqual(0);
        } catch (error) {
          // nothing but what was written for the reader: a TypeError is a mistake of ours
          expect([UsageError, NoAddress, Error, Refusal]).toContain((error as Error).constructor);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
