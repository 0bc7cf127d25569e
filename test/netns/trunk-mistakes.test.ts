/**
 * What a trunk refuses: a sentence each, and all is as it was.
 *
 *   a [ trunk, VNIs 100-109 as VLANs 10-19 ] 192.0.2.1 ──── b
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VniArgs } from '../../src/control/protocol.ts';
import { DaemonProcess } from '../support/daemon-process.ts';
import { type Host, Lab } from '../support/netns.ts';
import { waitFor } from '../support/wait-for.ts';

const MISTAKES: [words: string, sentence: string][] = [
  ['link add t2 type vxlan external', '"external" without "vnifilter" is refused'],
  ['link set trunk type vxlan id 5', 'external and id 5 exclude each other'],
  ['link set plain type vxlan external vnifilter', 'external and id 42 exclude each other'],
  ['vni add dev plain vni 43', 'plain has one VNI; a trunk is made with external vnifilter (EOPNOTSUPP)'],
  ['vni add dev nope vni 43', 'there is no link nope here (ENODEV)'],
  ['vni add dev trunk vni 40-45 vlan 40', 'there is a link with VNI 42 at port 4789 already (EEXIST)'],
  ['vni add dev trunk vni 200-201 vlan 9', 'VLAN 10 of trunk is VNI 100 already (EEXIST)'],
  ['vni add dev trunk vni 200 vlan 4095', '"4095" is not a whole number from 0 to 4094'],
  ['vni add dev trunk vni 200-203 vlan 4092', 'more VNIs than there are VLANs up to 4094'],
  [
    'vni add dev trunk vni 200 group 239.1.1.1',
    'group 239.1.1.1 needs an interface to join it on: dev of trunk (EINVAL)',
  ],
  ['vni add dev trunk vni 10000-30000', 'there is room for 8192 links (ENOSPC)'],
  ['vni del dev trunk vni 109-110', 'trunk has no or not all of the VNIs 109-110 (ENOENT)'],
  ['fdb add 02:00:00:00:00:01 dev trunk dst 192.0.2.2', 'src_vni is missing: trunk has many VNIs (EINVAL)'],
  [
    'fdb add 02:00:00:00:00:01 dev trunk dst 192.0.2.2 src_vni 99',
    'src_vni 99: trunk has no such VNI (ENOENT)',
  ],
  [
    'fdb add 02:00:00:00:00:01 dev plain dst 192.0.2.2 src_vni 99',
    'plain has one VNI, and is no trunk (EOPNOTSUPP)',
  ],
  ['neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev trunk', '`ip neigh add ... dev trunk` (EOPNOTSUPP)'],
];

describe('a trunk', () => {
  const lab = new Lab();
  let a: Host;
  let daemon: DaemonProcess;
  let before: unknown[];
  const state = async () => [
    await daemon.verb('-o vni show'),
    await daemon.verb('-d link show'),
    (await daemon.json<{ mac: string }[]>('fdb show')).length,
  ];
  beforeAll(async () => {
    a = lab.host('a');
    lab.cable(a, ['192.0.2.1/24'], lab.host('b'), ['192.0.2.2/24']);
    daemon = await DaemonProcess.start(lab, a);
    await daemon.verb('link add plain type vxlan id 42');
    await daemon.verb('link add trunk type vxlan external vnifilter local 192.0.2.1 remote 192.0.2.2');
    await daemon.verb('vni add dev trunk vni 100-109 vlan 10');
    before = await state();
  });
  afterAll(() => lab.close());

  it.each(MISTAKES)('refuses %s', async (words, sentence) => {
    const { stderr } = await daemon.verb(words).then(
      () => ({ stderr: '' }),
      (error) => error as { stderr: string },
    );
    expect(stderr).toContain(sentence);
    expect(await state()).toEqual(before);
  });

  it('is as it was in all its VNIs when one of them cannot follow it to another device', async () => {
    a.ip('link add small mtu 1000 type bridge'); // too small for IPv6
    await daemon.verb('link add t3 type vxlan external vnifilter dstport 4790 dev eth0');
    await daemon.verb('vni add dev t3 vni 1 group 239.1.1.1');
    await daemon.verb('vni add dev t3 vni 2 group ff05::2');
    a.ip('link set t3 up');
    const groups = async (dev: string) =>
      (await a.run('ip', 'maddress', 'show', 'dev', dev)).match(/239.1.1.1|ff05::2/g) ?? [];
    await waitFor(async () => (await groups('eth0')).length === 2, 'its groups to be joined');
    const shown = async () => [await daemon.verb('-d link show t3'), await daemon.verb('fdb show dev t3')];
    const was = await shown();
    await expect(daemon.verb('link set t3 dev small remote 192.0.2.9')).rejects.toThrow('ff05::2');
    expect([await groups('eth0'), await groups('small')]).toEqual([['239.1.1.1', 'ff05::2'], []]);
    expect(await shown()).toEqual(was);
    await daemon.verb('link del t3');
  });

  it('is shown as it can be made: its VNIs by range, what was said of one by itself', async () => {
    expect(await daemon.verb('-d link show trunk')).toContain('vxlan external vnifilter ');
    await daemon.verb('vni add dev trunk vni 105 remote 192.0.2.3');
    await daemon.verb('vni add dev trunk vni 300');
    const shown = await daemon.verb('-o vni show dev trunk');
    expect(shown.trim().split('\n')).toEqual([
      'dev trunk vni 100-104 vlan 10',
      'dev trunk vni 105 remote 192.0.2.3 vlan 15',
      'dev trunk vni 106-109 vlan 16',
      'dev trunk vni 300',
    ]);
    const entries = await daemon.json<{ src_vni: number; dst: string }[]>('fdb show dev trunk');
    expect(entries.filter(({ src_vni }) => src_vni === 105).map(({ dst }) => dst)).toEqual(['192.0.2.3']);
    for (const vnis of ['100-109', '300']) await daemon.verb(`vni del dev trunk vni ${vnis}`);
    for (const line of shown.trim().split('\n')) await daemon.verb(`vni add ${line}`);
    expect(await daemon.verb('-o vni show dev trunk')).toBe(shown);
  });

  it('has room for every VLAN, and gives all of it back', async () => {
    for (let i = 0; i < 3; i++) {
      await daemon.verb('link add wide type vxlan external vnifilter remote 192.0.2.2');
      await daemon.verb('vni add dev wide vni 10001-14094 vlan 1');
      const [{ vnis }] = await daemon.json<{ vnis: Pick<VniArgs, 'vlan'>[] }[]>('vni show dev wide');
      expect(vnis).toEqual([{ vni: 10_001, vniEnd: 14_094, vlan: 1 }]);
      await daemon.verb('link del wide');
    }
  });
});
