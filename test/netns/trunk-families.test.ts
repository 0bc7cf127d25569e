/**
 * A trunk has IPv4 and IPv6, as the kernel's: remotes, groups and what is learned of either family, of one VNI and of several.
 *
 *   h ── VLAN 10 ── br0 ── [ trunk: VNIs 10, 20, 30 ] a ──┬── b [ the kernel's links: VNI 10 over IPv4, 20 over IPv6 ]
 *     10.10.0.1                        192.0.2.1, fd00::1 └── c [ VNI 10 over IPv6; 20, 30 by groups of both families ]
 *                                                  10.VNI.0.2 and 10.VNI.0.3 in hosts behind them
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DaemonProcess } from '../support/daemon-process.ts';
import { type Host, Lab } from '../support/netns.ts';
import { transfer } from '../support/transfer.ts';
import { MAIN } from '../support/vtep-process.ts';
import { waitFor } from '../support/wait-for.ts';

const VLAN_PORT = join(import.meta.dirname, '..', 'support', 'vlan-port.py');
const ALL_ZERO = '00:00:00:00:00:00';

/** A kernel's link in a host of its own behind `host`. */
function behind(lab: Lab, host: Host, vni: number, number: number, words: string): Host {
  const own = lab.host(`n${number}v${vni}`);
  host.ip(
    `link add vx${vni} type vxlan id ${vni} dstport 4789 ${words}`,
    `link set vx${vni} netns ${own.netns}`,
  );
  own.ip(`address add 10.${vni}.0.${number}/24 dev vx${vni}`, `link set vx${vni} mtu 1400 up`);
  return own;
}

/** Who is in a VLAN of the trunk's bridge. */
async function inVlan(lab: Lab, host: Host, vlan: number): Promise<Host> {
  const own = lab.host(`h${vlan}`);
  host.ip(
    `link add port${vlan} type veth peer name eth0 netns ${own.netns}`,
    `link set port${vlan} master br0 up`,
  );
  own.ip(`address add 10.${vlan}.0.1/24 dev eth0`, 'link set eth0 up');
  await own.run('/usr/bin/python3', VLAN_PORT, 'eth0', `${vlan}`);
  return own;
}

