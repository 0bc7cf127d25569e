/** The words of fdb, neigh, vni, monitor, of options and verbs: what is asked of the daemon, and what is refused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormError, RefusedWord } from '../../../src/cli/grammar.ts';
import { findVerb, loadObject, planOf } from '../../../src/cli/objects.ts';
import { parseOptions } from '../../../src/cli/options.ts';
import { fdbText } from '../../../src/cli/print-fdb.ts';
import { neighText } from '../../../src/cli/print-neigh.ts';
import { VNIS } from '../../../src/cli/print-vni.ts';
import type { FdbItem, NeighItem, VniArgs } from '../../../src/control/protocol.ts';

const SHOW = { json: false, pretty: false, details: false, stats: false, oneline: false };

/** The requests that a command line comes to: `verb` and `args`. */
async function asked(text: string): Promise<{ verb: string; args: unknown }[]> {
  const [first, ...words] = text.split(' ');
  const object = await loadObject(first);
  if (!object) throw new Error(`no object ${first}`);
  return [...planOf(findVerb(object.name, object.verbs, words), SHOW).requests];
}

const MAC = '02:00:00:00:00:01';
const ENTRY = { dev: 'vx0', mac: MAC, dst: '192.0.2.1' };

describe('a command line', () => {
  it.each<[string, string, unknown]>([
    [`fdb add ${MAC} dev vx0 dst 192.0.2.1`, 'fdb add', ENTRY],
    [`fdb a ${MAC} dev vx0 dst 192.0.2.1`, 'fdb add', ENTRY],
    [`fdb ap ${MAC} dev vx0 dst 192.0.2.1`, 'fdb append', ENTRY],
    [`fdb append to ${MAC} dst 192.0.2.1 dev vx0`, 'fdb append', ENTRY],
    [`fdb append lladdr 2:0:0:0:0:1 dst 192.0.2.1 dev vx0`, 'fdb append', ENTRY],
    [`fdb r ${MAC} dev vx0 dst 192.0.2.1 self`, 'fdb replace', ENTRY],
    [`fdb del ${MAC} dev vx0`, 'fdb del', { dev: 'vx0', mac: MAC }],
    [`fdb d ${MAC} dev vx0 dst 192.0.2.1`, 'fdb del', ENTRY],
    [
      `fdb add ${MAC} dev vx0 dst 192.0.2.1 port 4790 vni 7 src_vni 8 via eth0`,
      'fdb add',
      { ...ENTRY, port: 4790, vni: 7, src_vni: 8, via: 'eth0' },
    ],
    [`fdb add ${MAC} dev vx0 dst fe80::1%eth0`, 'fdb add', { ...ENTRY, dst: 'fe80::1', via: 'eth0' }],
    [`fdb add ${MAC} dev vx0 dst 239.1.1.1`, 'fdb add', { ...ENTRY, dst: '239.1.1.1' }],
    [`fdb add ${MAC} dev vx0 dst 192.0.2.1 local`, 'fdb add', { ...ENTRY, state: 'permanent' }],
    [`fdb add ${MAC} dev vx0 dst 192.0.2.1 temp`, 'fdb add', { ...ENTRY, state: 'static' }],
    [`fdb add ${MAC} dev vx0 dst 192.0.2.1 dyn`, 'fdb add', { ...ENTRY, state: 'dynamic' }],
    [
      `fdb add ${MAC} dev vx0 dst 192.0.2.1 router use extern_learn sticky router`,
      'fdb add',
      { ...ENTRY, flags: ['router', 'use', 'extern_learn', 'sticky'] },
    ],
    [`fdb get ${MAC} dev vx0`, 'fdb get', { dev: 'vx0', mac: MAC }],
    ['fdb', 'fdb show', {}],
    ['fdb list', 'fdb show', {}],
    ['fdb show dev vx0', 'fdb show', { dev: 'vx0' }],
    ['fdb show brport vx0 state static', 'fdb show', { dev: 'vx0', words: ['static'] }],
    ['fdb show dynamic dst 192.0.2.1 vni 7', 'fdb show', { words: ['dynamic'], dst: '192.0.2.1', vni: 7 }],
    ['fdb flush dev vx0', 'fdb flush', { dev: 'vx0' }],
    [
      'fdb flush dev vx0 nopermanent extern_learn self src_vni 5',
      'fdb flush',
      { dev: 'vx0', words: ['nopermanent', 'extern_learn'], src_vni: 5 },
    ],
    [`neigh add 10.0.0.1 lladdr ${MAC} dev vx0`, 'neigh add', { ip: '10.0.0.1', mac: MAC, dev: 'vx0' }],
    [
      `neighbor a to fd00::1 lladdr ${MAC} nud permanent router dev vx0`,
      'neigh add',
      { ip: 'fd00::1', mac: MAC, dev: 'vx0', flags: ['router'] },
    ],
    [`neigh chg 10.0.0.1 lladdr ${MAC} dev vx0`, 'neigh change', { ip: '10.0.0.1', mac: MAC, dev: 'vx0' }],
    [`n r 10.0.0.1 lladdr ${MAC} dev vx0`, 'neigh replace', { ip: '10.0.0.1', mac: MAC, dev: 'vx0' }],
    ['neigh del 10.0.0.1 dev vx0', 'neigh del', { ip: '10.0.0.1', dev: 'vx0' }],
    ['neigh', 'neigh show', {}],
    ['neigh show dev vx0', 'neigh show', { dev: 'vx0' }],
    ['neigh flush all', 'neigh flush', {}],
    ['neigh flush dev vx0', 'neigh flush', { dev: 'vx0' }],
    ['vni add vni 100 dev vx0', 'vni add', { vni: [100, 100], dev: 'vx0' }],
    [
      'vni add vni 100-110 remote 192.0.2.1 vlan 10 dev vx0',
      'vni add',
      { vni: [100, 110], remote: '192.0.2.1', vlan: 10, dev: 'vx0' },
    ],
    ['vni del vni 7-9 dev vx0', 'vni del', { vni: [7, 9], dev: 'vx0' }],
    ['vni', 'vni show', {}],
    ['link', 'link show', {}],
    ['l l vx0', 'link show', { name: 'vx0' }],
    ['link show type vxlan', 'link show', {}],
    ['link del vx0', 'link del', { name: 'vx0' }],
    ['link delete dev vx0 type vxlan', 'link del', { name: 'vx0' }],
    ['l s vx0 up', 'link set', { name: 'vx0', up: true }],
    ['link change vx0 up', 'link set', { name: 'vx0', up: true }],
    ['monitor', 'monitor', { what: ['link', 'fdb', 'neigh', 'miss'] }],
    ['mon fdb neighbour', 'monitor', { what: ['fdb', 'neigh'] }],
    ['monitor all link', 'monitor', { what: ['link', 'fdb', 'neigh', 'miss'] }],
  ])('%s', async (text, verb, args) => {
    const requests = await asked(text);
    expect(requests.map((request) => request.verb)).toEqual([verb]);
    expect(JSON.parse(JSON.stringify(requests[0].args))).toEqual(args);
  });

  it('of several ranges of VNIs is several requests, and their VLANs go on', async () => {
    const requests = await asked('vni add vni 10,20-22,30 vlan 100 dev vx0');
    expect(requests.map(({ args }) => args)).toEqual([
      { dev: 'vx0', vni: [10, 10], vlan: 100 },
      { dev: 'vx0', vni: [20, 22], vlan: 101 },
      { dev: 'vx0', vni: [30, 30], vlan: 104 },
    ]);
  });

  it.each([
    ['fdb bogus', 'the verb "bogus" of fdb is not known; there is add, append, replace'],
    ['fdb add', 'the MAC is missing'],
    [`fdb add ${MAC} dst 192.0.2.1`, 'the link is missing: dev NAME'],
    [`fdb add ${MAC} dev vx0`, `where ${MAC} is, is missing: dst IP`],
    [`fdb add ${MAC} ${MAC} dev vx0`, `the word "${MAC}" is not known; the MAC is ${MAC} already`],
    ['fdb add xx dev vx0', 'the word "xx" is neither known nor a MAC address'],
    ['fdb add 02:00:00:00:00 dev vx0', 'MAC "02:00:00:00:00" is no MAC address'],
    [`fdb add ${MAC} dev vx0 ds 10.0.0.4`, 'the word "ds" is not known; the MAC is'],
    ['link set vx0 mt 1400', 'the word "mt" is not known'],
    [`fdb add ${MAC} dev vx0 dst 10.0.0.400`, 'dst "10.0.0.400" is not an IP address'],
    [`fdb add ${MAC} dev vx0 dst 192.0.2.1 port 65536`, 'port "65536" is not a whole number from 0 to 65535'],
    [`fdb add ${MAC} dev vx0 dst 192.0.2.1 vni 16777216`, 'vni "16777216" is not a whole number'],
    [`fdb add ${MAC} dev vx0 nhid 5`, '"nhid" is refused: next hop groups are in the kernel'],
    [`fdb add ${MAC} dev vx0 dst 192.0.2.1 master`, '"master" is refused: the bridge\'s own table'],
    [`fdb add ${MAC} dev vx0 dst 192.0.2.1 vlan 5`, '"vlan" is refused: a link\'s table knows no VLANs'],
    ['fdb show br br0', '"br" is refused: vtep has no bridges'],
    ['fdb show state stale', 'state "stale" is not known; it takes all or permanent or static or dynamic'],
    ['fdb flush', 'the link is missing: dev NAME'],
    ['fdb flush dev vx0 offloaded', '"offloaded" is refused'],
    ['neigh add 10.0.0.1 dev vx0', 'the MAC of 10.0.0.1 is missing: lladdr MAC'],
    [`neigh add 10.0.0.1 lladdr ${MAC}`, 'the link is missing: dev NAME'],
    [`neigh add lladdr ${MAC} dev vx0`, 'the IP address of the neighbour is missing'],
    [
      `neigh add 10.0.0.1 lladdr ${MAC} dev vx0 nud stale`,
      'nud "stale" is refused: an entry by hand is permanent',
    ],
    [`neigh add 10.0.0.1 lladdr ${MAC} dev vx0 nud x`, 'nud "x" is not known'],
    ['neigh add proxy 10.0.0.1 dev vx0', '"proxy" is refused'],
    ['neigh flush', 'what is to be flushed is missing: dev NAME, or all'],
    ['neigh show to 10.0.0.0/33', 'to "10.0.0.0/33" is neither an IP address nor a prefix'],
    ['vni add dev vx0', 'the VNI is missing'],
    ['vni add vni 7', 'the link is missing'],
    ['vni add vni 9-7 dev vx0', 'vni "9-7": the second is smaller than the first'],
    ['vni add vni 1-5000 vlan 1 dev vx0', 'more VNIs than there are VLANs up to 4094'],
    ['vni add vni 7 group 239.1.1.1 remote 192.0.2.1 dev vx0', 'exclude each other'],
    ['link del', 'NAME is missing: which link is to be deleted'],
    ['link show vx0 vx1', 'the word "vx1" is not known'],
    ['monitor route', 'the word "route" is not known; there is link, fdb, neigh, miss, all'],
  ])('%s: %s', async (text, sentence) => {
    const error = await asked(text).catch((each) => each);
    expect(error.message).toContain(sentence);
    if (error instanceof RefusedWord) return; // the form would not help
    expect(error).toBeInstanceOf(FormError);
    expect(error.form).toMatch(new RegExp(`^vtep ${text.split(' ')[0]} `));
  });
});

