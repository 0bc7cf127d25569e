/** The verbs of a link's neighbours, beside what is heard of them in the tunnel and from the kernel. */
import { describe, expect, it } from 'vitest';
import type { LinkEvents } from '../../../src/control/link.ts';
import { parseIp, parseMac } from '../../../src/wire/address.ts';
import { datagram } from '../../support/frames.ts';
import { A, world } from '../../support/world.ts';

const IP = '10.1.0.2';
const address = parseIp(IP) as Int32Array;
const [ONE, TWO] = ['02:00:00:00:00:01', '02:00:00:00:00:02'];
const words = (mac: string) => parseMac(mac) as { high: number; low: number };

/** An ARP reply of `A` that says it has the address. */
const arpReply = Uint8Array.from(
  Buffer.from(`ffffffffffff${A}08060001080006040002${A}0a010002ffffffffffff0a0100ff`, 'hex'),
);

function watched() {
  const w = world({ name: 'vx0', suppress: true });
  const told: LinkEvents['changed'][0][] = [];
  w.vtep.on('changed', (change) => void (change.event === 'neigh' && told.push(change)));
  const { neighbors } = w.vtep;
  const shown = () => Array.from(neighbors.list(), ({ mac, state }) => `${mac} ${state}`);
  return { ...w, neighbors, told, shown };
}

describe('a neighbour by hand', () => {
  it('is made once, replaced and changed, and goes', () => {
    const { neighbors, shown } = watched();
    expect(() => neighbors.change({ ip: IP, mac: ONE })).toThrow('there is no neighbour 10.1.0.2 (ENOENT)');
    neighbors.add({ ip: IP, mac: ONE });
    expect(() => neighbors.add({ ip: IP, mac: TWO })).toThrow('10.1.0.2 is a neighbour already (EEXIST)');
    neighbors.change({ ip: IP, mac: TWO });
    expect(shown()).toEqual([`${TWO} permanent`]);
    neighbors.replace({ ip: IP, mac: ONE });
    neighbors.replace({ ip: 'fd00::2', mac: TWO, flags: ['router'] });
    expect([...neighbors.list()].sort((a, b) => (a.ip < b.ip ? -1 : 1))).toEqual([
      { dev: 'vx0', ip: IP, mac: ONE, state: 'permanent' },
      { dev: 'vx0', ip: 'fd00::2', mac: TWO, state: 'permanent', flags: ['router'] },
    ]);
    neighbors.del({ ip: IP });
    expect(() => neighbors.del({ ip: IP })).toThrow('there is no neighbour 10.1.0.2 (ENOENT)');
    expect(shown()).toEqual([`${TWO} permanent`]);
  });

  it('wins over what was snooped and over what the kernel says, which holds again when it has gone', () => {
    const { neighbors, shown, back } = watched();
    back(datagram(42, arpReply));
    expect(shown()).toEqual([`${ONE} snooped`]);
    neighbors.told(address, words('02:00:00:00:00:03'));
    expect(shown()).toEqual(['02:00:00:00:00:03 kernel']);
    neighbors.add({ ip: IP, mac: TWO });
    back(datagram(42, arpReply));
    neighbors.told(address, words('02:00:00:00:00:04'));
    expect(shown()).toEqual([`${TWO} permanent`]);
    neighbors.del({ ip: IP });
    expect(shown()).toEqual(['02:00:00:00:00:04 kernel']);
    expect(() => neighbors.del({ ip: IP })).toThrow('`ip neigh del 10.1.0.2 dev vx0` (EOPNOTSUPP)');
    neighbors.untold(address);
    expect(shown()).toEqual([]);
  });

  it('stays when the kernel forgets or looks for it, and the kernel has nothing to say afterwards', () => {
    const { neighbors, shown } = watched();
    neighbors.told(address, words(ONE));
    neighbors.replace({ ip: IP, mac: TWO });
    neighbors.untold(address);
    neighbors.told(address, undefined);
    expect(shown()).toEqual([`${TWO} permanent`]);
    neighbors.del({ ip: IP });
    expect(shown()).toEqual([]);
  });

  it('stays in a flush, which forgets what was snooped', () => {
    const { neighbors, shown, back } = watched();
    back(datagram(42, arpReply));
    neighbors.add({ ip: '10.1.0.3', mac: TWO });
    neighbors.flush();
    expect(shown()).toEqual([`${TWO} permanent`]);
    neighbors.forget();
    expect(shown()).toEqual([]);
  });

  it('and all that the kernel says is told to those who watch, what changes nothing is not', () => {
    const { neighbors, told } = watched();
    neighbors.told(address, undefined);
    neighbors.told(address, words(ONE));
    neighbors.told(address, words(ONE));
    neighbors.replace({ ip: IP, mac: TWO });
    neighbors.replace({ ip: IP, mac: TWO });
    neighbors.del({ ip: IP });
    neighbors.untold(address);
    expect(
      told.map((change) => change.event === 'neigh' && [change.deleted, ...Object.values(change.neighbor)]),
    ).toEqual([
      [false, 'vx0', IP, ONE, 'kernel'],
      [false, 'vx0', IP, TWO, 'permanent'],
      [true, 'vx0', IP, TWO, 'permanent'],
      [false, 'vx0', IP, ONE, 'kernel'],
      [true, 'vx0', IP, ONE, 'kernel'],
    ]);
  });

  it.each([
    ['not-an-address', ONE, '"not-an-address" is not an IP address, such as 10.0.0.1 (EINVAL)'],
    [IP, '02:00', '"02:00" is no MAC address, such as 02:00:00:00:00:01 (EINVAL)'],
  ])('%s %s is refused', (ip, mac, sentence) => {
    expect(() => watched().neighbors.add({ ip, mac })).toThrow(sentence);
  });
});
