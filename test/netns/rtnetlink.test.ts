/**
 * Requests of rtnetlink, with the command `ip` as the judge.
 *
 *   v0 ──── v1     t0, t1 (multi_queue), br0        in the namespace that `npm test` runs these suites in
 */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  addAddress,
  addressesOf,
  formatAddress,
  parseAddress,
  removeAddress,
} from '../../src/io/addresses.ts';
import {
  changeDevice,
  createBridge,
  type Device,
  type DeviceChange,
  deleteDevice,
  deleteGroup,
  findDevice,
} from '../../src/io/devices.ts';
import { native } from '../../src/io/native.ts';
import { addNeighbor, neighborsOf, removeNeighbor, replaceNeighbor } from '../../src/io/neighbors.ts';
import {
  addRoute,
  findRoute,
  removeRoute,
  replaceRoute,
  routesBy,
  type TableRoute,
} from '../../src/io/routes.ts';
import { formatIp, parseIp } from '../../src/wire/address.ts';

const ip = (line: string) => execFileSync('ip', line.split(' '), { encoding: 'utf8', stdio: 'pipe' });

interface IpLink {
  ifindex: number;
  ifname: string;
  mtu: number;
  address: string;
  flags: string[];
  group: string;
  master?: string;
  ifalias?: string;
  txqlen?: number;
  linkinfo?: { info_kind?: string; info_data?: Record<string, unknown> };
}

const links = () => JSON.parse(ip('-N -j -d link show')) as IpLink[];
const named = (name: string) => findDevice(name) as Device;
const words = (text: string) => parseIp(text) as Int32Array;

/** What `ip` tells of an interface, as we put it. */
function judged(link: IpLink, all: IpLink[]): Device {
  const { info_kind: kind = '', info_data: data = {} } = link.linkinfo ?? {};
  return {
    index: link.ifindex,
    name: link.ifname,
    mtu: link.mtu,
    mac: link.address,
    up: link.flags.includes('UP'),
    promiscuous: link.flags.includes('PROMISC'),
    txqueuelen: link.txqlen ?? 0,
    group: Number(link.group),
    master: all.find(({ ifname }) => ifname === link.master)?.ifindex ?? 0,
    kind,
    alias: link.ifalias ?? '',
    ...(kind === 'tun' && { persistent: data.persist, held: Number(data.numqueues ?? 0) > 0 }),
    ...(kind === 'tun' && data.user !== undefined && { owner: Number(data.user) }),
    ...(data.multi_queue === true && { queues: data.numqueues ?? 0 }),
  } as Device;
}

beforeAll(() => {
  ip('link add v0 type veth peer name v1');
  ip('tuntap add dev t0 mode tap');
  ip('tuntap add dev t1 mode tap multi_queue user 54321');
  ip('link add br0 type bridge');
  ip('link set t0 master br0 mtu 1400 up');
  ip('link set v1 up group 12 alias the_other_end');
  ip('link set v0 up');
  ip('address add 192.0.2.1/24 dev v0');
  ip('address add 2001:db8::1/64 dev v0 nodad');
  ip('route add 198.51.100.0/24 via 192.0.2.9 mtu 1333');
});
afterAll(() => {
  for (const name of ['v0', 't0', 't1', 'br0']) ip(`link del ${name}`);
});

