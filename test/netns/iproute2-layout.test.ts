/**
 * What the verbs print, beside what `ip` and `bridge` print of the kernel's own links: made by the same words, in two
 * hosts that are alike.
 *
 *   kernel: eth0 192.0.2.1 ── eth0 (other end)      vtep: eth0 192.0.2.1 ── eth0 (other end)
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { json } from '../../src/cli/json.ts';
import { VNIS } from '../../src/cli/print-vni.ts';
import type { VniArgs } from '../../src/control/protocol.ts';
import { type Host, Lab } from '../support/netns.ts';
import { MAIN, VtepProcess } from '../support/vtep-process.ts';
import { waitFor } from '../support/wait-for.ts';

const LINKS = [
  'id 42 remote 192.0.2.2 local 192.0.2.1 dev eth0 dstport 4789 ttl 64 proxy rsc l2miss l3miss',
  'id 43 remote 192.0.2.3 dev eth0 dstport 4789 srcport 1000 2000 nolearning noudpcsum ageing 10 maxaddress 100',
  'id 44 remote 2001:db8::2 local 2001:db8::1 dev eth0 dstport 4789 udp6zerocsumtx udp6zerocsumrx flowlabel 0x1234',
  'id 45 remote 192.0.2.3 dev eth0 dstport 4790 tos inherit ttl inherit df set',
  'id 46 group 239.1.1.1 dev eth0 dstport 4791 tos 10 df inherit nolearning',
  'id 47 group ff05::100 dev eth0 dstport 4792 ttl auto tos AF11',
];

/** Of the device, which is a TAP here. */
const NOT_OURS = [
  'inet6_addr_gen_mode',
  'gso_max_size',
  'gso_max_segs',
  'tso_max_size',
  'tso_max_segs',
  'gro_max_size',
];

type Shown = Record<string, unknown>;

const byDst = (a: { dst: string }, b: { dst: string }) => a.dst.localeCompare(b.dst);

const SHOW = { json: false, pretty: false, details: false, stats: false, oneline: false };

