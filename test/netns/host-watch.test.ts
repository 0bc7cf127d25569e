/**
 * The watch of the host, with the command `ip` as the one who changes things, and who says what is there.
 *
 *   t0, d0 .. d19, br0        in the namespace that `npm test` runs these suites in
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { formatAddress } from '../../src/io/addresses.ts';
import { deleteGroup, findDevice } from '../../src/io/devices.ts';
import { EVERY_DEVICE, type HostListener, HostWatch } from '../../src/io/host-watch.ts';
import { formatIp } from '../../src/wire/address.ts';
import { waitFor } from '../support/wait-for.ts';

const ip = (line: string) => execFileSync('ip', line.split(' '), { encoding: 'utf8', stdio: 'pipe' });
const batch = (lines: string[]) => execFileSync('ip', ['-batch', '-'], { input: lines.join('\n') });
const indexOf = (name: string) => findDevice(name)?.index ?? -1;

/** What a listener knows at each moment, of interfaces by name, of addresses and of resolved neighbours. */
class Picture implements HostListener {
  readonly devices = new Map<number, string>();
  readonly addresses = new Set<string>();
  readonly neighbors = new Map<string, string>();
  readonly told: string[] = [];

  device: HostListener['device'] = (now, before) => {
    this.devices.set(now.index, now.name);
    const changed = (['name', 'mtu', 'mac', 'up', 'master'] as const).filter(
      (key) => now[key] !== before?.[key],
    );
    if (before) this.told.push(...changed.map((key) => `${key} ${now[key]}`));
  };
  deviceGone: HostListener['deviceGone'] = ({ index, name }) => {
    this.devices.delete(index);
    this.told.push(`gone ${name}`);
  };
  address: HostListener['address'] = (each) =>
    void this.addresses.add(`${each.device} ${formatAddress(each)}`);
  addressGone: HostListener['addressGone'] = (each) =>
    void this.addresses.delete(`${each.device} ${formatAddress(each)}`);
  neighbor: HostListener['neighbor'] = ({ device, ip: [a, b, c, d], mac }) =>
    void this.neighbors.set(`${device} ${formatIp(a, b, c, d)}`, mac);
  neighborGone: HostListener['neighborGone'] = ({ device, ip: [a, b, c, d] }) =>
    void this.neighbors.delete(`${device} ${formatIp(a, b, c, d)}`);
}

let watch: HostWatch;
beforeEach(() => {
  ip('tuntap add dev t0 mode tap');
  ip('address add 10.0.0.1/24 dev t0');
  ip('neighbor add 10.0.0.7 lladdr 02:00:00:00:00:07 dev t0 nud permanent');
  watch = new HostWatch();
});
afterEach(() => {
  watch.close();
  if (findDevice('t0')) ip('link del t0');
});

it('tells at once what is there, also of what was made after it began', () => {
  const picture = new Picture();
  watch.follow(indexOf('t0'), picture);
  expect([...picture.devices.values()]).toEqual(['t0']);
  expect([...picture.addresses]).toEqual([`${indexOf('t0')} 10.0.0.1/24`]);
  expect([...picture.neighbors]).toEqual([[`${indexOf('t0')} 10.0.0.7`, '02:00:00:00:00:07']]);
  ip('link add d0 type bridge');
  const later = new Picture();
  watch.follow(indexOf('d0'), later);
  expect([...later.devices.values()]).toEqual(['d0']);
  ip('link del d0');
});

it('tells each change of the interface that is followed, and none of another', async () => {
  const picture = new Picture();
  watch.follow(indexOf('t0'), picture);
  ip('link add d0 type bridge');
  ip('link set t0 mtu 1400');
  ip('link set t0 address 02:00:00:00:00:55');
  ip('link set t0 up');
  ip('link set t0 down');
  ip('link set t0 name t5');
  ip('address add 10.5.0.1/24 dev t5');
  ip('address del 10.0.0.1/24 dev t5');
  ip('neighbor add 10.5.0.7 lladdr 02:00:00:00:00:08 dev t5 nud permanent');
  ip('link del d0');
  await waitFor(() => [...picture.neighbors.keys()].some((key) => key.endsWith('10.5.0.7')), 'the neighbour');
  expect(picture.told).toEqual(['mtu 1400', 'mac 02:00:00:00:00:55', 'up true', 'up false', 'name t5']);
  expect([...picture.addresses].filter((each) => each.includes('.'))).toEqual([
    `${indexOf('t5')} 10.5.0.1/24`,
  ]);
  expect([...picture.neighbors.keys()].filter((each) => each.includes('10.0.0.7'))).toEqual([]);
  ip('link del t5');
  await waitFor(() => picture.told.at(-1) === 'gone t5', 'the interface to go');
  expect([picture.addresses.size, picture.neighbors.size]).toEqual([0, 0]);
});

