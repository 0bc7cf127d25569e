/** The words of a link: each of them, cut short as iproute2 takes them, refused with the reason; and printed, read again. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/cli/grammar.ts';
import { parseLinkAdd, parseLinkSet } from '../../../src/cli/link-words.ts';
import { linkWords } from '../../../src/cli/print-link.ts';
import type { LinkArgs } from '../../../src/control/protocol.ts';
import { MAX_VNI } from '../../../src/wire/vxlan.ts';

const add = (text: string) => parseLinkAdd(text.split(' '));
const set = (text: string) => parseLinkSet(text.split(' '));

describe('link add', () => {
  it.each<[string, Partial<LinkArgs>]>([
    ['vx0 type vxlan id 42', { name: 'vx0', id: 42 }],
    ['name vx0 type vxlan vni 42', { name: 'vx0', id: 42 }],
    ['dev vx0 type vxlan id 42 dev eth0', { name: 'vx0', dev: 'eth0' }],
    ['vx0 mtu 1400 address 2:0:0:0:0:1 type vxlan id 1', { mtu: 1400, address: '02:00:00:00:00:01' }],
    ['vx0 index 100 type vxlan id 1', { name: 'vx0', index: 100 }],
    ['up vx0 type vxlan id 1', { name: 'vx0', up: true }],
    ['vx0 id 42 dev eth0', { dev: 'eth0' }],
    ['vx0 type vxlan id 1 remote 192.0.2.1 remote 192.0.2.2', { remotes: ['192.0.2.1', '192.0.2.2'] }],
    ['vx0 type vxlan id 1 remote any', { remotes: [] }],
    ['vx0 type vxlan id 1 remote fe80::1%eth0', { remotes: ['fe80::1'], dev: 'eth0' }],
    ['vx0 type vxlan id 1 group 239.1.1.1 dev eth2 dstport 4789', { group: '239.1.1.1', dev: 'eth2' }],
    ['vx0 type vxlan id 1 group ff05::100', { group: 'ff05::100' }],
    ['vx0 type vxlan id 1 local 192.0.2.1', { local: '192.0.2.1' }],
    ['vx0 type vxlan id 1 ttl inherit', { ttl: 'inherit' }],
    ['vx0 type vxlan id 1 hoplimit 9', { ttl: 9 }],
    ['vx0 type vxlan id 1 ttl auto', { ttl: 0 }],
    ['vx0 type vxlan id 1 tos inherit', { tos: 'inherit' }],
    ['vx0 type vxlan id 1 tos 1', { tos: 'inherit' }],
    ['vx0 type vxlan id 1 tos 10', { tos: 0x10 }],
    ['vx0 type vxlan id 1 dsfield 0xb8', { tos: 0xb8 }],
    ['vx0 type vxlan id 1 tos AF11', { tos: 0x28 }],
    ['vx0 type vxlan id 1 df inherit', { df: 'inherit' }],
    ['vx0 type vxlan id 1 flowlabel 0x1234', { flowlabel: 0x1234 }],
    ['vx0 type vxlan id 1 label inherit', { flowlabel: 'inherit' }],
    ['vx0 type vxlan id 1 ageing 10 maxaddress 100', { ageing: 10, maxaddress: 100 }],
    ['vx0 type vxlan id 1 ageing none', { ageing: 0 }],
    ['vx0 type vxlan id 1 srcport 1000 2000', { srcport: [1000, 2000] }],
    ['vx0 type vxlan id 1 port 0 0', { srcport: [0, 0] }],
    ['vx0 type vxlan id 1 dstport 0', { dstport: 8472 }],
    ['vx0 type vxlan id 1 nolearning proxy rsc l2miss l3miss', { learning: false, proxy: true, rsc: true }],
    ['vx0 type vxlan id 1 noudpcsum udp6zerocsumtx', { udpcsum: false, udp6zerocsumtx: true }],
    ['vx0 type vxlan id 1 noudp6zerocsumrx', { udp6zerocsumrx: false }],
    ['vx0 type vxlan id 1 noremcsumtx noremcsumrx nogbp nogpe', { id: 1 }],
    ['vx0 type vxlan external vnifilter', { external: true, vnifilter: true }],
    ['vx0 type vxlan id 0 external vnifilter', { external: true, id: 0 }],
    ['vx0 type vxlan id 1 noexternal nolocalbypass suppress', { localbypass: false, suppress: true }],
    ['vx0 type vxlan id 1 innervlan strip sources any', { innervlan: 'strip' }],
    ['vx0 type vxlan id 1 reserved_bits kernel', { reserved_bits: 'kernel' }],
    ['vx0 type vxlan id 1 reserved_bits 0', { reserved_bits: 'ignore' }],
    ['vx0 type vxlan id 017 srcport 0x10 020', { id: 15, srcport: [16, 16] }],
    ['vx0 type vxlan id 1 reserved_bits 0xf7ffffff000000ff', { reserved_bits: 'kernel' }],
    ['vx0 type vxlan id 1 reserved_bits 0x77FFffff000000ff', { reserved_bits: '0x77ffffff000000ff' }],
    ['vx0 type vxlan id 1 reserved_bits 129', { reserved_bits: '0x0000000000000081' }],
  ])('%s', (text, expected) => {
    expect(add(text)).toMatchObject(expected);
  });

  it.each<[string, Partial<LinkArgs>]>([
    // what iproute2 makes of them: the first word of its chain that begins so
    ['vx0 type vxlan i 42', { id: 42 }],
    ['vx0 type vxlan v 42', { id: 42 }],
    ['vx0 type vxlan id 1 l 192.0.2.1', { local: '192.0.2.1' }],
    ['vx0 type vxlan id 1 d eth0', { dev: 'eth0' }],
    ['vx0 type vxlan id 1 t 7', { ttl: 7 }],
    ['vx0 type vxlan id 1 a 7', { ageing: 7 }],
    ['vx0 type vxlan id 1 maxaddr 7', { maxaddress: 7 }],
    ['vx0 type vxlan id 1 nole nop noudp', { learning: false, proxy: false, udpcsum: false }],
    ['vx0 type vxlan id 1 ds 4789', { tos: undefined }],
  ])('%s, cut short', (text, expected) => {
    if (text.endsWith('ds 4789')) expect(() => add(text)).toThrow('tos "4789" is neither');
    else expect(add(text)).toMatchObject(expected);
  });

  it('takes a name that begins like a word for what it is, before `type`', () => {
    expect(add('l type vxlan id 1').name).toBe('l');
  });

  it.each([
    ['type vxlan id 1', 'NAME is missing'],
    ['vx0 type vxlan', 'the VNI is missing: id VNI, from 0 to 16777215'],
    ['vx0 type vlan id 1', 'type "vlan" is not known; it takes vxlan'],
    ['vx0 type vxlan id 16777216', 'id "16777216" is not a whole number from 0 to 16777215'],
    ['vx0 type vxlan id 08', 'id "08" is not a whole number from 0 to 16777215'],
    ['vx0 type vxlan id 1e3', 'id "1e3" is not a whole number from 0 to 16777215'],
    ['vx0 type vxlan id 1 remote 10.0.0.400', 'remote "10.0.0.400" is not an IP address'],
    ['vx0 type vxlan id 1 remote 239.1.1.1', 'remote "239.1.1.1" is a group; it must be one host'],
    ['vx0 type vxlan id 1 group 10.0.0.1', 'group "10.0.0.1" is no multicast group'],
    [
      'vx0 type vxlan id 1 group 239.1.1.1 remote 10.0.0.1',
      'group "239.1.1.1" and remote "10.0.0.1" exclude each other',
    ],
    ['vx0 type vxlan id 1 local 0.0.0.0', 'local "0.0.0.0" is no host\'s address'],
    ['vx0 type vxlan id 1 remote 10.0.0.1%eth0', 'only a link-local address has a device'],
    ['vx0 type vxlan id 1 ttl 256', 'ttl "256" is not a whole number from 0 to 255'],
    [
      'vx0 type vxlan id 1 tos 100',
      'tos "100" is neither inherit, nor hexadecimal from 0 to ff, nor a class',
    ],
    ['vx0 type vxlan id 1 df maybe', 'df "maybe" is not known; it takes unset or set or inherit'],
    [
      'vx0 type vxlan id 1 flowlabel 0x100000',
      'flowlabel "0x100000" is not a whole number from 0 to 1048575',
    ],
    ['vx0 type vxlan id 1 vni 2', '"vni" follows "id 1": only one of them can hold'],
    ['vx0 type vxlan id 1 proxy noproxy', '"noproxy" follows "proxy": only one of them can hold'],
    ['dev vx0 type vxlan id 1 dev eth0 dev eth1', '"dev" follows "dev eth0": only one of them can hold'],
    ['vx0 type vxlan id 1 gbp', '"gbp" is refused: group policies'],
    ['vx0 type vxlan id 1 gpe', '"gpe" is refused: it carries other things than Ethernet'],
    ['vx0 type vxlan id 1 remcsumtx', '"remcsumtx" is refused'],
    ['vx0 type vxlan id 1 remcsumrx', '"remcsumrx" is refused'],
    ['vx0 type vxlan external', '"external" without "vnifilter" is refused: a TAP hands over frames without'],
    ['vx0 type vxlan id 1 vnifilter', '"vnifilter" goes with "external" only'],
    ['vx0 type vxlan id 7 external vnifilter', '"external" and id 7 exclude each other'],
    ['vx0 type vxlan id 1 sources known', 'sources "known" is refused'],
    ['vx0 type vxlan id 1 sources some', 'sources "some" is not known; it takes any or known'],
    ['vx0 type vxlan id 1 reserved_bits all', 'reserved_bits "all" is not known; it takes kernel or ignore'],
    ['vx0 type vxlan id 1 reserved_bits 0x10000000000000000', 'is not known; it takes kernel or ignore'],
    ['vx0 master br0 type vxlan id 1', '"master" is refused: the TAP is an interface as any other'],
    ['vx0 type vxlan id 1 bogus', 'the word "bogus" is not known'],
    ['vx0 type vxlan id 1 dev', '"dev" wants a value behind it'],
    ['vx0 type vxlan id 1 dev a/b', 'dev "a/b" is no name for an interface'],
  ])('%s: %s', (text, sentence) => {
    expect(() => add(text)).toThrow(UsageError);
    expect(() => add(text)).toThrow(sentence);
  });
});

describe('link set', () => {
  it.each<[string, LinkArgs]>([
    ['vx0 up', { name: 'vx0', up: true }],
    ['up dev vx0', { name: 'vx0', up: true }],
    ['dev vx0 down', { name: 'vx0', up: false }],
    ['vx0 mtu 1400', { name: 'vx0', mtu: 1400 }],
    ['vx0 type vxlan local any', { name: 'vx0', local: null }],
    ['vx0 group any', { name: 'vx0', group: null }],
    ['vx0 nodev', { name: 'vx0', dev: null }],
    ['vx0 learning', { name: 'vx0', learning: true }],
    ['vx0 external', { name: 'vx0', external: true }],
  ])('%s', (text, expected) => {
    expect(set(text)).toEqual(expected);
  });

  it.each([
    ['vx0', 'nothing is said of what vx0 should be'],
    [
      'vx0 name vx1',
      '"name" is refused: the TAP is an interface as any other: say it to `ip link set NAME name NEW`',
    ],
    ['vx0 netns x', '"netns" is refused'],
    ['up', 'NAME is missing'],
  ])('%s: %s', (text, sentence) => {
    expect(() => set(text)).toThrow(sentence);
  });
});

describe('what is printed', () => {
  const ip = fc.oneof(fc.ipV4(), fc.constantFrom('2001:db8::1', 'fd00::2'));
  const host = ip.filter((each) => !/^(0\.0\.0\.0|22[4-9]\.|23\d\.)/.test(each));
  const either = fc.boolean();
  const inheriting = (most: number) =>
    fc.oneof(fc.constant('inherit' as const), fc.integer({ min: 2, max: most }));
  const link = fc.record(
    {
      id: fc.integer({ min: 0, max: MAX_VNI }),
      remotes: fc.array(host, { minLength: 1, maxLength: 4 }),
      local: host,
      dev: fc.constantFrom('eth0', 'enp1s0.7'),
      srcport: fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 9, max: 65_535 })),
      dstport: fc.integer({ min: 1, max: 65_535 }),
      learning: either,
      proxy: either,
      rsc: either,
      l2miss: either,
      l3miss: either,
      suppress: either,
      udpcsum: either,
      udp6zerocsumtx: either,
      udp6zerocsumrx: either,
      localbypass: either,
      ttl: inheriting(255),
      tos: inheriting(255),
      df: fc.constantFrom('unset', 'set', 'inherit'),
      flowlabel: inheriting(0xf_ffff),
      ageing: fc.integer({ min: 1, max: 10_000 }),
      maxaddress: fc.integer({ min: 1, max: 10_000 }),
      innervlan: fc.constantFrom('pass', 'strip', 'drop'),
      reserved_bits: fc.constantFrom('ignore', 'kernel', '0x0000000000000081'),
    },
    { requiredKeys: ['id', 'srcport', 'dstport', 'ageing'] },
  ) as fc.Arbitrary<LinkArgs & { id: number }>;

  /** What a link is by default, so it need not be printed. */
  const DEFAULTS: Partial<LinkArgs> = {
    learning: true,
    proxy: false,
    rsc: false,
    l2miss: false,
    l3miss: false,
    suppress: false,
    udpcsum: true,
    udp6zerocsumtx: false,
    udp6zerocsumrx: false,
    localbypass: true,
    ttl: 0,
    innervlan: 'pass',
    reserved_bits: 'ignore',
  };

  it('is read as what it was printed of', () => {
    fc.assert(
      fc.property(link, (args) => {
        const words = `vx0 type vxlan ${linkWords(args)}`;
        expect({ ...DEFAULTS, ...add(words) }).toEqual({ ...DEFAULTS, ...args, name: 'vx0' });
      }),
      { numRuns: 500 },
    );
  });

  it('of a trunk and of a group too', () => {
    const trunk = {
      external: true,
      vnifilter: true,
      id: 0,
      srcport: [1, 2] as [number, number],
      dstport: 4789,
    };
    expect(linkWords(trunk)).toMatch(/^external vnifilter srcport 1 2 dstport 4789 /);
    expect(add(`vx0 type vxlan ${linkWords({ ...trunk })}`)).toMatchObject({
      external: true,
      vnifilter: true,
    });
    const group = { id: 5, group: '239.1.1.1', dev: 'eth0' };
    expect(add(`vx0 type vxlan ${linkWords(group)}`)).toMatchObject(group);
  });
});