describe('verbs print as iproute2 does', () => {
  const lab = new Lab();
  const folder = mkdtempSync(join(tmpdir(), 'vtep-layout-'));
  const socket = join(folder, 'control.sock');
  let kernel: Host;
  let ours: Host;
  const vtep = (...words: string[]) => ours.run(process.execPath, MAIN, '--socket', socket, ...words);
  const both = async (words: string) => {
    const [tool, ...rest] = words.split(' ');
    return [await kernel.run(tool, ...rest), await vtep(...rest)] as const;
  };

  beforeAll(async () => {
    kernel = lab.host('kernel');
    ours = lab.host('ours');
    for (const host of [kernel, ours]) {
      lab.cable(host, ['192.0.2.1/24', '2001:db8::1/64'], lab.host('end'), ['192.0.2.2/24']);
      // what the host itself sends would be counted
      await host.run('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1');
    }
    const daemon = new VtepProcess(ours.spawn(process.execPath, MAIN, 'daemon', '--socket', socket));
    await waitFor(() => daemon.stdout.includes('ready'), 'the daemon');
    for (const [at, words] of LINKS.entries()) {
      kernel.ip(`link add vx${at} type vxlan ${words}`, `link set vx${at} up`);
      await vtep('link', 'add', `vx${at}`, 'type', 'vxlan', ...words.split(' '));
      await vtep('link', 'set', `vx${at}`, 'up');
    }
  });
  afterAll(async () => {
    await lab.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(LINKS.map((words, at) => [words, `vx${at}`]))('%s: the same keys and values', async (_, name) => {
    const [[theirs], [own]] = [
      await kernel.json<Shown[]>('ip', '-j', '-d', 'link', 'show', name),
      JSON.parse(await vtep('-j', '-d', 'link', 'show', name)) as Shown[],
    ];
    const { vtep: raw, ...shown } = own;
    for (const key of NOT_OURS) delete theirs[key];
    const device = { ifindex: expect.any(Number), address: expect.any(String), max_mtu: 65_485 };
    expect(shown).toEqual({ ...theirs, ...device });
    expect(raw).toMatchObject({ name });
    expect(Object.keys(shown)).toEqual(Object.keys(theirs));
  });

  it.each(LINKS.map((words, at) => [words, `vx${at}`]))('%s: the same lines', async (_, name) => {
    const [theirs, own] = await both(`ip -d link show ${name}`);
    const [first, second, third] = own.split('\n');
    const line = theirs.split('\n');
    const numberless = (text: string) => text.replace(/^\d+: /, '').replace(/link\/ether \S+/, 'link/ether');
    expect(numberless(first)).toBe(numberless(line[0]));
    expect(numberless(second)).toBe(numberless(line[1]).replace('maxmtu 65535', 'maxmtu 65485'));
    expect(third).toBe(line[2].replace(/addrgenmode .*/, ''));
  });

  it.each(LINKS.map((words, at) => [words, `vx${at}`]))(
    '%s: what is shown makes it again',
    async (_, name) => {
      const shown = async () => (await vtep('-d', 'link', 'show', name)).split('\n')[2];
      const before = await shown();
      await vtep('link', 'del', name);
      await vtep('link', 'add', name, 'type', ...before.trim().split(' '));
      await vtep('link', 'set', name, 'up');
      expect(await shown()).toBe(before);
    },
  );

  it('statistics stand in the same columns', async () => {
    const [theirs, own] = await both('ip -s link show vx1');
    const lines = (text: string) => text.split('\n').slice(2, 6);
    const numbers = (text: string) => lines(text).map((each) => each.trim().split(/ +/).length);
    expect(lines(own)[0]).toBe(lines(theirs)[0]);
    expect(lines(own)[2]).toBe(lines(theirs)[2]);
    expect(numbers(own)).toEqual(numbers(theirs));
    const [[kernelStats], [ownStats]] = [
      await kernel.json<Shown[]>('ip', '-j', '-s', 'link', 'show', 'vx1'),
      JSON.parse(await vtep('-j', '-s', 'link', 'show', 'vx1')) as Shown[],
    ];
    const keys = (stats: Shown) =>
      Object.entries(stats.stats64 as Shown).map(([way, of]) => [way, Object.keys(of as Shown)]);
    expect(keys(ownStats)).toEqual(keys(kernelStats));
  });

  describe('the forwarding table', () => {
    beforeAll(async () => {
      const changes = [
        'append 00:00:00:00:00:00 dev vx0 dst 192.0.2.3 port 4790 vni 77',
        'add 02:00:00:00:00:01 dev vx0 dst 192.0.2.4',
        'add 02:00:00:00:00:02 dev vx0 dst 192.0.2.4 dynamic',
        'add 02:00:00:00:00:03 dev vx0 dst 192.0.2.4 extern_learn static router',
        'append to 01:00:5e:00:00:05 dev vx0 dst 192.0.2.5 self permanent',
      ];
      for (const change of changes) await both(`bridge fdb ${change}`);
    });
    /** The kernel names the link's own device for destinations that were made with it. */
    const sorted = (text: string) => text.replaceAll(' via eth0', '').split('\n').sort();

    it.each(['bridge fdb show dev vx0', 'bridge fdb show brport vx0'])('%s', async (words) => {
      const [theirs, own] = await both(words);
      expect(sorted(own)).toEqual(sorted(theirs));
      expect(own.split('\n')).toHaveLength(7);
    });

    it.each([['-j'], ['-j', '-s']])('bridge %s fdb show dev vx0', async (...options) => {
      const read = (text: string) =>
        (JSON.parse(text) as Shown[])
          .map(({ viaIf, used, updated, ...entry }) => ({ ...entry, ages: [typeof used, typeof updated] }))
          .sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
      const [theirs, own] = await both(['bridge', ...options, 'fdb', 'show', 'dev', 'vx0'].join(' '));
      expect(read(own)).toEqual(read(theirs));
      expect(read(own)).toHaveLength(6);
    });

    it('is made again of what -d shows', async () => {
      const before = await vtep('-d', 'fdb', 'show', 'dev', 'vx0');
      await vtep('fdb', 'flush', 'dev', 'vx0');
      for (const line of before.trimEnd().split('\n')) await vtep('fdb', 'append', ...line.split(' '));
      expect(sorted(await vtep('-d', 'fdb', 'show', 'dev', 'vx0'))).toEqual(sorted(before));
    });

    it('is watched', async () => {
      const theirs = new VtepProcess(kernel.spawn('bridge', 'monitor', 'fdb'));
      const own = new VtepProcess(ours.spawn(process.execPath, MAIN, '--socket', socket, 'monitor', 'fdb'));
      // which of the first ones are seen depends on when the watchers are there
      const change = async (mac: string) => {
        await both(`bridge fdb add ${mac} dev vx0 dst 192.0.2.9 static`);
        await both(`bridge fdb del ${mac} dev vx0`);
      };
      let tries = 0;
      await waitFor(async () => {
        await change(`02:00:00:00:01:${(tries++ % 90) + 10}`);
        return [theirs, own].every(({ stdout }) => stdout.includes('Deleted'));
      }, 'both to watch');
      await change('02:00:00:00:02:00');
      const last = ({ stdout }: VtepProcess) =>
        stdout.split('\n').filter((line) => line.includes('02:00:00:00:02:00'));
      await waitFor(() => [theirs, own].every((each) => last(each).length === 2), 'both changes');
      expect(last(own)).toEqual(last(theirs));
    });
  });

  it('neighbours by hand', async () => {
    await both('ip neigh add 10.9.0.1 lladdr 02:00:00:00:00:01 dev vx0 nud permanent');
    await both('ip neigh replace 10.9.0.2 lladdr 02:00:00:00:00:02 dev vx0 nud permanent router');
    const [theirs, own] = await both('ip neigh show dev vx0');
    const lines = (text: string) =>
      text
        .split('\n')
        .filter((line) => line.startsWith('10.9.'))
        .sort();
    expect(lines(own)).toEqual(lines(theirs));
    expect(lines(own)).toHaveLength(2);
    const shown = await both('ip -j neigh show to 10.9.0.0/16 dev vx0');
    const [theirKeys, ownKeys] = shown.map((text) => (JSON.parse(text) as { dst: string }[]).sort(byDst));
    expect(ownKeys).toEqual(theirKeys);
    expect(ownKeys).toHaveLength(2);
  });

  it('VNIs of a trunk, as far as the kernel knows of them', async () => {
    kernel.ip('link add trunk type vxlan external vnifilter dstport 4799 dev eth0', 'link set trunk up');
    for (const words of ['200', '300-310', '400 remote 192.0.2.7', '500-501 group 239.1.1.5']) {
      await kernel.run('bridge', 'vni', 'add', 'dev', 'trunk', 'vni', ...words.split(' '));
    }
    type Vni = { vni: number; vniEnd?: number; group?: string; remote?: string };
    const [trunk] = await kernel.json<{ vnis: Vni[] }[]>('bridge', '-j', 'vni', 'show');
    const items: VniArgs[] = trunk.vnis.map(({ vni, vniEnd = vni, ...where }) => ({
      dev: 'trunk',
      vni: [vni, vniEnd],
      ...where,
    }));
    const [gathered] = VNIS.gather?.(items as never[], SHOW) ?? [];
    const text = `${VNIS.head}${VNIS.text(gathered as never, SHOW, false)}\n\n`;
    expect(text).toBe(await kernel.run('bridge', 'vni', 'show'));
    const keys = VNIS.json(gathered as never, SHOW, false);
    expect(JSON.parse(JSON.stringify([keys]))).toEqual([trunk].map((each) => ({ ifname: 'trunk', ...each })));
    expect(items).toHaveLength(4);
  });

  it.each(['ip -d link show', 'bridge fdb show', 'ip neigh show', 'bridge vni show', 'ip -s link show'])(
    '%s -p: the same JSON byte for byte',
    async (words) => {
      const [tool, ...rest] = words.split(' ');
      const compact = JSON.parse(await kernel.run(tool, '-j', ...rest));
      expect(`${json(compact, true)}\n`).toBe(await kernel.run(tool, '-j', '-p', ...rest));
    },
  );
});