describe('the options', () => {
  it.each([
    ['-j -p -d -s fdb show', { json: true, pretty: true, details: true, stats: true }, ['fdb', 'show']],
    ['-json -stats link', { json: true, stats: true }, ['link']],
    ['--details -o link', { details: true, oneline: true }, ['link']],
    ['-force -batch -', { force: true, batch: '-' }, []],
    ['-b file', { batch: 'file' }, []],
    ['-n red --socket /x link', { namespace: 'red', socket: '/x' }, ['link']],
    ['-V', { version: true }, []],
    ['--start link add -x', { start: true }, ['link', 'add', '-x']],
  ])('%s', (text, expected, words) => {
    const { options, rest } = parseOptions(text.split(' '));
    expect(options).toMatchObject(expected);
    expect(rest).toEqual(words);
  });

  it.each([
    ['-bogus link', 'the option "-bogus" is not known'],
    ['-batch', 'the option "-batch" wants a value behind it'],
  ])('%s: %s', (text, sentence) => {
    expect(() => parseOptions(text.split(' '))).toThrow(sentence);
  });
});

describe('what is printed is read as what it was printed of', () => {
  const details = { ...SHOW, details: true };

  it('an entry, with -d', async () => {
    const number = fc.integer({ min: 1, max: 65_535 });
    const entry = fc.record(
      {
        mac: fc.constantFrom(MAC, '00:00:00:00:00:00', 'fe:dc:ba:98:76:54'),
        dev: fc.constantFrom('vx0', 'permanent0'),
        dst: fc.constantFrom('192.0.2.1', '2001:db8::1', '239.1.1.1'),
        port: number,
        vni: number,
        src_vni: number,
        via: fc.constantFrom('eth0', 'br-lan'),
        state: fc.constantFrom('permanent', 'static', 'dynamic'),
        flags: fc.subarray(['router', 'extern_learn', 'sticky'], { minLength: 1 }),
        used: fc.constant(3),
        updated: fc.constant(4),
      },
      { requiredKeys: ['mac', 'dev', 'dst', 'state', 'used', 'updated'] },
    ) as fc.Arbitrary<FdbItem>;
    await fc.assert(
      fc.asyncProperty(entry, async (item) => {
        const { used, updated, ...args } = item;
        expect((await asked(`fdb append ${fdbText(item, details, true).trim()}`))[0].args).toEqual(args);
      }),
    );
  });

  it('a neighbour', async () => {
    const item: NeighItem = { ip: 'fd00::1', mac: MAC, dev: 'vx0', flags: ['router'], state: 'snooped' };
    const { state, ...args } = item;
    expect((await asked(`neigh add ${neighText(item, SHOW).trim()}`))[0].args).toEqual(args);
  });

  it('a VNI, with -o', async () => {
    const items: VniArgs[] = [
      { dev: 'vx0', vni: [7, 7], vlan: 5 },
      { dev: 'vx0', vni: [10, 19], group: '239.1.1.1' },
    ];
    for (const item of items) {
      const [line] = (VNIS.gather?.([item] as never[], { ...SHOW, oneline: true }) ?? []).map((each) =>
        VNIS.text(each as never, { ...SHOW, oneline: true }, false),
      );
      expect((await asked(`vni add ${line}`))[0].args).toEqual(item);
    }
  });
});
