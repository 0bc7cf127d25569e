/** The verbs of a link's forwarding table, as `bridge fdb` has them: what they change, and what they refuse. */
import { describe, expect, it } from 'vitest';
import { ALL_ZERO } from '../../../src/control/fdb.ts';
import type { FdbItem } from '../../../src/control/protocol.ts';
import { BROADCAST, datagram, frame } from '../../support/frames.ts';
import { A, B, world } from '../../support/world.ts';

const MAC = '02:00:00:00:00:05';
const brief = (entries: FdbItem[]) =>
  entries.map(({ mac, dst, port = 'own', state }) => [mac, dst, port, state]);

describe('add', () => {
  it('makes a permanent entry at the link port, or what the words say', () => {
    const { vtep } = world({ port: 8472 });
    vtep.fdb.add({ mac: MAC, dst: '10.0.0.5' });
    expect(brief([...vtep.fdb.list()])).toEqual([[MAC, '10.0.0.5', 'own', 'permanent']]);
    vtep.fdb.del({ mac: MAC });
    vtep.fdb.add({ mac: MAC, dst: '10.0.0.5', port: 4790, state: 'static' });
    expect(brief([...vtep.fdb.list()])).toEqual([[MAC, '10.0.0.5', 4790, 'static']]);
  });

  it('appended for the all-zero MAC makes one more default destination', () => {
    const { vtep } = world({ remotes: ['10.0.0.1'] });
    vtep.fdb.append({ mac: ALL_ZERO, dst: '10.0.0.2' });
    vtep.fdb.append({ mac: ALL_ZERO, dst: '10.0.0.2', port: 8472 });
    expect(brief([...vtep.fdb.list()])).toEqual([
      [ALL_ZERO, '10.0.0.1', 'own', 'permanent'],
      [ALL_ZERO, '10.0.0.2', 'own', 'permanent'],
      [ALL_ZERO, '10.0.0.2', 8472, 'permanent'],
    ]);
  });

  it('takes effect on the next frame', () => {
    const w = world({ remotes: ['10.0.0.1'] });
    w.out(frame(B, A));
    w.vtep.fdb.add({ mac: '02:00:00:00:00:02', dst: '10.0.0.2' });
    w.out(frame(B, A));
    w.vtep.fdb.del({ mac: '02:00:00:00:00:02' });
    w.out(frame(B, A));
    expect(w.targets()).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.1']);
  });

  it.each<[string, string, string, string]>([
    ['not a MAC', '02:00:00:00:00', '10.0.0.1', '"02:00:00:00:00" is no MAC address'],
    ['not an address', MAC, 'host', 'dst "host" is not an IP address, such as 192.0.2.1'],
    [
      'a MAC that is there',
      '02:00:00:00:00:01',
      '10.0.0.1',
      '02:00:00:00:00:01 has an entry already (EEXIST)',
    ],
    ['a destination that is there', ALL_ZERO, '10.0.0.9', '00:00:00:00:00:00 has an entry already (EEXIST)'],
  ])('refuses %s', (_, mac, dst, sentence) => {
    const { vtep } = world({ remotes: ['10.0.0.9'] });
    vtep.fdb.add({ mac: '02:00:00:00:00:01', dst: '10.0.0.1' });
    const before = brief([...vtep.fdb.list()]);
    expect(() => vtep.fdb.add({ mac, dst })).toThrow(sentence);
    expect(brief([...vtep.fdb.list()])).toEqual(before);
  });

  it('refuses more than maxaddress, of which the default destinations are one, and more than there is room for', () => {
    const limited = world({ maxAddresses: 3, remotes: ['10.0.0.1', '10.0.0.2'] }).vtep;
    for (const last of [1, 2]) limited.fdb.add({ mac: `02:00:00:00:00:0${last}`, dst: '10.0.0.1' });
    expect(() => limited.fdb.add({ mac: MAC, dst: '10.0.0.1' })).toThrow(
      `no room for ${MAC}: maxaddress is reached (ENOSPC)`,
    );
    limited.fdb.del({ mac: '02:00:00:00:00:01' });
    limited.fdb.add({ mac: MAC, dst: '10.0.0.1' });

    const small = world({ fdbSize: 1 }).vtep;
    small.fdb.add({ mac: '02:00:00:00:00:01', dst: '10.0.0.1' });
    expect(() => small.fdb.add({ mac: MAC, dst: '10.0.0.1' })).toThrow(
      `no room for ${MAC}: fdb-size is 1, and as many are there (ENOSPC)`,
    );
    small.fdb.del({ mac: '02:00:00:00:00:01' });
    small.fdb.add({ mac: MAC, dst: '10.0.0.1' });
  });

  it('refuses a remote too many, and has room for as many as before', () => {
    const { vtep } = world();
    for (let i = 0; i < 4096; i++) {
      vtep.fdb.add({
        mac: `02:00:00:00:${(i >> 8).toString(16)}:${(i & 255).toString(16)}`,
        dst: `10.1.${i >> 8}.${i & 255}`,
      });
    }
    expect(() => vtep.fdb.add({ mac: '02:01:00:00:00:00', dst: '10.2.0.1' })).toThrow(
      'no room for the remote 10.2.0.1: 4096 are in use (ENOSPC)',
    );
    vtep.fdb.add({ mac: '02:01:00:00:00:00', dst: '10.1.0.1' });
    vtep.fdb.del({ mac: '02:00:00:00:00:07' });
    for (let second = 0; second < 3; second++) vtep.tick();
    vtep.fdb.add({ mac: '02:01:00:00:00:01', dst: '10.2.0.1' });
  });
});