describe('interfaces', () => {
  it('are what `ip` says, by name and by index', () => {
    const held = [native().tapOpen('t1', 1), native().tapOpen('t1', 1)];
    const all = links();
    expect(all.map(({ ifname }) => ifname)).toEqual(expect.arrayContaining(['lo', 'v0', 't0', 't1', 'br0']));
    for (const link of all) {
      expect(findDevice(link.ifname)).toEqual(judged(link, all));
      expect(findDevice(link.ifindex)).toEqual(judged(link, all));
    }
    expect(findDevice('t1')?.queues).toBe(2);
    for (const fd of held) native().closeFd(fd);
    expect(findDevice('t1')?.queues).toBe(0);
  });

  it('have further names', () => {
    ip('link property add dev v0 altname a-name-that-is-long');
    expect(findDevice('a-name-that-is-long')?.name).toBe('v0');
  });

  it.each(['nobody', 'a-name-that-nobody-has', '', 'x'.repeat(200), 99_999])('there is no %s', (which) => {
    expect(findDevice(which)).toBeUndefined();
  });

  it('change in all that is asked', () => {
    const master = named('br0').index;
    const change = {
      mtu: 1234,
      mac: '02:00:00:00:00:77',
      up: true,
      master,
      group: 9,
      alias: 'ours',
      txqueuelen: 77,
    };
    changeDevice(named('t1'), { ...change, name: 't9' });
    const all = links();
    const link = all.find(({ ifname }) => ifname === 't9') as IpLink;
    expect(judged(link, all)).toMatchObject({ ...named('t9'), mtu: 1234, mac: change.mac, up: true, master });
    expect(link).toMatchObject({ group: '9', ifalias: 'ours', txqlen: 77 });
    changeDevice(named('t9'), { up: false, master: 0, name: 't1' });
    expect(links().find(({ ifname }) => ifname === 't1')?.flags).not.toContain('UP');
    expect(named('t1').master).toBe(0);
  });

  const REFUSED: [DeviceChange, RegExp][] = [
    [{ mtu: 70_000 }, /^mtu 70000 cannot be set on t0: mtu greater than device maximum \(EINVAL\)$/],
    [{ name: 'lo' }, /^name lo cannot be set on t0: .* \(EEXIST\)$/],
    [{ mac: '01:00:00:00:00:00' }, /^mac 01:00:00:00:00:00 cannot be set on t0: .* \(EADDRNOTAVAIL\)$/],
    [{ mac: 'x' }, /^"x" is no MAC/],
  ];
  it.each(REFUSED)('%j is refused with the sentence of the kernel', (change, sentence) => {
    expect(() => changeDevice(named('t0'), change)).toThrow(sentence);
    expect(named('t0').mtu).toBe(1400);
  });

  it('move to another namespace', () => {
    const namespace = `vt${process.pid}-there`;
    ip(`netns add ${namespace}`);
    try {
      ip('tuntap add dev moved mode tap');
      const fd = openSync(`/run/netns/${namespace}`, 'r');
      changeDevice(named('moved'), { netns: fd, name: 'there' });
      closeSync(fd);
      expect(findDevice('moved')).toBeUndefined();
      expect(ip(`-n ${namespace} link show there`)).toContain('there');
    } finally {
      ip(`netns del ${namespace}`);
    }
  });

  it('are deleted alone, or all of a group', () => {
    for (let i = 0; i < 20; i++) ip(`link add d${i} group ${i < 19 ? 77 : 78} type bridge`);
    const left = () => links().filter(({ ifname }) => /^d\d/.test(ifname)).length;
    const first = named('d0');
    deleteDevice(first);
    expect(left()).toBe(19);
    expect(() => deleteDevice(first)).toThrow(/^d0 cannot be deleted: .* \(ENODEV\)$/);
    deleteGroup(77);
    expect(left()).toBe(1);
    deleteGroup(78);
    expect(() => deleteGroup(78)).toThrow(/^the interfaces of group 78 cannot be deleted: .* \(ENODEV\)$/);
  });
});

