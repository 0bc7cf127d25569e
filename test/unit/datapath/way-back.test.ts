/** The way back, stage by stage, over ports that a test scripts. What ends there stands in `drop-reasons`. */
import { describe, expect, it } from 'vitest';
import { toHex } from '../../support/bytes.ts';
import { BROADCAST, datagram, frame } from '../../support/frames.ts';
import { A, B, OTHER, OWN, REMOTE, world } from '../../support/world.ts';

describe('the way back', () => {
  it('hands over the inner frame, and learns where it came from', () => {
    const w = world();
    w.back(datagram(42, frame(B, A, '77'.repeat(50))));
    expect(toHex(w.tap.sent[0].bytes)).toBe(toHex(frame(B, A, '77'.repeat(50))));
    expect([...w.vtep.fdb.list()]).toMatchObject([
      { mac: '02:00:00:00:00:01', dst: '10.0.0.1', state: 'learned' },
    ]);
  });

  it('answers to the configured port, not to where the datagram came from', () => {
    const w = world({ port: 8472 });
    w.back(datagram(42, frame(B, A)), REMOTE, 55_555);
    // no other than the link's
    expect([...w.vtep.fdb.list()]).toMatchObject([{ dst: '10.0.0.1' }]);
    expect(w.vtep.fdb.get('02:00:00:00:00:01')[0].port).toBeUndefined();
  });

  it('never leads into the tunnel again', () => {
    const w = world({ remotes: ['10.0.0.1', '10.0.0.2'] });
    w.back(datagram(42, frame(BROADCAST, A)));
    expect(w.udp.sent).toEqual([]);
    expect(w.tap.sent).toHaveLength(1);
  });

  it('refuses what the underlay brings back from our own address and port, and only that', () => {
    const w = world();
    w.back(datagram(42, frame(B, A)), OWN, 50_000);
    expect(w.tap.sent).toEqual([]);
    w.back(datagram(42, frame(B, A)), OWN, 50_001);
    w.back(datagram(42, frame(B, A)), REMOTE, 50_000);
    expect(w.tap.sent).toHaveLength(2);
  });

  it('brings congestion of the underlay inside, and leaves alone what is not IP', () => {
    const w = world();
    const inner = (tos: string, sum: string) =>
      frame(B, A, `45${tos}001400000000401166${sum}${'0a000001'.repeat(2)}`, '0800');
    w.back(datagram(42, inner('b9', '2e')), REMOTE, 12_345, 3);
    w.back(datagram(42, frame(B, A)), REMOTE, 12_345, 3);
    w.back(datagram(42, inner('b8', '2f')), REMOTE, 12_345, 2);
    expect(w.tap.sent.map(({ bytes }) => toHex(bytes))).toEqual(
      [inner('bb', '2c'), frame(B, A), inner('b8', '2f')].map(toHex),
    );
  });

  it('ignores and counts reserved bits', () => {
    const lax = world();
    lax.back(datagram(42, frame(B, A), 'ff', '01'));
    expect(lax.tap.sent).toHaveLength(1);
    expect(lax.counts()['reserved-bits-ignored']).toBe(1);
  });

  it('moves an entry with its MAC, and says so', () => {
    const w = world();
    const told: unknown[] = [];
    w.vtep
      .on('learn', (what) => told.push(['learn', what.dst]))
      .on('move', (what) => told.push(['move', what.dst]));
    w.back(datagram(42, frame(B, A)));
    w.back(datagram(42, frame(B, A)), OTHER);
    w.vtep.deliverEvents();
    expect([...w.vtep.fdb.list()]).toMatchObject([{ dst: '10.0.0.2' }]);
    expect(told).toEqual([
      ['learn', '10.0.0.1'],
      ['move', '10.0.0.2'],
    ]);
  });

  it.each(['static', 'permanent'] as const)(
    'keeps a %s entry, and drops who claims it from elsewhere',
    (state) => {
      const w = world();
      w.vtep.fdb.add({ mac: '02:00:00:00:00:01', dst: '10.0.0.2', state });
      w.back(datagram(42, frame(B, A)));
      expect(w.tap.sent).toEqual([]);
      w.back(datagram(42, frame(B, A)), OTHER);
      expect(w.tap.sent).toHaveLength(1);
    },
  );

  it('forgets what is not confirmed for the ageing time, and not what was set by hand', () => {
    const w = world({ ageing: 10 });
    const expired: string[] = [];
    w.vtep.on('expire', ({ mac }) => expired.push(mac));
    w.vtep.fdb.add({ mac: '02:00:00:00:00:05', dst: '10.0.0.2' });
    w.back(datagram(42, frame(B, A)));
    w.back(datagram(42, frame(B, '020000000007')));
    w.clock.now = 8;
    w.back(datagram(42, frame(B, A)));
    w.clock.now = 12;
    w.vtep.tick();
    w.vtep.deliverEvents();
    expect(expired).toEqual(['02:00:00:00:00:07']);
    expect(Array.from(w.vtep.fdb.list(), ({ mac }) => mac).sort()).toEqual([
      '02:00:00:00:00:01',
      '02:00:00:00:00:05',
    ]);
  });

  it('does not age by what we send', () => {
    const w = world({ ageing: 10 });
    w.back(datagram(42, frame(B, A)));
    w.clock.now = 9;
    w.out(frame(A, B));
    w.clock.now = 11;
    w.vtep.tick();
    expect([...w.vtep.fdb.list()]).toEqual([]);
  });

  it('learns no more than maxaddress, and delivers all the same', () => {
    const w = world({ maxAddresses: 2 });
    for (const last of ['01', '02', '03', '04']) w.back(datagram(42, frame(B, `0200000000${last}`)));
    expect([...w.vtep.fdb.list()]).toHaveLength(2);
    expect(w.counts()['learn-limit']).toBe(2);
    expect(w.tap.sent).toHaveLength(4);
  });

  it('counts what a full table did not learn, and delivers all the same', () => {
    const w = world({ fdbSize: 3 });
    for (let i = 1; i < 10; i++) w.back(datagram(42, frame(B, `02000000000${i}`)));
    expect([...w.vtep.fdb.list()]).toHaveLength(3);
    expect(w.counts()['learn-table-full']).toBe(6);
    expect(w.tap.sent).toHaveLength(9);
  });

  it('learns nothing with nolearning', () => {
    const w = world({ learning: false });
    w.back(datagram(42, frame(B, A)));
    expect([...w.vtep.fdb.list()]).toEqual([]);
    expect(w.tap.sent).toHaveLength(1);
  });

  it('does not look at what a frame carries: tags, types, lengths', () => {
    const w = world();
    const frames = [
      frame(B, A, '0007080045', '8100'),
      frame(B, A, '000881000009080045', '88a8'),
      frame(B, A, '', '0000'),
      frame(BROADCAST, A, 'ff'.repeat(9000), 'ffff'),
    ];
    for (const each of frames) w.back(datagram(42, each));
    expect(w.tap.sent.map(({ bytes }) => toHex(bytes))).toEqual(frames.map(toHex));
    expect(w.counts()).toMatchObject({
      rxFrames: 4,
      rxBytes: frames.reduce((sum, { length }) => sum + length, 0),
    });
  });

  it('makes one entry of many frames, and tells it once', () => {
    const w = world();
    const told: string[] = [];
    w.vtep.on('learn', ({ mac }) => told.push(mac));
    for (let i = 0; i < 200; i++) w.udp.incoming.push({ bytes: datagram(42, frame(B, A)) });
    while (w.vtep.turn() > 0);
    w.vtep.deliverEvents();
    expect(told).toEqual(['02:00:00:00:00:01']);
    expect(w.tap.sent).toHaveLength(200);
  });

  it('takes back an address that was forgotten: as many are learned again as maxaddress allows', () => {
    const w = world({ maxAddresses: 2, ageing: 10 });
    for (let round = 1; round <= 5; round++) {
      for (const last of [1, 2, 3]) w.back(datagram(42, frame(B, `0200000000${round}${last}`)));
      expect([...w.vtep.fdb.list()]).toHaveLength(2);
      w.clock.now += 11;
      w.vtep.tick();
      expect([...w.vtep.fdb.list()]).toEqual([]);
    }
  });

  it('a remote that nobody is behind any more gives its place to others', () => {
    const w = world({ ageing: 10 });
    for (let i = 1; i <= 20_000; i++) {
      w.back(datagram(42, frame(B, A)), [0, 0, 0xffff, 0x0b000000 + i]);
      w.clock.now += 1;
      if (i % 100 === 0) w.vtep.tick();
    }
    expect(w.drops()).toEqual({});
    expect(w.counts()['learn-table-full']).toBe(0);
    expect([...w.vtep.fdb.list()]).toMatchObject([{ dst: '11.0.78.32' }]);
  });
});
