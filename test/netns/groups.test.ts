/**
 * A multicast group as the default destination, among vtep and the kernel's vxlan.
 *
 *   a [ vx0 10.0.0.1 ] eth0 ──┐
 *   b [ vx0 10.0.0.2 ] eth0 ──┼── switch       a, b: vtep    c: the kernel
 *   c [ vx0 10.0.0.3 ] eth0 ──┘
 */
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Capture } from '../support/capture.ts';
import { type Host, Lab } from '../support/netns.ts';
import { inject } from '../support/twins.ts';
import { MAIN, VtepProcess } from '../support/vtep-process.ts';
import { waitFor } from '../support/wait-for.ts';

/** Groups that a host has joined on eth0, each once. */
async function joined(host: Host): Promise<string[]> {
  const [device] = await host.json<{ maddr: { address?: string }[] }[]>(
    'ip',
    '-j',
    'maddr',
    'show',
    'dev',
    'eth0',
  );
  return device.maddr.flatMap(({ address }) => address ?? []);
}

const hex = (i: number) => i.toString(16).padStart(4, '0');

const FAMILIES = [
  { family: 'IPv4', group: '239.1.1.1', address: (n: number) => `192.0.2.${n}`, length: 24 },
  { family: 'IPv6', group: 'ff05::4:2', address: (n: number) => `2001:db8::${n}`, length: 64 },
] as const;

describe.each(FAMILIES)('a group over $family', ({ family, group, address, length }) => {
  const lab = new Lab();
  let hosts: Host[];
  let vteps: VtepProcess[];
  beforeAll(async () => {
    hosts = ['a', 'b', 'c'].map((name) => lab.host(name));
    lab.switch(hosts.map((host, i) => [host, `${address(i + 1)}/${length}`] as const));
    for (const host of hosts) await host.settled('eth0');
    const words = (n: number) => `vx0 id 42 group ${group} dev eth0 up address 10.0.0.${n}/24`;
    // one of them on several threads: each has a socket of its own, and a group's datagram comes once
    vteps = [
      await VtepProcess.start(hosts[0], words(1)),
      await VtepProcess.start(hosts[1], `${words(2)} --workers 3`),
    ];
    hosts[2].ip(
      `link add vx0 type vxlan id 42 group ${group} dev eth0 dstport 4789`,
      'address add 10.0.0.3/24 dev vx0',
      'link set vx0 up',
    );
  });
  afterAll(() => lab.close());

  it('is joined on the device', async () => {
    for (const host of hosts) expect((await joined(host)).filter((each) => each === group)).toEqual([group]);
  });

  it('carries everybody to everybody', async () => {
    for (const [i, host] of hosts.entries()) {
      for (const other of [1, 2, 3].filter((n) => n !== i + 1))
        expect(await host.ping(`10.0.0.${other}`)).toBe(2);
    }
  });

  it('brings what is for all to each once, and never back', async () => {
    const others = [hosts[1], hosts[2], hosts[0]];
    const captures = await Promise.all(
      others.map((host) => Capture.start(host, 'vx0', 'ether proto 0x88b5')),
    );
    const numbered = Array.from(
      { length: 50 },
      (_, i) => `ffffffffffff02000000770188b5${hex(i)}${'00'.repeat(44)}`,
    );
    await inject(hosts[0], 'vx0', numbered);
    for (const capture of captures)
      await waitFor(() => capture.bytes().includes(numbered[49]), 'the last frame');
    // whatever is on its way a second time was sent before what is on its way now
    expect(await hosts[1].ping('10.0.0.1')).toBe(2);
    expect(await hosts[2].ping('10.0.0.1')).toBe(2);
    for (const capture of captures) {
      await capture.stop();
      expect(capture.tshark(['frame.number'])).toHaveLength(50);
    }
    expect(await vteps[0].counter('own-datagram')).toBe(0);
  });

  it('learns from what came to the group, and answers to the one host alone', async () => {
    expect(await vteps[0].dump()).toMatch(new RegExp(`dst ${address(2)} .*self`));
    expect(await vteps[0].dump()).toMatch(new RegExp(`dst ${address(3)} .*self`));
  });

  it('sends to the group with a TTL of 1', async () => {
    const capture = await Capture.start(hosts[0], 'eth0', 'udp port 4789');
    await hosts[0].run('ping', '-b', '-c', '3', '-i', '0.1', '-W', '1', '10.0.0.255').catch(() => '');
    await waitFor(() => capture.tshark(['frame.number']).length >= 3, 'the frames to leave');
    await capture.stop();
    const [to, ttl] = family === 'IPv4' ? ['ip.dst', 'ip.ttl'] : ['ipv6.dst', 'ipv6.hlim'];
    const rows = capture.tshark([to, ttl], `${to} == ${group}`);
    expect(rows.length).toBeGreaterThanOrEqual(3);
    // the inner packet's are behind the comma
    for (const [, hops] of rows) expect(hops.split(',')[0]).toBe('1');
  });

  it('is left while the link is down', async () => {
    hosts[1].ip('link set vx0 down');
    await waitFor(async () => !(await joined(hosts[1])).includes(group), 'the group to be left');
    hosts[1].ip('link set vx0 up');
    await waitFor(async () => (await joined(hosts[1])).includes(group), 'the group to be joined');
    expect(await hosts[1].ping('10.0.0.3')).toBe(2);
  });

  it('is left when the link goes', async () => {
    await vteps[0].stop();
    expect(await joined(hosts[0])).not.toContain(group);
    expect(await joined(hosts[1])).toContain(group);
  });
});