describe('addresses', () => {
  const told = () => {
    const [{ addr_info }] = JSON.parse(ip('-j address show dev v0')) as {
      addr_info: { local: string; prefixlen: number }[];
    }[];
    return addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`).sort();
  };
  const ours = () => addressesOf(named('v0')).map(formatAddress).sort();

  it('are what `ip` says, of this interface only', () => {
    expect(ours()).toEqual(told());
    expect(ours()).toEqual(expect.arrayContaining(['192.0.2.1/24', '2001:db8::1/64']));
  });

  it.each(['10.0.0.1/24', '10.0.0.1/32', '10.9.0.1', 'fd00::1/64'])('%s comes and goes', (text) => {
    const address = parseAddress(named('v0'), text);
    const before = told();
    addAddress(named('v0'), address);
    expect(told()).toEqual([...before, text.includes('/') ? text : `${text}/32`].sort());
    expect(ours()).toEqual(told());
    expect(() => addAddress(named('v0'), address)).toThrow(/ cannot be set on v0: .* \(EEXIST\)$/);
    removeAddress(named('v0'), address);
    expect(told()).toEqual(before);
    expect(() => removeAddress(named('v0'), address)).toThrow(/ cannot be taken from v0: .*EADDRNOTAVAIL\)$/);
  });
});

describe('routes', () => {
  it.each([
    ['192.0.2.7', 1500],
    ['198.51.100.7', 1333],
    ['2001:db8::7', 1500],
    ['127.0.0.1', 65_535],
  ])('to %s is what `ip route get` says', (to, mtu) => {
    const [{ dev, prefsrc, gateway, type }] = JSON.parse(ip(`-j route get ${to}`));
    const { index } = named(dev);
    const isPlain = type === undefined; // unicast is not named
    expect(findRoute(to)).toEqual({ source: prefsrc, dev, index, isPlain, via: gateway, mtu });
  });

  it('go by the interface that is named', () => {
    expect(findRoute('239.1.1.1', 'v0')).toMatchObject({
      source: '192.0.2.1',
      dev: 'v0',
      isPlain: false,
      mtu: 1500,
    });
    expect(findRoute('192.0.2.7', named('v0').index)).toEqual(findRoute('192.0.2.7', 'v0'));
    expect(findRoute('192.0.2.7', 'nobody')).toBeUndefined();
  });

  it('are none where none is', () => {
    expect(findRoute('203.0.113.1')).toBeUndefined();
    expect(findRoute('nonsense')).toBeUndefined();
  });
});

describe('entries of the main table', () => {
  const OURS = 118;
  const told = (which: string) =>
    (JSON.parse(ip(`-N -j ${which} route show`)) as { dst: string; gateway?: string; protocol: string }[])
      .filter(({ protocol }) => protocol === `${OURS}`)
      .map((route) => ({ ...route, metric: undefined, pref: undefined, scope: undefined }));
  const route = (subnet: string, via: string, onlink = true): TableRoute => ({
    subnet,
    via,
    onlink,
    device: named('v0').index,
    protocol: OURS,
  });

  it.each([
    ['-4', '10.5.52.0/24', '10.5.52.0', '10.5.53.0'],
    ['-6', '2001:cafe:42:3::/64', '2001:cafe:42:3::', '2001:cafe:42:4::'],
  ])('come, change and go: %s', (family, subnet, via, other) => {
    const ipv6 = family === '-6';
    const one = { dst: subnet, gateway: via, dev: 'v0', protocol: `${OURS}`, flags: ['onlink'] };
    addRoute(route(subnet, via));
    expect(told(family)).toEqual([one]);
    expect(routesBy(OURS, ipv6)).toEqual([route(subnet, via)]);
    expect(() => addRoute(route(subnet, other))).toThrow(
      new RegExp(`^the route to ${subnet} via ${other} cannot be set: .* \\(EEXIST\\)$`),
    );
    replaceRoute(route(subnet, other));
    expect(told(family)).toEqual([{ ...one, gateway: other }]);
    expect(routesBy(OURS, !ipv6)).toEqual([]);
    removeRoute({ subnet, protocol: OURS });
    expect(told(family)).toEqual([]);
    expect(() => removeRoute({ subnet, protocol: OURS })).toThrow(/ cannot be taken out: .* \(ESRCH\)$/);
  });

  it.each([
    ['-4', '10.5.52.0/24', '192.0.2.9', '192.0.2.10'],
    ['-6', '2001:cafe:42:3::/64', '2001:db8::9', '2001:db8::10'],
  ])('of others, and of other tables, are not ours: %s', (family, subnet, via, other) => {
    ip(`${family} route add ${subnet} via ${via} dev v0`);
    ip(`${family} route add ${subnet} via ${via} dev v0 table 77 protocol ${OURS}`);
    try {
      expect(routesBy(OURS, family === '-6')).toEqual([]);
      expect(() => addRoute(route(subnet, other, false))).toThrow(/EEXIST/);
      expect(() => removeRoute({ subnet, protocol: OURS })).toThrow(/ESRCH/);
      expect(ip(`${family} route show ${subnet}`)).toContain(`via ${via}`);
    } finally {
      ip(`${family} route del ${subnet}`);
      ip(`${family} route del ${subnet} table 77`);
    }
  });
});

describe('neighbours', () => {
  const OURS = 118;
  const told = () =>
    (JSON.parse(ip('-N -j neigh show dev v0 nud permanent')) as { dst: string; lladdr: string }[]).sort(
      (a, b) => (a.dst < b.dst ? -1 : 1),
    );
  it.each(['10.5.52.0', '2001:cafe:42:3::'])('%s comes, changes and goes', (text) => {
    const ours = { ip: words(text), mac: '02:00:00:00:00:52', protocol: OURS };
    addNeighbor(named('v0'), ours);
    const one = { dst: text, lladdr: ours.mac, protocol: `${OURS}`, state: ['PERMANENT'] };
    expect(told()).toEqual([one]);
    expect(() => addNeighbor(named('v0'), { ...ours, mac: '02:00:00:00:00:53' })).toThrow(
      `the neighbour ${text} with 02:00:00:00:00:53 cannot be set on v0: file already exists (EEXIST)`,
    );
    replaceNeighbor(named('v0'), { ...ours, mac: '02:00:00:00:00:54' });
    expect(told()).toEqual([{ ...one, lladdr: '02:00:00:00:00:54' }]);
    removeNeighbor(named('v0'), ours.ip);
    expect(told()).toEqual([]);
    expect(() => removeNeighbor(named('v0'), ours.ip)).toThrow(/ cannot be taken from v0: .*\(ENOENT\)$/);
  });

  it('are what `ip` says, of this interface only, and say who made them', () => {
    ip('neigh add 192.0.2.50 lladdr 02:00:00:00:00:50 dev v0');
    ip('neigh add 192.0.2.51 lladdr 02:00:00:00:00:51 dev v0 protocol 118');
    ip('neigh add 192.0.2.52 lladdr 02:00:00:00:00:52 dev br0 protocol 118');
    const found = neighborsOf(named('v0')).filter(({ state }) => state === 0x80);
    const plain = found.map(({ ip: [a, b, c, d], mac, protocol }) => [formatIp(a, b, c, d), mac, protocol]);
    expect(plain).toEqual(
      expect.arrayContaining([
        ['192.0.2.50', '02:00:00:00:00:50', 0],
        ['192.0.2.51', '02:00:00:00:00:51', OURS],
      ]),
    );
    expect(plain.length).toBe(2);
  });
});

describe('bridges', () => {
  it('are made where the name is free', () => {
    createBridge('br7');
    expect(links().find(({ ifname }) => ifname === 'br7')?.linkinfo?.info_kind).toBe('bridge');
    expect(() => createBridge('br7')).toThrow(/^the bridge br7 cannot be made: .*\(EEXIST\)$/);
    deleteDevice(named('br7'));
  });
});

describe('a thousand peers', () => {
  it('have their neighbours and routes in well under a second', () => {
    const device = named('v0');
    const began = performance.now();
    for (let i = 0; i < 1000; i++) {
      const gateway = `10.${100 + (i >> 8)}.${i & 255}.0`;
      addNeighbor(device, { ip: words(gateway), mac: '02:00:00:00:00:52', protocol: 119 });
      addRoute({ subnet: `${gateway}/24`, via: gateway, device: device.index, onlink: true, protocol: 119 });
    }
    const took = performance.now() - began;
    const routes = routesBy(119, false);
    expect(routes.length).toBe(1000);
    expect(neighborsOf(device).filter(({ protocol }) => protocol === 119).length).toBe(1000);
    for (const each of routes) removeRoute(each);
    expect(routesBy(119, false)).toEqual([]);
    expect(took).toBeLessThan(5000);
  });
});
