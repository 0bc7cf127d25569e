/** What the verbs make the data path do, and tell; that they do as the kernel does is for `test/netns/fdb-differential`. */
import { describe, expect, it } from 'vitest';
import { ALL_ZERO } from '../../../src/control/fdb.ts';
import type { LinkEvents } from '../../../src/control/link.ts';
import { BROADCAST, datagram, frame } from '../../support/frames.ts';
import { A, B, OTHER, world } from '../../support/world.ts';

const [MAC_A, GROUP] = ['02:00:00:00:00:01', '01:00:5e:00:00:01'];
const vniOf = (bytes: Uint8Array) => (bytes[4] << 16) | (bytes[5] << 8) | bytes[6];

describe('a group address', () => {
  it('has destinations of its own; a frame to it goes to these, not to the default ones', () => {
    const w = world({ remotes: ['10.0.0.9'] });
    w.vtep.fdb.add({ mac: GROUP, dst: '10.0.0.1' });
    w.vtep.fdb.append({ mac: GROUP, dst: '10.0.0.2' });
    w.out(frame('01005e000001', A));
    w.out(frame('01005e000002', A));
    expect(w.targets()).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.9']);
    w.vtep.fdb.del({ mac: GROUP, dst: '10.0.0.1' });
    w.out(frame('01005e000001', A));
    w.vtep.fdb.del({ mac: GROUP });
    w.out(frame('01005e000001', A));
    expect(w.targets().slice(3)).toEqual(['10.0.0.2', '10.0.0.9']);
  });

  it('keeps its own list, however often groups come and go', () => {
    const w = world();
    for (let i = 0; i < 10_000; i++) {
      w.vtep.fdb.add({ mac: GROUP, dst: '10.0.0.1' });
      w.vtep.fdb.append({ mac: GROUP, dst: '10.0.0.2' });
      w.vtep.fdb.del({ mac: GROUP });
    }
    expect([...w.vtep.fdb.list()]).toEqual([]);
  });
});

describe('a remote with a VNI of its own', () => {
  it('gets its copies of a flood with it, the others with theirs', () => {
    const w = world({ remotes: ['10.0.0.1'] });
    w.vtep.fdb.append({ mac: ALL_ZERO, dst: '10.0.0.2', vni: 77 });
    w.vtep.fdb.append({ mac: ALL_ZERO, dst: '10.0.0.3' });
    w.out(frame(BROADCAST, A));
    expect(w.udp.sent.map(({ bytes }, i) => [w.targets()[i], vniOf(bytes)])).toEqual([
      ['10.0.0.1', 42],
      ['10.0.0.2', 77],
      ['10.0.0.3', 42],
    ]);
  });

  it('gets nothing while the underlay is blocked, and its VNI comes into no other copy', () => {
    const w = world({ remotes: ['10.0.0.1'] });
    w.vtep.fdb.append({ mac: ALL_ZERO, dst: '10.0.0.2', vni: 77 });
    w.udp.room = 0;
    w.out(frame(BROADCAST, A));
    w.udp.room = 10;
    w.vtep.turn();
    expect(w.udp.sent.map(({ bytes }, i) => [w.targets()[i], vniOf(bytes)])).toEqual([['10.0.0.1', 42]]);
    expect(w.counts()['no-buffers']).toBe(1);
  });

  it('is another than the same address with the VNI of the link', () => {
    const { vtep } = world();
    vtep.fdb.append({ mac: ALL_ZERO, dst: '10.0.0.2', vni: 77 });
    vtep.fdb.append({ mac: ALL_ZERO, dst: '10.0.0.2', vni: 42 });
    expect(Array.from(vtep.fdb.list(), ({ dst, vni }) => [dst, vni])).toEqual([
      ['10.0.0.2', 77],
      ['10.0.0.2', undefined],
    ]);
  });
});

describe('states and flags', () => {
  const back = (entry: object) => {
    const w = world({ ageing: 10 });
    w.vtep.fdb.add({ mac: MAC_A, dst: '10.0.0.1', ...entry });
    w.back(datagram(42, frame(B, A)), OTHER);
    w.clock.now = 12;
    w.vtep.tick();
    return [w.tap.sent.length, Array.from(w.vtep.fdb.list(), ({ dst, state }) => `${dst} ${state}`)];
  };

  it.each<[object, number, string[]]>([
    [{}, 0, ['10.0.0.1 permanent']],
    [{ state: 'static' }, 0, ['10.0.0.1 static']],
    [{ state: 'dynamic' }, 1, []],
    [{ state: 'dynamic', flags: ['extern_learn'] }, 1, ['10.0.0.2 dynamic']],
    [{ state: 'dynamic', flags: ['sticky', 'extern_learn'] }, 1, ['10.0.0.1 dynamic']],
    [{ state: 'static', flags: ['extern_learn'] }, 0, ['10.0.0.1 static']],
  ])(
    '%j: a frame from elsewhere is delivered %i times, and when it has aged there is %j',
    (entry, delivered, left) => {
      expect(back(entry)).toEqual([delivered, left]);
    },
  );

  it('sticky ones do not move, yet age', () => {
    const w = world({ ageing: 10 });
    w.vtep.fdb.add({ mac: MAC_A, dst: '10.0.0.1', state: 'dynamic', flags: ['sticky'] });
    w.back(datagram(42, frame(B, A)), OTHER);
    expect(w.vtep.fdb.get(MAC_A)).toMatchObject([{ dst: '10.0.0.1', flags: ['sticky'] }]);
    w.clock.now = 12;
    w.vtep.tick();
    expect(() => w.vtep.fdb.get(MAC_A)).toThrow(`there is no entry ${MAC_A} (ENOENT)`);
  });
});