/** Python: two broadcasts to each of so many groups, the VNI as its number. */
const TO_ALL = `
import ipaddress, socket, struct, sys
first, count = ipaddress.ip_address(sys.argv[1]), int(sys.argv[2])
s = socket.socket(socket.AF_INET if first.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
for i in range(1, count + 1):
    frame = bytes.fromhex("ffffffffffff02000000770188b5") + bytes(46)
    for _ in range(2):
        s.sendto(struct.pack(">II", 0x08000000, i << 8) + frame, (str(first + i), 4789))
`;
const MANY = 100;

describe.each(FAMILIES)('a hundred groups over $family', ({ family, address, length }) => {
  const lab = new Lab();
  afterAll(() => lab.close());

  it('are joined, heard, and left one by one', async () => {
    const [a, b] = [lab.host('a'), lab.host('b')];
    lab.cable(a, [`${address(1)}/${length}`], b, [`${address(2)}/${length}`]);
    await a.settled('eth0');
    await b.settled('eth0');
    const folder = mkdtempSync(join(tmpdir(), 'vtep-groups-'));
    lab.folders.push(folder);
    const socket = join(folder, 'socket');
    const vtep = async (lines: string[]) => {
      writeFileSync(join(folder, 'batch'), lines.map((line) => `${line}\n`).join(''));
      await a.run(process.execPath, MAIN, '--socket', socket, '-batch', join(folder, 'batch'));
    };
    a.spawn(process.execPath, MAIN, 'daemon', '--socket', socket);
    await waitFor(() => existsSync(socket), 'the daemon');
    const numbers = Array.from({ length: MANY }, (_, i) => i + 1);
    const group = (i: number) => (family === 'IPv4' ? `239.1.2.${i}` : `ff05::${i.toString(16)}`);
    await vtep(
      numbers.map((i) => `link add vx${i} type vxlan id ${i} dstport 4789 group ${group(i)} dev eth0 up`),
    );
    const ours = async () => (await joined(a)).filter((each) => /^(239|ff05)/.test(each));
    expect((await ours()).sort()).toEqual(numbers.map(group).sort());

    b.ip(
      `route add ${family === 'IPv4' ? '239.0.0.0/8' : 'ff05::/16'} dev eth0${family === 'IPv4' ? '' : ' table local'}`,
    );
    await b.run('/usr/bin/python3', '-c', TO_ALL, family === 'IPv4' ? '239.1.2.0' : 'ff05::', `${MANY}`);
    const heard = async () => {
      const links = await a.json<{ ifname: string; stats64: { rx: { packets: number } } }[]>(
        'ip',
        '-s',
        '-j',
        'link',
      );
      return links.filter(({ ifname }) => ifname.startsWith('vx')).map(({ stats64 }) => stats64.rx.packets);
    };
    await waitFor(async () => (await heard()).every((packets) => packets >= 2), 'all groups to be heard');
    expect(await heard()).toEqual(numbers.map(() => 2));

    await vtep(numbers.slice(0, 90).map((i) => `link del vx${i}`));
    expect((await ours()).sort()).toEqual(numbers.slice(90).map(group).sort());
    await vtep(numbers.slice(90).map((i) => `link del vx${i}`));
    expect(await ours()).toEqual([]);
  });
});
