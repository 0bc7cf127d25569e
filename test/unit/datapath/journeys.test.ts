/** The two journeys, stage by stage, over ports that a test scripts. */
import { describe, expect, it } from 'vitest';
import type { CounterName } from '../../../src/tables/counters.ts';
import { Vtep, type VtepOptions } from '../../../src/vtep.ts';
import { toHex } from '../../support/bytes.ts';
import { arp, BROADCAST, datagram, frame, ScriptedPort } from '../../support/frames.ts';
import { SCAPY_NOTE, scapy, WITHOUT_SCAPY } from '../../support/scapy.ts';

const A = '020000000001';
const B = '020000000002';
const OWN = '02:00:00:00:00:99';
const REMOTE = [0, 0, 0xffff, 0x0a000001] as const; // 10.0.0.1
const OTHER = [0, 0, 0xffff, 0x0a000002] as const;

function world(options: Partial<VtepOptions> = {}) {
  const tap = new ScriptedPort();
  const udp = new ScriptedPort();
  const clock = { now: 0 };
  const vtep = new Vtep({
    vni: 42,
    tap,
    udp,
    mac: OWN,
    local: ['10.9.9.9'],
    clock: () => clock.now,
    ...options,
  });
  const counts = () => vtep.counters();
  return {
    tap,
    udp,
    clock,
    vtep,
    counts,
    out(bytes: Uint8Array) {
      tap.incoming.push({ bytes });
      while (vtep.turn() > 0);
    },
    back(bytes: Uint8Array, from: readonly [number, number, number, number] = REMOTE, port = 12_345) {
      udp.incoming.push({ bytes, from, port });
      while (vtep.turn() > 0);
    },
    /** Exactly one drop, and of this reason. */
    expectDropped(reason: CounterName) {
      expect(counts()[reason]).toBe(1);
      expect([tap.sent, udp.sent]).toEqual([[], []]);
    },
    targets() {
      return udp.sent.map(({ target }) => vtep.fdb.address(target));
    },
  };
}