it('is silent to who follows no more', async () => {
  const [one, other] = [new Picture(), new Picture()];
  watch.follow(indexOf('t0'), one);
  watch.follow(indexOf('t0'), other);
  watch.unfollow(indexOf('t0'), one);
  ip('link set t0 mtu 1300');
  await waitFor(() => other.told.includes('mtu 1300'), 'the MTU');
  expect(one.told).toEqual([]);
});

it('takes a port that leaves its bridge for no interface that has gone', async () => {
  const picture = new Picture();
  watch.follow(indexOf('t0'), picture);
  ip('link add br0 type bridge');
  const bridge = indexOf('br0');
  ip('link set t0 master br0');
  ip('link set t0 nomaster');
  ip('link set t0 mtu 1300');
  ip('link del br0');
  await waitFor(() => picture.told.includes('mtu 1300'), 'the MTU');
  expect(picture.told).toEqual([`master ${bridge}`, 'master 0', 'mtu 1300']);
});

it('tells of each interface of a group that is deleted', async () => {
  const pictures = Array.from({ length: 20 }, (_, i) => {
    ip(`link add d${i} group 77 type bridge`);
    const picture = new Picture();
    watch.follow(indexOf(`d${i}`), picture);
    return picture;
  });
  deleteGroup(77);
  await waitFor(() => pictures.every(({ told }) => told.length > 0), 'all to go');
  expect(pictures.map(({ told }) => told)).toEqual(pictures.map((_, i) => [`gone d${i}`]));
});

/** How many times a socket of this process that listens to interfaces, addresses, neighbours and routes lost something. */
function overruns(): number {
  const rows = readFileSync('/proc/net/netlink', 'utf8').split('\n').slice(1);
  return rows.reduce((sum, row) => {
    const [, , , groups, , , , , drops] = row.trim().split(/\s+/);
    return sum + (groups === '00000555' ? Number(drops) : 0);
  }, 0);
}

it('finds out after an overrun what has come and what has gone', async () => {
  const picture = new Picture();
  ip('link add d0 type bridge');
  ip('link add d1 type bridge');
  ip('address add 10.7.0.1/24 dev d0');
  watch.follow(EVERY_DEVICE, picture);
  const [t0, d0, d1] = ['t0', 'd0', 'd1'].map(indexOf);
  // a storm while this thread reads nothing, and what counts at the end of it, when nothing more fits
  const storm = Array.from({ length: 30_000 }, (_, i) => `link set d1 mtu ${1000 + (i % 2)}`);
  batch([
    ...storm,
    'address del 10.7.0.1/24 dev d0',
    'address add 10.8.0.1/24 dev d0',
    'neighbor del 10.0.0.7 dev t0',
    'neighbor add 10.0.0.8 lladdr 02:00:00:00:00:08 dev t0 nud permanent',
    'link del d1',
    'link add d2 type bridge',
  ]);
  expect(overruns()).toBeGreaterThan(0);
  await waitFor(() => picture.devices.has(indexOf('d2')), 'the interface that has come');
  expect(picture.devices.get(d1)).toBeUndefined();
  expect(picture.told).toContain('gone d1');
  expect(picture.addresses).toContain(`${d0} 10.8.0.1/24`);
  expect(picture.addresses).not.toContain(`${d0} 10.7.0.1/24`);
  expect(picture.neighbors.get(`${t0} 10.0.0.8`)).toBe('02:00:00:00:00:08');
  expect(picture.neighbors.has(`${t0} 10.0.0.7`)).toBe(false);
  ip('link del d0');
  ip('link del d2');
});
