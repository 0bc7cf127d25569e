/**
 * A link that is moved to another network namespace carries on there, over the underlay that it came from.
 *
 *   blue [ vx0 10.0.0.1 ] <- a [ daemon ]  eth0 192.0.2.1 ── 192.0.2.2 eth0  [ the kernel's vxlan ] b
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DaemonProcess } from '../support/daemon-process.ts';
import { type Host, Lab } from '../support/netns.ts';
import { waitFor } from '../support/wait-for.ts';

interface Shown {
  ifname: string;
  vtep: { ifindex: number; up: boolean; mtu: number; address: string; moved?: { name: string } };
}

describe('a link that was moved', () => {
  const lab = new Lab();
  let a: Host;
  let b: Host;
  let blue: Host;
  let daemon: DaemonProcess;

  beforeAll(async () => {
    [a, b, blue] = ['a', 'b', 'blue'].map((name) => lab.host(name));
    lab.cable(a, ['192.0.2.1/24'], b, ['192.0.2.2/24']);
    b.ip(
      'link add vx0 type vxlan id 42 group 239.1.1.1 dev eth0 dstport 4789',
      'address add 10.0.0.2/24 dev vx0',
      'link set vx0 up',
    );
    daemon = await DaemonProcess.start(lab, a);
    await daemon.verb('link add vx0 type vxlan id 42 group 239.1.1.1 dev eth0 dstport 4789');
  });
  afterAll(() => lab.close());

  const shown = async () => (await daemon.json<Shown[]>('-d link show vx0'))[0].vtep;
  const groups = () => a.run('ip', 'maddress', 'show', 'dev', 'eth0');

  it('is in its group while it is up there, and carries', async () => {
    blue.ip(`link add other index ${(await shown()).ifindex} type bridge`);
    a.ip(`link set vx0 netns ${blue.netns} name moved0`);
    blue.ip('address add 10.0.0.1/24 dev moved0', 'link set moved0 up');
    await waitFor(async () => (await groups()).includes('239.1.1.1'), 'the group to be joined');
    await waitFor(async () => (await b.ping('10.0.0.1')) > 0, 'an answer through the tunnel');
    blue.ip('link set moved0 down');
    await waitFor(async () => !(await groups()).includes('239.1.1.1'), 'the group to be left');
    expect(await b.ping('10.0.0.1')).toBe(0);
    blue.ip('link set moved0 up');
    await waitFor(async () => (await b.ping('10.0.0.1')) > 0, 'an answer again');
  });

  it('is shown with what it has there', async () => {
    blue.ip('link set moved0 mtu 1300', 'link set moved0 address 02:00:00:00:00:77');
    expect(await shown()).toMatchObject({
      up: true,
      mtu: 1300,
      address: '02:00:00:00:00:77',
      moved: { name: 'moved0' },
    });
  });

  it('is set there', async () => {
    await daemon.verb('link set vx0 down mtu 1280 address 02:00:00:00:00:78 address 10.9.0.1/24');
    const there = async () => blue.run('ip', '-o', 'address', 'show', 'dev', 'moved0');
    const link = await blue.run('ip', '-o', 'link', 'show', 'moved0');
    expect(link).toContain(' mtu 1280 ');
    expect(link).toContain(' link/ether 02:00:00:00:00:78 ');
    expect(link).not.toContain('UP');
    expect(await there()).toContain(' 10.9.0.1/24 ');
    await daemon.verb('link set vx0 up');
    b.ip('neigh flush dev vx0'); // its address was changed
    await waitFor(async () => (await b.ping('10.0.0.1')) > 0, 'an answer through the tunnel');
  });

  it('has the neighbours that it has there', async () => {
    const neighbors = () => daemon.verb('neigh show dev vx0');
    blue.ip('neigh replace 10.0.0.9 lladdr 02:00:00:00:00:09 nud permanent dev moved0');
    await waitFor(async () => /10\.0\.0\.9 .*02:00:00:00:00:09/.test(await neighbors()), 'a neighbour');
    blue.ip('neigh replace 10.0.0.9 lladdr 02:00:00:00:00:0a nud permanent dev moved0');
    await waitFor(async () => /10\.0\.0\.9 .*02:00:00:00:00:0a/.test(await neighbors()), 'its other address');
    blue.ip('neigh del 10.0.0.9 dev moved0');
    await waitFor(async () => !(await neighbors()).includes('10.0.0.9'), 'none any more');
  });

  it('is as before when it comes back, as the interface of another number', async () => {
    const { ifindex } = await shown();
    blue.ip(`link set moved0 netns ${a.netns} name vx7`);
    await waitFor(async () => (await daemon.verb('link show')).includes(' vx7: '), 'its new name');
    expect(await a.run('ip', 'link', 'show', 'vx7')).not.toMatch(new RegExp(`^${ifindex}:`));
    a.ip('address add 10.0.0.1/24 dev vx7', 'link set vx7 up');
    b.ip('neigh flush dev vx0'); // its address was changed
    await waitFor(async () => (await b.ping('10.0.0.1')) > 0, 'an answer through the tunnel');
    await daemon.verb('link set vx7 mtu 1200');
    expect(await a.run('ip', 'link', 'show', 'vx7')).toContain(' mtu 1200 ');
  });

  it('goes with its daemon, and does not keep the namespace that it is in', async () => {
    a.ip(`link set vx7 netns ${blue.netns}`);
    expect(await daemon.end('SIGKILL')).toBe(null);
    const left = await blue.run('ip', '-o', 'link', 'show', 'type', 'tun');
    expect(left).toBe('');
  });
});