describe('the way out', () => {
  it.skipIf(WITHOUT_SCAPY)(`is a VXLAN datagram to scapy${SCAPY_NOTE}`, () => {
    const w = world({ remotes: ['10.0.0.1'], vni: 0xabcdef });
    w.out(frame(BROADCAST, A, '5a'.repeat(60)));
    const decoded = scapy<{ flags: number; vni: number; r1: number; r2: number; inner: string }>(
      'p = VXLAN(bytes.fromhex(given)); answer({"flags": int(p.flags), "vni": p.vni, "r1": p.reserved1, "r2": p.reserved2, "inner": bytes(p.payload).hex()})',
      toHex(w.udp.sent[0].bytes),
    );
    expect(decoded).toEqual({
      flags: 8,
      vni: 0xabcdef,
      r1: 0,
      r2: 0,
      inner: toHex(frame(BROADCAST, A, '5a'.repeat(60))),
    });
  });

  it('goes to all default destinations, once each', () => {
    const w = world({ remotes: ['10.0.0.1', '10.0.0.2', '10.0.0.3'] });
    w.out(frame(BROADCAST, A));
    expect(w.targets()).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    expect(w.counts().flooded).toBe(1);
  });

  it('goes to the one remote of its entry, group addresses too', () => {
    const w = world({ remotes: ['10.0.0.1'] });
    w.vtep.fdb.add('02:00:00:00:00:02', { dst: '10.0.0.7' });
    w.vtep.fdb.add('01:00:5e:00:00:09', { dst: '10.0.0.8' });
    w.out(frame(B, A));
    w.out(frame('01005e000009', A));
    expect(w.targets()).toEqual(['10.0.0.7', '10.0.0.8']);
  });

  it('carries a flow hash that is its own', () => {
    const w = world({ remotes: ['10.0.0.1'] });
    w.out(frame(B, A));
    w.out(frame(B, A));
    w.out(frame(B, 'aa0000000001'));
    const [first, second, third] = w.udp.sent.map(({ flow }) => flow);
    expect(second).toBe(first);
    expect(third).not.toBe(first);
  });

  it('ends where nothing is known, and says what was missed', async () => {
    const w = world();
    const missed: unknown[] = [];
    w.vtep.on('miss', (what) => missed.push(what));
    w.out(frame(B, A));
    w.expectDropped('no-destination');
    w.vtep.deliverEvents();
    expect(missed).toEqual([{ mac: '02:00:00:00:00:02' }]);
  });

  it('has no room for half an Ethernet header', () => {
    const w = world({ remotes: ['10.0.0.1'] });
    w.out(new Uint8Array(13));
    w.expectDropped('frame-short');
  });

  it('has no room for more than a datagram', () => {
    const w = world({ remotes: ['10.0.0.1'] });
    w.out(frame(BROADCAST, A, '00'.repeat(65_500 - 13)));
    w.expectDropped('frame-long');
  });

  it.each([
    [90, 'too-big'],
    [111, 'refused'],
    [113, 'unreachable'],
    [105, 'no-buffers'],
    [71, 'bad-offload'],
    [5, 'send-failed'],
  ] as const)('counts errno %d of one remote, and the others get theirs', (errno, reason) => {
    const w = world({ remotes: ['10.0.0.1', '10.0.0.2'] });
    w.udp.refusal = (target) => (w.vtep.fdb.address(target) === '10.0.0.1' ? errno : 0);
    w.out(frame(BROADCAST, A));
    expect(w.targets()).toEqual(['10.0.0.2']);
    expect(w.counts()[reason]).toBe(1);
  });

  it('waits while the underlay is blocked: nothing is lost, doubled or reordered, and the TAP is not read', () => {
    const w = world({ remotes: ['10.0.0.1'] });
    w.udp.room = 3;
    for (let i = 0; i < 10; i++) w.tap.incoming.push({ bytes: frame(BROADCAST, A, `${i}0`.repeat(46)) });
    w.vtep.turn();
    w.tap.incoming.push({ bytes: frame(BROADCAST, A, 'ff'.repeat(46)) });
    w.vtep.turn();
    expect(w.udp.sent).toHaveLength(3);
    expect(w.tap.incoming).toHaveLength(1);
    w.udp.room = Number.POSITIVE_INFINITY;
    while (w.vtep.turn() > 0);
    expect(w.udp.sent.map(({ bytes }) => bytes[30])).toEqual([
      0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x80, 0x90, 0xff,
    ]);
  });
});

