/**
 * A trunk: one device of many VNIs, VLANs of a bridge on its side.
 *
 *   red1, blue1 ── br0, VLANs 10 and 20 ── [ trunk ] 192.0.2.1 a ──┬── b 192.0.2.2 [ the kernel's vx0, of both VNIs ]
 *      10.1.0.1, 10.2.0.1                                          │      10.1.0.2, 10.2.0.2
 *      10.9.0.1 both                                               └── c 192.0.2.3 [ a kernel's link for each ] red3, blue3
 *                                                                         10.1.0.3, 10.2.0.3; 10.9.0.3 both
 *
 * br0 knows no VLANs, as not every kernel does: the ports of red1 and blue1 tag what comes in (`vlan-port.py`).
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DaemonProcess } from '../support/daemon-process.ts';
import { type Host, Lab } from '../support/netns.ts';
import { transfer } from '../support/transfer.ts';

const CUSTOMERS = [
  { name: 'red', net: '10.1.0', vlan: 10, vni: 1000 },
  { name: 'blue', net: '10.2.0', vlan: 20, vni: 2000 },
] as const;
type Name = (typeof CUSTOMERS)[number]['name'];
type Hosts = Record<Name, Host[]>;

const PORT = join(import.meta.dirname, '..', 'support', 'vlan-port.py');

const setVlan = (host: Host, vlan: number) => host.run('/usr/bin/python3', PORT, 'eth0', `${vlan}`);

/** Hosts behind br0. */
async function behind(lab: Lab, host: Host): Promise<[Name, Host][]> {
  host.ip('link add br0 type bridge mcast_snooping 0', 'link set br0 up');
  const made: [Name, Host][] = [];
  for (const { name, net, vlan } of CUSTOMERS) {
    const own = lab.host(`${name}1`);
    host.ip(`link add ${name} type veth peer name eth0 netns ${own.netns}`);
    own.ip(
      `address add ${net}.1/24 dev eth0`,
      'address add 10.9.0.1/24 dev eth0',
      'link set eth0 mtu 1450 up',
    );
    host.ip(`link set ${name} master br0 up`);
    await setVlan(own, vlan);
    made.push([name, own]);
  }
  return made;
}

/** The VNI of a packet is its route's: without a bridge that knows VLANs, that is how the kernel tells. */
async function kernelTrunk(host: Host, remote: string): Promise<void> {
  host.ip(
    'link add vx0 type vxlan dstport 4789 local 192.0.2.2 external vnifilter',
    'link set vx0 mtu 1450 up',
  );
  for (const { net, vni } of CUSTOMERS) {
    await host.run('bridge', 'vni', 'add', 'dev', 'vx0', 'vni', `${vni}`);
    host.ip(`address add ${net}.2/32 dev vx0`);
    host.ip(`route add ${net}.0/24 encap ip id ${vni} dst ${remote} dev vx0 src ${net}.2`);
  }
}

function kernelLinks(lab: Lab, host: Host, remote: string): [Name, Host][] {
  return CUSTOMERS.map(({ name, net, vni }) => {
    const own = lab.host(`${name}3`);
    host.ip(`link add eth1 netns ${own.netns} type vxlan id ${vni} remote ${remote} dstport 4789`);
    own.ip(`address add ${net}.3/24 dev eth1`, 'address add 10.9.0.3/24 dev eth1', 'link set eth1 up');
    return [name, own];
  });
}

interface Vnis {
  vnis: { vni: number; vlan: number; remote?: string; stats: { rx_pkts: number; tx_pkts: number } }[];
}

