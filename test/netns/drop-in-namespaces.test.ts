/**
 * `vtep exec` where several namespaces have a daemon: each command is about its own namespace, and a daemon of another
 * one that has stopped holds nobody up.
 *
 *   machine [ bash -e ]   blue [ vx0 ]   red [ vx0, its daemon stopped ]
 */
import { once } from 'node:events';
import { chmodSync, mkdtempSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Machine } from '../support/machine.ts';
import { Lab } from '../support/netns.ts';
import { commandForAll, MAIN } from '../support/vtep-process.ts';

const EXEC = [process.execPath, MAIN, 'exec', '--'];

describe('vtep exec among several namespaces', () => {
  const lab = new Lab();
  let machine: Machine;

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vtep-namespaces-'));
    lab.folders.push(folder);
    machine = await Machine.open(lab.host('machine'), folder);
    await machine.script(['ip link set lo up', 'ip netns add blue', 'ip netns add red']);
  });
  afterAll(() => lab.close());

  const exec = (...lines: string[]) => machine.script(lines, EXEC);
  const inode = async (netns: string) =>
    (await machine.run('ip', 'netns', 'exec', netns, 'stat', '-Lc', '%i', '/proc/self/ns/net')).trim();

  describe('where VTEP_SOCKET is said', () => {
    const withSocket = (...lines: string[]) => exec('export VTEP_SOCKET=/run/said.sock', ...lines);
    const below = (...lines: string[]) =>
      machine.script(lines, ['env', 'VTEP_SOCKET=/run/said.sock', ...EXEC]);

    it('has the namespace of each command nonetheless', async () => {
      const out = await below(
        'ip link add vx0 type vxlan id 1 dstport 4789',
        'ip -n blue link add vx0 type vxlan id 2 dstport 4789',
        'ip netns exec blue ip link add vx1 type vxlan id 3 dstport 4789',
        'for at in "" "-n blue" ; do ip $at -d link show type vxlan | grep -o "vxlan id [0-9]*"; done',
        'ip netns exec blue ip -d link show type vxlan | grep -o "vxlan id [0-9]*"',
        `ip netns exec blue ip netns exec blue bridge -n blue fdb append 00:00:00:00:00:00 dev vx1 dst 192.0.2.9`,
        'ip netns exec blue bridge fdb show dev vx1 | grep -o "dst .*"',
      );
      const [own, others] = ['vxlan id 1', 'vxlan id 2\nvxlan id 3'];
      expect(out).toBe(`${own}\n${others}\n${others}\ndst 192.0.2.9 self permanent\n`);
      const sockets = await machine.run('sh', '-c', 'ls /run/*.sock /run/vtep/*.sock');
      expect(sockets.trim().split('\n')).toEqual(['/run/said.sock', `/run/vtep/${await inode('blue')}.sock`]);
    });

    it('is the only one that is asked, where an ordinary user has no folder for more', async () => {
      const folder = lab.folder();
      let asked = 0;
      const other = createServer(() => asked++).listen(join(folder, 'other.sock'));
      await once(other, 'listening');
      chmodSync(join(folder, 'other.sock'), 0o777);
      chmodSync(folder, 0o777);
      await machine.run('ip', 'tuntap', 'add', 't0', 'mode', 'tap');
      const user = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
      const env = ['env', '-u', 'XDG_RUNTIME_DIR', `VTEP_SOCKET=${join(folder, 'v.sock')}`];
      const show = ['exec', '--', 'ip', '-d', '-o', 'link', 'show', 't0'];
      const words = [...user, ...env, process.execPath, commandForAll(lab), ...show];
      expect(await machine.run(words[0], ...words.slice(1))).toContain(' t0: ');
      expect(asked).toBe(0);
      other.close();
      await machine.run('ip', 'link', 'del', 't0');
    });

    it('is that of the namespace that it is said in', async () => {
      const out = await withSocket(
        'ip -d link show type vxlan | grep -o "vxlan id [0-9]*"',
        'ip netns exec blue env VTEP_SOCKET=/run/blue.sock ip link add vx2 type vxlan id 4 dstport 8472',
        'ip netns exec blue env VTEP_SOCKET=/run/blue.sock ip -d link show vx2 | grep -o "vxlan id [0-9]*"',
        'ip netns exec blue env VTEP_SOCKET=/run/blue.sock ip link del vx2',
        'for i in 0 1; do ip -n blue link del vx$i; done',
        'ip link del vx0',
      );
      expect(out).toBe('vxlan id 1\nvxlan id 4\n');
    });
  });

  describe('where the daemon of one has stopped', () => {
    let socket: string;
    const waiting = async () => {
      const [, , received] = (await machine.run('ip', 'netns', 'exec', 'red', 'ss', '-xlH', 'src', socket))
        .trim()
        .split(/\s+/);
      return Number(received);
    };

    beforeAll(async () => {
      await exec('ip -n red link add vx0 type vxlan id 5 dstport 4789');
      await machine.script(['kill -STOP $(ip netns pids red)']);
      socket = `/run/vtep/${await inode('red')}.sock`;
    });
    afterAll(() => machine.script(['kill -KILL $(ip netns pids red)']));

    it('asks it nothing about what is here', async () => {
      const out = await exec(
        'ip link add vx0 type vxlan id 1 dstport 4789',
        'ip link add d0 type bridge',
        'bridge fdb append 00:00:00:00:00:00 dev vx0 dst 192.0.2.7',
        'bridge fdb show dev vx0',
        'bridge fdb show | grep vx0',
        'ip -d link show | grep -o "vxlan id [0-9]*"',
        'ip -s link show d0 >/dev/null',
        'ip link set d0 name d1',
        'ip link del d1',
        'ip link set vx0 name vx1',
        'ip link del vx1',
      );
      const entry = '00:00:00:00:00:00 dst 192.0.2.7 self permanent';
      expect(out).toBe(`${entry}\n${entry.replace(' dst', ' dev vx0 dst')}\nvxlan id 1\n`);
      expect(await waiting()).toBe(0);
    });

    it('is not held up where a TAP might be its', async () => {
      const out = await exec(
        'exec 2>&1',
        'ip tuntap add dev q0 mode tap',
        'ip link add vx0 type vxlan id 1 dstport 4789',
        'bridge fdb add 02:00:00:00:00:01 dev vx0 dst 192.0.2.7',
        'ip -d link show | grep -o "vtep: .*\\|vxlan id [0-9]*"',
        'ip -d link show vx0 | grep -o "vxlan id [0-9]*"',
      );
      const sentence = `vtep: the daemon at ${socket} does not answer: what was moved from there is not seen`;
      expect(out).toBe(`${sentence}\nvxlan id 1\nvxlan id 1\n`);
      expect(await waiting()).toBe(1);
    });

    it('has the links of a third one that were moved here', async () => {
      const out = await exec(
        'ip -n blue link add vx0 type vxlan id 2 dstport 4789 remote 192.0.2.8',
        `ip -n blue link set vx0 netns /proc/$$/ns/net name moved0`,
        'bridge fdb show dev moved0 2>/dev/null | grep -o "dst .*"',
        'ip -d link show moved0 2>/dev/null | grep -o "vxlan id [0-9]*"',
        'ip link del moved0 2>/dev/null',
        'ip link del vx0',
        'ip link del q0',
      );
      expect(out).toBe('dst 192.0.2.8 self permanent\nvxlan id 2\n');
    });
  });
});