describe('the way back', () => {
  it('hands over the inner frame, and learns where it came from', () => {
    const w = world();
    w.back(datagram(42, frame(B, A, '77'.repeat(50))));
    expect(toHex(w.tap.sent[0].bytes)).toBe(toHex(frame(B, A, '77'.repeat(50))));
    expect(w.vtep.fdb.list()).toMatchObject([
      { mac: '02:00:00:00:00:01', dst: '10.0.0.1', state: 'learned', port: 4789 },
    ]);
  });

  it('answers to the configured port, not to where the datagram came from', () => {
    const w = world({ port: 8472 });
    w.back(datagram(42, frame(B, A)), REMOTE, 55_555);
    expect(w.vtep.fdb.list()).toMatchObject([{ port: 8472 }]);
  });

  it('never leads into the tunnel again', () => {
    const w = world({ remotes: ['10.0.0.1', '10.0.0.2'] });
    w.back(datagram(42, frame(BROADCAST, A)));
    expect(w.udp.sent).toEqual([]);
    expect(w.tap.sent).toHaveLength(1);
  });

  it.each<[string, CounterName, Uint8Array]>([
    ['nothing', 'datagram-short', new Uint8Array(0)],
    ['seven bytes', 'datagram-short', new Uint8Array(7)],
    ['a header and 13 bytes', 'datagram-short', datagram(42, new Uint8Array(13))],
    ['no I flag', 'no-vni-flag', datagram(42, frame(B, A), '00')],
    ['another VNI', 'unknown-vni', datagram(43, frame(B, A))],
    ['a group source', 'bad-source-mac', datagram(42, frame(B, '010000000001'))],
    ['no source', 'bad-source-mac', datagram(42, frame(B, '000000000000'))],
    ['our own MAC', 'own-mac', datagram(42, frame(B, OWN.replaceAll(':', '')))],
  ])('%s: %s', (_, reason, bytes) => {
    const w = world();
    w.back(bytes);
    w.expectDropped(reason);
    expect(w.vtep.fdb.list()).toEqual([]);
  });

  it('refuses what the underlay brings back from our own address and port, and only that', () => {
    const w = world();
    const own = [0, 0, 0xffff, 0x0a090909] as const;
    w.back(datagram(42, frame(B, A)), own, 50_000);
    w.expectDropped('own-datagram');
    w.back(datagram(42, frame(B, A)), own, 50_001);
    w.back(datagram(42, frame(B, A)), REMOTE, 50_000);
    expect(w.tap.sent).toHaveLength(2);
  });

  it('ignores and counts reserved bits, or drops them as the kernel does', () => {
    const lax = world();
    lax.back(datagram(42, frame(B, A), 'ff', '01'));
    expect(lax.tap.sent).toHaveLength(1);
    expect(lax.counts()['reserved-bits-ignored']).toBe(1);
    const strict = world({ strictReserved: true });
    strict.back(datagram(42, frame(B, A), '88'));
    strict.expectDropped('reserved-bits');
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
    expect(w.vtep.fdb.list()).toMatchObject([{ dst: '10.0.0.2' }]);
    expect(told).toEqual([
      ['learn', '10.0.0.1'],
      ['move', '10.0.0.2'],
    ]);
  });

  it.each(['static', 'permanent'] as const)(
    'keeps a %s entry, and drops who claims it from elsewhere',
    (state) => {
      const w = world();
      w.vtep.fdb.add('02:00:00:00:00:01', { dst: '10.0.0.2', state });
      w.back(datagram(42, frame(B, A)));
      w.expectDropped('static-mac-elsewhere');
      w.back(datagram(42, frame(B, A)), OTHER);
      expect(w.tap.sent).toHaveLength(1);
    },
  );

  it('forgets what is not confirmed for the ageing time, and not what was set by hand', () => {
    const w = world({ ageing: 10 });
    const expired: string[] = [];
    w.vtep.on('expire', ({ mac }) => expired.push(mac));
    w.vtep.fdb.add('02:00:00:00:00:05', { dst: '10.0.0.2' });
    w.back(datagram(42, frame(B, A)));
    w.back(datagram(42, frame(B, '020000000007')));
    w.clock.now = 8;
    w.back(datagram(42, frame(B, A)));
    w.clock.now = 12;
    w.vtep.tick();
    w.vtep.deliverEvents();
    expect(expired).toEqual(['02:00:00:00:00:07']);
    expect(
      w.vtep.fdb
        .list()
        .map(({ mac }) => mac)
        .sort(),
    ).toEqual(['02:00:00:00:00:01', '02:00:00:00:00:05']);
  });

  it('does not age by what we send', () => {
    const w = world({ ageing: 10 });
    w.back(datagram(42, frame(B, A)));
    w.clock.now = 9;
    w.out(frame(A, B));
    w.clock.now = 11;
    w.vtep.tick();
    expect(w.vtep.fdb.list()).toEqual([]);
  });

  it('learns no more than maxaddress, and delivers all the same', () => {
    const w = world({ maxAddresses: 2 });
    for (const last of ['01', '02', '03', '04']) w.back(datagram(42, frame(B, `0200000000${last}`)));
    expect(w.vtep.fdb.list()).toHaveLength(2);
    expect(w.counts()['learn-limit']).toBe(2);
    expect(w.tap.sent).toHaveLength(4);
  });

  it('counts what a full table did not learn, and delivers all the same', () => {
    const w = world({ fdbSize: 3 });
    for (let i = 1; i < 10; i++) w.back(datagram(42, frame(B, `02000000000${i}`)));
    expect(w.vtep.fdb.list()).toHaveLength(3);
    expect(w.counts()['learn-table-full']).toBe(6);
    expect(w.tap.sent).toHaveLength(9);
  });

  it('learns nothing with nolearning', () => {
    const w = world({ learning: false });
    w.back(datagram(42, frame(B, A)));
    expect(w.vtep.fdb.list()).toEqual([]);
    expect(w.tap.sent).toHaveLength(1);
  });

  it('counts a TAP that is down apart from one that refuses', () => {
    const w = world();
    w.tap.refusal = () => 5;
    w.back(datagram(42, frame(B, A)));
    w.tap.refusal = () => 22;
    w.back(datagram(42, frame(B, A)));
    expect(w.counts()).toMatchObject({ 'tap-down': 1, 'tap-failed': 1 });
  });
});