describe.each([1, 2])('a trunk carried by %s workers', (workers) => {
  const lab = new Lab();
  const customers: Hosts = { red: [], blue: [] };
  let [a, b, c]: Host[] = [];
  let daemon: DaemonProcess;

  beforeAll(async () => {
    [a, b, c] = ['a', 'b', 'c'].map((name) => lab.host(name));
    lab.switch([
      [a, '192.0.2.1/24'],
      [b, '192.0.2.2/24'],
      [c, '192.0.2.3/24'],
    ]);
    await kernelTrunk(b, '192.0.2.1');
    daemon = await DaemonProcess.start(lab, a, '--workers', `${workers}`);
    await daemon.verb('link add trunk type vxlan external vnifilter local 192.0.2.1 remote 192.0.2.2');
    for (const { vlan, vni } of CUSTOMERS) {
      await daemon.verb(`vni add dev trunk vni ${vni} vlan ${vlan}`);
      await daemon.verb(`fdb append 00:00:00:00:00:00 dev trunk src_vni ${vni} dst 192.0.2.3`);
    }
    for (const [name, host] of [...(await behind(lab, a)), ...kernelLinks(lab, c, '192.0.2.1')]) {
      customers[name].push(host);
    }
    a.ip('link set trunk master br0 up');
  });
  afterAll(() => lab.close());

  it.each(CUSTOMERS)('connects those of $name', async ({ name, net }) => {
    const [one, three] = customers[name];
    expect(await one.ping(`${net}.2`)).toBe(2);
    expect(await one.ping(`${net}.3`)).toBe(2);
    expect(await b.ping(`${net}.1`)).toBe(2);
    expect(await three.ping(`${net}.1`)).toBe(2);
  });

  it.each(CUSTOMERS)('has $name see only its own, though others have the same address', async ({ name }) => {
    const [one, three] = customers[name];
    expect(await one.ping('10.9.0.3')).toBe(2);
    const [{ lladdr }] = await one.json<{ lladdr: string }[]>('ip', '-j', 'neigh', 'show', '10.9.0.3');
    const [{ address }] = await three.json<{ address: string }[]>('ip', '-j', 'link', 'show', 'eth1');
    expect(lladdr).toBe(address);
  });

  it('lets nobody reach another customer', async () => {
    const { red, blue } = customers;
    blue[1].ip('address add 10.9.0.4/24 dev eth1');
    expect(await blue[0].ping('10.9.0.4', '-c', '1')).toBe(1);
    expect(await red[0].ping('10.9.0.4', '-c', '1', '-W', '1')).toBe(0);
  });

  it.each([2, 3])(
    'carries a transfer of each customer at once, both ways, with those of number %s',
    async (number) => {
      const ways = CUSTOMERS.flatMap(({ name, net }, i) => {
        const [one, three] = customers[name];
        const other = number === 2 ? b : three;
        return [
          { from: one, to: other, address: `${net}.${number}`, port: 5001 + i },
          { from: other, to: one, address: `${net}.1`, port: 5011 + i },
        ];
      });
      const done = await Promise.all(
        ways.map((way) => transfer({ ...way, protocol: 'tcp', size: 16 << 20 })),
      );
      for (const [sent, received] of done) expect(received).toBe(sent);
      // whole superframes went through, with their tags
      const counted = await daemon.verb('-s link show trunk');
      for (const name of ['trains', 'superframes']) expect(counted).toMatch(new RegExp(`^ +${name}: `, 'm'));
    },
  );

  it('counts each VNI alone, and all of them for the link', async () => {
    const stats = async () => {
      const [{ vnis }] = await daemon.json<Vnis[]>('-s vni show dev trunk');
      return vnis.map(({ stats: { rx_pkts, tx_pkts } }) => [rx_pkts, tx_pkts]);
    };
    const before = await stats();
    expect(await customers.red[0].ping('10.1.0.3', '-c', '10')).toBe(10);
    const after = await stats();
    const carried = after.map((row, i) => row.map((count, way) => count - before[i][way]));
    for (const count of carried[0]) expect(count).toBeGreaterThanOrEqual(10);
    for (const count of carried[1]) expect(count).toBeLessThan(10);
    const [link] = await daemon.json<{ stats64: { rx: { packets: number } } }[]>('-s link show trunk');
    expect(link.stats64.rx.packets).toBeGreaterThanOrEqual(after[0][0] + after[1][0]);
  });

  it('shows its entries by VNI, and takes them so', async () => {
    const entries = await daemon.json<{ mac: string; dst: string; src_vni: number }[]>('fdb show dev trunk');
    for (const { vni } of CUSTOMERS) {
      const all = entries.filter(({ mac, src_vni }) => mac === '00:00:00:00:00:00' && src_vni === vni);
      expect(all.map(({ dst }) => dst).sort()).toEqual(['192.0.2.2', '192.0.2.3']);
    }
    await daemon.verb('fdb add 02:00:00:00:00:07 dev trunk src_vni 1000 dst 192.0.2.3');
    expect(await daemon.verb('fdb get 02:00:00:00:00:07 dev trunk')).toContain('src_vni 1000');
    await daemon.verb('fdb del 02:00:00:00:00:07 dev trunk src_vni 1000');
    await expect(daemon.verb('fdb get 02:00:00:00:00:07 dev trunk')).rejects.toThrow('(ENOENT)');
  });

  it('lets a VNI become another VLAN, and go, as it runs', async () => {
    const [blue] = customers.blue;
    await daemon.verb('vni add dev trunk vni 2000 vlan 21');
    expect(await blue.ping('10.2.0.3', '-c', '1', '-W', '1')).toBe(0);
    expect(await daemon.verb('-s link show trunk')).toContain('unknown-vlan');
    await blue.run('tc', 'qdisc', 'del', 'dev', 'eth0', 'clsact');
    await setVlan(blue, 21);
    expect(await blue.ping('10.2.0.3')).toBe(2);
    await daemon.verb('vni del dev trunk vni 2000');
    expect(await blue.ping('10.2.0.3', '-c', '1', '-W', '1')).toBe(0);
    expect(await customers.red[0].ping('10.1.0.3')).toBe(2);
    await expect(daemon.verb('vni del dev trunk vni 2000')).rejects.toThrow('trunk has no VNI 2000 (ENOENT)');
  });

  it('changes as it runs: its port, with all of its VNIs', async () => {
    const [red] = customers.red;
    await daemon.verb('link add plain type vxlan id 1000 dstport 4790');
    await expect(daemon.verb('link set trunk type vxlan dstport 4790')).rejects.toThrow(
      'there is a link with VNI 1000 at port 4790 already (EEXIST)',
    );
    expect(await red.ping('10.1.0.3')).toBe(2);
    await daemon.verb('link set trunk type vxlan ttl 9 noudpcsum');
    expect(await red.ping('10.1.0.3')).toBe(2);
    await daemon.verb('link del plain');
    await daemon.verb('link set trunk type vxlan dstport 4790');
    await daemon.verb('link set trunk type vxlan dstport 4789');
    expect(await red.ping('10.1.0.2')).toBe(2);
    expect(await red.ping('10.1.0.3')).toBe(2);
  });

  it('goes with its VNIs, which others may have then', async () => {
    await expect(daemon.verb('link add plain type vxlan id 1000')).rejects.toThrow('(EEXIST)');
    await daemon.verb('link del trunk');
    await daemon.verb('link add plain type vxlan id 1000');
    expect(await daemon.end()).toBe(0);
  });
});
