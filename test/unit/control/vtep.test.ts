/** The library's VTEP: what it is made of, what it tells, how it ends. */
import { describe, expect, it } from 'vitest';
import { datagram, frame, ScriptedPort } from '../../support/frames.ts';
import { waitFor } from '../../support/wait-for.ts';
import { A, B, world } from '../../support/world.ts';

describe('events', () => {
  it('come by themselves, soon after, and not inside the data path', async () => {
    const w = world();
    let inside = true;
    const told: unknown[] = [];
    w.vtep.on('learn', (what) => told.push([what, inside]));
    w.back(datagram(42, frame(B, A)));
    inside = false;
    expect(told).toEqual([]);
    await waitFor(() => told.length > 0, 'the event');
    expect(told).toEqual([[{ mac: '02:00:00:00:00:01', dst: '10.0.0.1' }, false]]);
  });

  it('a listener may change the table that tells it', async () => {
    const w = world();
    w.vtep.on('learn', ({ mac, dst }) => {
      w.vtep.fdb.del({ mac });
      w.vtep.fdb.add({ mac, dst });
    });
    w.back(datagram(42, frame(B, A)));
    await waitFor(() => [...w.vtep.fdb.list()][0]?.state === 'permanent', 'the listener');
  });

  it('too many to be told are lost, and the frames are not', () => {
    const w = world({ fdbSize: 10_000 });
    let told = 0;
    w.vtep.on('learn', () => told++);
    for (let i = 0; i < 6000; i++) {
      const low = i.toString(16).padStart(8, '0');
      w.udp.incoming.push({ bytes: datagram(42, frame(B, `0201${low}`)) });
    }
    while (w.vtep.turn() > 0);
    w.vtep.deliverEvents();
    expect([told, [...w.vtep.fdb.list()].length, w.tap.sent.length]).toEqual([4096, 6000, 6000]);
  });
});

describe('a VTEP', () => {
  it.each([
    [{ vni: 1 << 24 }, 'vni 16777216 is not a whole number from 0 to 16777215 (EINVAL)'],
    [{ vni: undefined as unknown as number }, 'vni is missing: it is a whole number from 0 to 16777215'],
    [{ port: 70_000 }, 'port 70000 is not a whole number from 1 to 65535'],
    [{ ageing: -1 }, 'ageing -1 is not a whole number from 0'],
    [{ maxAddresses: 0.5 }, 'maxAddresses 0.5 is not a whole number from 0'],
    [{ fdbSize: 0 }, 'fdbSize 0 is not a whole number from 1'],
    [{ mac: '01:00:5e:00:00:01' }, 'mac "01:00:5e:00:00:01" is not a MAC address of one host'],
    [{ remotes: ['192.0.2'] }, 'dst "192.0.2" is not an IP address'],
  ])('is not made with %j', (options, sentence) => {
    expect(() => world(options)).toThrow(sentence);
  });

  it('that is closed has ended, and has closed both ports', async () => {
    const w = world({ remotes: ['10.0.0.1'] });
    const closed: unknown[] = [];
    for (const port of [w.tap, w.udp]) port.close = () => void closed.push(port);
    await w.vtep.close();
    expect(await w.vtep.ended).toBeUndefined();
    expect(closed).toEqual([w.tap, w.udp]);
  });

  it('ends when a port does, and says why', async () => {
    const tap = Object.assign(new ScriptedPort(), { ended: undefined as string | undefined });
    let ring = () => {};
    Object.assign(tap, {
      onReadable: (bell: () => void) => {
        ring = bell;
      },
    });
    const w = world({ tap });
    tap.ended = 'the TAP is gone (EBADFD)';
    ring();
    expect(await w.vtep.ended).toBe('the TAP is gone (EBADFD)');
    await w.vtep.close();
  });

  it('speaks of the family of its addresses', () => {
    const w = world({ remotes: ['2001:db8::2'], local: ['2001:db8::1'] });
    w.back(datagram(42, frame(B, A)), [0x20010db8, 0, 0, 2] as never);
    w.back(datagram(42, frame(B, A)), [0x20010db8, 0, 0, 1] as never, 50_000);
    expect([...w.vtep.fdb.list()]).toMatchObject([
      { dst: '2001:db8::2' },
      { dst: '2001:db8::2', state: 'learned' },
    ]);
    expect(w.drops()).toEqual({ 'own-datagram': 1 });
  });

  it('counts what belonged to no link, too', () => {
    const w = world();
    w.back(new Uint8Array(3));
    expect(w.counts()['datagram-short']).toBe(1);
  });
});