describe('del', () => {
  it('takes an entry out, whether learned or made, by its remote if one is named', () => {
    const w = world();
    w.back(datagram(42, frame(B, A)));
    w.vtep.fdb.add({ mac: MAC, dst: '10.0.0.5' });
    expect(() => w.vtep.fdb.del({ mac: MAC, dst: '10.0.0.6' })).toThrow(
      `there is no entry ${MAC} dst 10.0.0.6 (ENOENT)`,
    );
    w.vtep.fdb.del({ mac: MAC, dst: '10.0.0.5' });
    w.vtep.fdb.del({ mac: '02:00:00:00:00:01' });
    expect([...w.vtep.fdb.list()]).toEqual([]);
    expect(() => w.vtep.fdb.del({ mac: MAC })).toThrow(`there is no entry ${MAC} (ENOENT)`);
  });

  it('takes one default destination, or all of them', () => {
    const w = world({ remotes: ['10.0.0.1', '10.0.0.2', '10.0.0.3'] });
    w.vtep.fdb.del({ mac: ALL_ZERO, dst: '10.0.0.2' });
    w.out(frame(BROADCAST, A));
    expect(w.targets()).toEqual(['10.0.0.1', '10.0.0.3']);
    expect(() => w.vtep.fdb.del({ mac: ALL_ZERO, dst: '10.0.0.2' })).toThrow(
      'there is no entry 00:00:00:00:00:00 dst 10.0.0.2 (ENOENT)',
    );
    w.vtep.fdb.del({ mac: ALL_ZERO });
    expect([...w.vtep.fdb.list()]).toEqual([]);
    expect(() => w.vtep.fdb.del({ mac: ALL_ZERO })).toThrow('(ENOENT)');
  });
});

describe('list', () => {
  it('shows how long ago an entry was used and confirmed', () => {
    const w = world();
    w.back(datagram(42, frame(B, A)));
    w.clock.now = 10;
    w.out(frame(A, B));
    w.clock.now = 12;
    expect([...w.vtep.fdb.list()]).toMatchObject([{ used: 2, updated: 12 }]);
    w.back(datagram(42, frame(B, A)));
    expect([...w.vtep.fdb.list()]).toMatchObject([{ used: 2, updated: 0 }]);
  });
});