describe('the ARP proxy', () => {
  const ask = arp(1, A, '10.1.0.1', '000000000000', '10.1.0.2');

  it('answers for a neighbour, and nothing leaves', () => {
    const w = world({ proxy: true, remotes: ['10.0.0.1'] });
    w.vtep.setNeighbor('10.1.0.2', '02:00:00:00:00:02');
    w.out(ask);
    expect(w.udp.sent).toEqual([]);
    expect(toHex(w.tap.sent[0].bytes)).toBe(toHex(arp(2, B, '10.1.0.2', A, '10.1.0.1', A)));
  });

  it('consumes what it cannot answer, as the kernel does, and names the address', () => {
    const w = world({ proxy: true, remotes: ['10.0.0.1'] });
    const missed: unknown[] = [];
    w.vtep.on('miss', (what) => missed.push(what));
    w.out(ask);
    w.expectDropped('proxy-unanswered');
    w.vtep.deliverEvents();
    expect(missed).toEqual([{ ip: '10.1.0.2' }]);
  });

  it('consumes answers and announcements too', () => {
    const w = world({ proxy: true, remotes: ['10.0.0.1'] });
    w.out(arp(2, A, '10.1.0.1', B, '10.1.0.2', B));
    w.expectDropped('proxy-unanswered');
  });

  it('suppress: forwards what it does not know, and takes note of what comes by', () => {
    const w = world({ suppress: true, remotes: ['10.0.0.1'] });
    w.out(ask);
    expect(w.udp.sent).toHaveLength(1);
    w.back(datagram(42, arp(2, B, '10.1.0.2', A, '10.1.0.1', A)));
    w.out(ask);
    expect(w.udp.sent).toHaveLength(1);
    expect(toHex(w.tap.sent[1].bytes)).toBe(toHex(arp(2, B, '10.1.0.2', A, '10.1.0.1', A)));
  });

  it('suppress: what was set by hand is not overwritten by what comes by', () => {
    const w = world({ suppress: true, remotes: ['10.0.0.1'] });
    w.vtep.setNeighbor('10.1.0.2', '02:00:00:00:00:0f');
    w.back(datagram(42, arp(2, B, '10.1.0.2', A, '10.1.0.1', A)));
    w.out(ask);
    expect(toHex(w.tap.sent[1].bytes)).toContain('02000000000f0a010002');
  });

  it('without the words ARP is a frame like any other', () => {
    const w = world({ remotes: ['10.0.0.1'] });
    w.vtep.setNeighbor('10.1.0.2', '02:00:00:00:00:02');
    w.out(ask);
    expect(w.udp.sent).toHaveLength(1);
  });
});