describe('flush', () => {
  it('takes out what its words and places mean, destination by destination', () => {
    const { vtep } = world({ remotes: ['10.0.0.1'] });
    vtep.fdb.append({ mac: ALL_ZERO, dst: '10.0.0.1', port: 8472 });
    vtep.fdb.append({ mac: ALL_ZERO, dst: '10.0.0.2' });
    vtep.fdb.add({ mac: MAC_A, dst: '10.0.0.2', flags: ['router'] });
    vtep.fdb.add({ mac: '02:00:00:00:00:02', dst: '10.0.0.3', state: 'dynamic' });
    const left = () =>
      Array.from(vtep.fdb.list(), ({ mac, dst, port }) => `${mac.slice(-2)} ${dst} ${port ?? ''}`).sort();
    expect(vtep.fdb.flush({ dst: '10.0.0.1', port: 8472 })).toBe(1);
    expect(vtep.fdb.flush({ words: ['dynamic'] })).toBe(1);
    expect(vtep.fdb.flush({ words: ['norouter'], dst: '10.0.0.2' })).toBe(1);
    expect(left()).toEqual(['00 10.0.0.1 ', '01 10.0.0.2 ']);
    expect(() => vtep.fdb.flush({ words: ['nonsense'] })).toThrow('(EINVAL)');
    expect(() => vtep.fdb.flush({ words: ['constructor'] })).toThrow('"constructor" is no state or flag');
    expect(() => vtep.fdb.flush({ words: ['nononstatic'] })).toThrow('(EINVAL)');
    expect(vtep.fdb.flush()).toBe(2);
    expect(left()).toEqual([]);
  });

  it('gives back addresses and remotes', () => {
    const { vtep } = world({ maxAddresses: 2 });
    for (let round = 0; round < 3; round++) {
      vtep.fdb.add({ mac: ALL_ZERO, dst: '10.0.0.1' });
      vtep.fdb.add({ mac: GROUP, dst: '10.0.0.1' });
      expect(() => vtep.fdb.add({ mac: MAC_A, dst: '10.0.0.1' })).toThrow('maxaddress is reached (ENOSPC)');
      vtep.fdb.flush();
    }
    vtep.tick();
    expect([...vtep.tables.remotes.all()].filter((remote) => vtep.tables.remotes.isHeld(remote))).toEqual([]);
  });
});

describe('what the verbs change', () => {
  it('is told, and what changes nothing is not', () => {
    const { vtep } = world({ name: 'vx0' });
    const told: string[] = [];
    const tell = (change: LinkEvents['changed'][0]) => {
      if (change.event === 'fdb')
        told.push(`${change.deleted} ${change.entry.dev} ${change.entry.dst} ${change.entry.state}`);
    };
    vtep.on('changed', tell);
    vtep.fdb.add({ mac: GROUP, dst: '10.0.0.1' });
    vtep.fdb.append({ mac: GROUP, dst: '10.0.0.1' });
    vtep.fdb.append({ mac: GROUP, dst: '10.0.0.2', state: 'static' });
    vtep.fdb.del({ mac: GROUP });
    expect(told).toEqual([
      'false vx0 10.0.0.1 permanent',
      'false vx0 10.0.0.2 static',
      'true vx0 10.0.0.1 static',
      'true vx0 10.0.0.2 static',
    ]);
  });

  it('and what is learned, moved and aged', () => {
    const w = world({ name: 'vx0', ageing: 10 });
    const told: unknown[] = [];
    w.vtep.on(
      'changed',
      (change) => void (change.event === 'fdb' && told.push([change.deleted, change.entry.dst])),
    );
    w.back(datagram(42, frame(B, A)));
    w.vtep.deliverEvents();
    w.back(datagram(42, frame(B, A)), OTHER);
    w.clock.now = 12;
    w.vtep.tick();
    w.vtep.deliverEvents();
    expect(told).toEqual([
      [false, '10.0.0.1'],
      [false, '10.0.0.2'],
      [true, '10.0.0.2'],
    ]);
  });
});

describe('via', () => {
  it('is a remote of its own, and refused where the transport lets nobody choose', () => {
    const { vtep } = world();
    expect(() => vtep.fdb.add({ mac: MAC_A, dst: '10.0.0.1', via: 'eth9' })).toThrow('(EOPNOTSUPP)');
    vtep.interfaces = { index: (name) => (name === 'eth1' ? 7 : undefined), name: () => 'eth1' };
    expect(() => vtep.fdb.add({ mac: MAC_A, dst: '10.0.0.1', via: 'eth9' })).toThrow(
      'via "eth9" is no interface of this namespace (EADDRNOTAVAIL)',
    );
    vtep.fdb.add({ mac: ALL_ZERO, dst: '10.0.0.1', via: 'eth1' });
    vtep.fdb.append({ mac: ALL_ZERO, dst: '10.0.0.1' });
    expect(Array.from(vtep.fdb.list(), ({ via }) => via)).toEqual(['eth1', undefined]);
  });
});