describe.each([1, 2])('a trunk of both families, carried by %s workers', (workers) => {
  const lab = new Lab();
  const members: Record<number, Host> = {};
  const others: Record<string, Host> = {};
  let [a, b, c]: Host[] = [];
  let daemon: DaemonProcess;

  beforeAll(async () => {
    [a, b, c] = ['a', 'b', 'c'].map((name) => lab.host(name));
    lab.switch([a, b, c].map((host, i): [Host, string] => [host, `192.0.2.${i + 1}/24`]));
    for (const [i, host] of [a, b, c].entries()) {
      host.ip(`address add fd00::${i + 1}/64 dev eth0 nodad`);
    }
    others.b10 = behind(lab, b, 10, 2, 'local 192.0.2.2 remote 192.0.2.1');
    others.c10 = behind(lab, c, 10, 3, 'local fd00::3 remote fd00::1');
    others.b20 = behind(lab, b, 20, 2, 'local fd00::2 group ff05::20 dev eth0');
    others.c30 = behind(lab, c, 30, 3, 'local 192.0.2.3 group 239.1.1.30 dev eth0');
    daemon = await DaemonProcess.start(lab, a, '--workers', `${workers}`);
    await daemon.verb('link add trunk type vxlan external vnifilter local 192.0.2.1 dev eth0');
    await daemon.verb('vni add dev trunk vni 10 vlan 10 remote 192.0.2.2');
    await daemon.verb(`fdb append ${ALL_ZERO} dev trunk src_vni 10 dst fd00::3`);
    await daemon.verb('vni add dev trunk vni 20 vlan 20 group ff05::20');
    await daemon.verb('vni add dev trunk vni 30 vlan 30 group 239.1.1.30');
    a.ip('link add br0 type bridge mcast_snooping 0', 'link set br0 up', 'link set trunk master br0 up');
    for (const vlan of [10, 20, 30]) members[vlan] = await inVlan(lab, a, vlan);
  });
  afterAll(() => lab.close());

  it('reaches remotes of either beside each other, and is reached', async () => {
    expect(await members[10].ping('10.10.0.2')).toBe(2);
    expect(await members[10].ping('10.10.0.3')).toBe(2);
    expect(await others.b10.ping('10.10.0.1')).toBe(2);
    expect(await others.c10.ping('10.10.0.1')).toBe(2);
  });

  it('learns of either', async () => {
    const shown = await daemon.json<{ mac: string; dst: string; src_vni: number }[]>('fdb show dev trunk');
    for (const [name, dst] of [
      ['b10', '192.0.2.2'],
      ['c10', 'fd00::3'],
    ]) {
      const [{ address }] = await others[name].json<{ address: string }[]>(
        'ip',
        '-j',
        'link',
        'show',
        'vx10',
      );
      expect(shown).toContainEqual(expect.objectContaining({ mac: address, dst, src_vni: 10 }));
    }
  });

  it('is in groups of either', async () => {
    expect(await members[20].ping('10.20.0.2')).toBe(2);
    expect(await others.b20.ping('10.20.0.1')).toBe(2);
    expect(await members[30].ping('10.30.0.3')).toBe(2);
    expect(await others.c30.ping('10.30.0.1')).toBe(2);
  });

  it('carries transfers over both at once, whole and in order', async () => {
    const size = 8 << 20;
    const ways = (
      [
        [members[10], others.b10, '10.10.0.2'],
        [members[10], others.c10, '10.10.0.3'],
        [others.b10, members[10], '10.10.0.1'],
        [others.c10, members[10], '10.10.0.1'],
      ] as const
    ).map(([from, to, address], i) => transfer({ from, to, address, port: 5001 + i, protocol: 'tcp', size }));
    for (const [sent, received] of await Promise.all(ways)) expect(received).toBe(sent);
    expect(await daemon.verb('-s link show trunk')).toMatch(/^ +trains: /m);
  });

  it('tells senders what the way to a remote of the longer header carries, and when an interface carries less', async () => {
    const from = members[10];
    const told = (mtu: number, size: number) =>
      waitFor(async () => {
        await from.ping('10.10.0.3', '-c', '1', '-M', 'do', '-s', `${size}`);
        return (await from.run('ip', 'route', 'get', '10.10.0.3')).includes(`mtu ${mtu}`);
      }, `the sender to know of ${mtu}`);
    await told(1430, 1422);
    a.ip('link set eth0 mtu 1400');
    await told(1330, 1402);
    a.ip('link set eth0 mtu 1500');
  });

  it('sends from ports that both families have', async () => {
    const ports = async (family: string) => {
      const shown = await a.run('ss', '-Huan', family, 'sport != :4789');
      return [...shown.matchAll(/:(\d+) +\S+:\*/g)].map(([, port]) => port).sort();
    };
    const [v4, v6] = [await ports('-4'), await ports('-6')];
    expect(v4.length).toBe(64);
    expect(v6).toEqual(v4);
  });

  it('has a VNI at both families: no link of either has it beside', async () => {
    for (const local of ['192.0.2.1', 'fd00::1']) {
      const line = `link add other type vxlan id 10 local ${local}`;
      await expect(daemon.verb(line)).rejects.toThrow(
        'there is a link with VNI 10 at port 4789 already (EEXIST)',
      );
    }
    await daemon.verb('link add other type vxlan id 11 local fd00::1');
    await expect(daemon.verb('vni add dev trunk vni 11')).rejects.toThrow('(EEXIST)');
    await daemon.verb('link del other');
  });

  it('changes as it runs, and gives its sockets back', async () => {
    await daemon.verb('link set trunk type vxlan df inherit srcport 50000 50003');
    expect(await members[10].ping('10.10.0.2')).toBe(2);
    expect(await members[10].ping('10.10.0.3')).toBe(2);
    await daemon.verb('vni add dev trunk vni 20 remote fd00::2');
    await daemon.verb('vni add dev trunk vni 30 remote fd00::3');
    expect(await daemon.verb('-o vni show dev trunk')).toContain('vni 20 remote fd00::2 ');
    const shown = await daemon.verb('config show');
    const file = join(lab.folder(), 'vtep.yaml');
    writeFileSync(file, shown);
    expect(execFileSync(process.execPath, [MAIN, 'check', file], { encoding: 'utf8' })).not.toMatch(
      /:\d+:\d+:/,
    );
    await daemon.verb('link del trunk');
    await waitFor(async () => !(await a.run('ss', '-Huan', 'sport >= :1024')), 'all sockets to be closed');
  });
});

/** As on a kernel that was started without IPv6: no such socket can be had. */
const WITHOUT_IPV6 = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>
int socket(int family, int type, int protocol) {
  int (*real)(int, int, int) = (int (*)(int, int, int))dlsym(RTLD_NEXT, "socket");
  if (family != AF_INET6) return real(family, type, protocol);
  errno = EAFNOSUPPORT;
  return -1;
}
`;

describe('a host without IPv6', () => {
  const lab = new Lab();
  afterAll(() => lab.close());

  it('has trunks of IPv4', async () => {
    const a = lab.host('a');
    lab.cable(a, ['192.0.2.1/24'], lab.host('b'), ['192.0.2.2/24']);
    const folder = lab.folder();
    const [source, library] = [join(folder, 'without.c'), join(folder, 'without.so')];
    writeFileSync(source, WITHOUT_IPV6);
    execFileSync('cc', ['-shared', '-fPIC', '-o', library, source]);
    const socket = join(folder, 'vtep.sock');
    const child = a.spawn(
      'env',
      `LD_PRELOAD=${library}`,
      process.execPath,
      MAIN,
      'daemon',
      '--socket',
      socket,
    );
    let said = '';
    child.stdout?.on('data', (chunk) => {
      said += chunk;
    });
    await waitFor(() => said.includes(' ready at '), 'the daemon');
    const verb = (words: string) => a.run(process.execPath, MAIN, '--socket', socket, ...words.split(' '));
    await verb('link add trunk type vxlan external vnifilter');
    expect((await a.run('ss', '-Huln', 'sport = :4789')).match(/\S+(?=:4789)/g)).toEqual(['0.0.0.0']);
    await verb('vni add dev trunk vni 10 remote 192.0.2.2');
    await expect(verb('vni add dev trunk vni 11 remote fd00::2')).rejects.toThrow(
      'dst fd00::2 is of IPv6, the remotes of trunk are of IPv4 (EAFNOSUPPORT)',
    );
  });
});
