/** What peers need is programmed whatever fails on the way, and nothing else is. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Peer } from '../../../src/flannel/host/peer.ts';
import { type Entry, type Programmed, TABLES, tunnelEntries } from '../../../src/flannel/host/programmer.ts';
import { Reconciler } from '../../../src/flannel/host/reconcile.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeProgrammer, peerOf } from '../../support/fake-programmer.ts';

function scene() {
  const clock = new FakeClock();
  const programmer = new FakeProgrammer();
  const said: string[] = [];
  const reconciler = new Reconciler({
    programmer,
    clock,
    random: () => 0.5,
    say: (_, sentence) => void said.push(sentence),
  });
  const idle = () => reconciler.idle();
  return {
    clock,
    programmer,
    reconciler,
    said,
    async want(...peers: Peer[]) {
      reconciler.want(new Map(peers.map((peer) => [peer.subnet, peer])));
      await idle();
    },
    turn: (milliseconds: number) => clock.turn(milliseconds, idle),
    /** What was done since the last time. */
    done: () => programmer.done.splice(0),
  };
}

const entries = ({ neighbor, fdb, route }: Programmed) =>
  [...neighbor, ...fdb, ...route].map((each) => each.join(' ')).sort();
const needed = (peers: Iterable<Peer>) =>
  Array.from(peers, (peer) => tunnelEntries(peer, 'flannel.1'))
    .flat()
    .map(({ key, value }) => `${key} ${value}`)
    .sort();

const NEIGHBOR = 'neighbor 10.5.7.0 02:00:00:00:00:07';
const FDB = 'fdb 02:00:00:00:00:07 192.0.2.7';
const ROUTE = 'route 10.5.7.0/24 via 10.5.7.0 dev flannel.1 onlink';

describe('a peer', () => {
  it('comes as neighbour, forwarding entry and route, and goes the other way round', async () => {
    const s = scene();
    await s.want(peerOf(7));
    expect(s.done()).toEqual([NEIGHBOR, FDB, ROUTE]);
    await s.want();
    expect(s.done()).toEqual(['no route 10.5.7.0/24', 'no fdb 02:00:00:00:00:07', 'no neighbor 10.5.7.0']);
  });

  it('with another MAC keeps its way until the new one is there', async () => {
    const s = scene();
    await s.want(peerOf(7));
    s.done();
    await s.want(peerOf(7, { mac: '02:00:00:00:07:07' }));
    expect(s.done()).toEqual([
      'fdb 02:00:00:00:07:07 192.0.2.7',
      'neighbor 10.5.7.0 02:00:00:00:07:07',
      'no fdb 02:00:00:00:00:07',
    ]);
  });

  it('with another address has one entry that is another', async () => {
    const s = scene();
    await s.want(peerOf(7));
    s.done();
    await s.want(peerOf(7, { remote: '192.0.2.99' }));
    expect(s.done()).toEqual(['fdb 02:00:00:00:00:07 192.0.2.99']);
  });

  it('that lacks something gets that only', async () => {
    const s = scene();
    await s.want(peerOf(7));
    s.done();
    s.programmer.ours.route.clear();
    await s.turn(60_000);
    expect(s.done()).toEqual([ROUTE]);
  });

  it('has its words in any form', async () => {
    const s = scene();
    await s.want(peerOf(7));
    s.done();
    await s.want(peerOf(7, { mac: '2:0:0:0:0:7' }));
    expect(s.done()).toEqual([]);
  });

  it('on the same link has a route only, and changes over both ways without a gap', async () => {
    const s = scene();
    await s.want(peerOf(7));
    s.done();
    s.programmer.direct.add('10.5.7.0/24');
    s.programmer.refuses = (order) => (order === 'put' ? 'no' : undefined);
    await s.turn(60_000);
    expect(entries(s.programmer.ours)).toEqual(needed([peerOf(7)]));
    s.programmer.refuses = () => undefined;
    await s.turn(60_000);
    expect(s.done()).toEqual([
      'route 10.5.7.0/24 via 192.0.2.7 dev eth0',
      'no fdb 02:00:00:00:00:07',
      'no neighbor 10.5.7.0',
    ]);
    s.programmer.direct.clear();
    await s.turn(60_000);
    expect(s.done()).toEqual([NEIGHBOR, FDB, ROUTE]);
  });

  it('whose words are none is told, and the others are programmed', async () => {
    const s = scene();
    await s.want(peerOf(7, { remote: 'nonsense' }), peerOf(8));
    expect(s.reconciler.report()).toMatchObject({
      wanted: 2,
      programmed: 1,
      failing: [{ key: '10.5.7.0/24', sentence: expect.stringMatching(/^"nonsense" is no IP address/) }],
    });
    await s.turn(300_000);
    expect(s.said.length).toBe(1);
  });
});

describe('a step that fails', () => {
  it.each([
    ['neighbor', []],
    ['fdb', [NEIGHBOR, 'no neighbor 10.5.7.0']],
    ['route', [NEIGHBOR, FDB, 'no fdb 02:00:00:00:00:07', 'no neighbor 10.5.7.0']],
  ])('%s: what went before is undone, the other peers are not touched', async (table, done) => {
    const s = scene();
    await s.want(peerOf(6));
    s.done();
    s.programmer.refuses = (_, entry) =>
      entry.table === table && entry.value !== '' && /\.7\b|:07\b/.test(entry.key)
        ? 'no room (ENOSPC)'
        : undefined;
    await s.want(peerOf(6), peerOf(7), peerOf(8));
    const ofSeven = s.done().filter((line) => /\.7\b|:07\b/.test(line));
    expect(ofSeven).toEqual(done);
    expect(entries(s.programmer.ours)).toEqual(needed([peerOf(6), peerOf(8)]));
    expect(s.reconciler.report()).toMatchObject({
      wanted: 3,
      programmed: 2,
      failing: [{ key: '10.5.7.0/24', sentence: 'no room (ENOSPC)', tries: 1 }],
    });
    expect(s.said).toEqual(['no room (ENOSPC)']);
    s.programmer.refuses = () => undefined;
    await s.turn(1000);
    expect(entries(s.programmer.ours)).toEqual(needed([peerOf(6), peerOf(7), peerOf(8)]));
    expect(s.reconciler.report()).toMatchObject({ programmed: 3, failing: [] });
    expect(s.said.slice(1)).toEqual(['1 are programmed that could not be before']);
  });

  it('leaves a peer that was there with its old way', async () => {
    const s = scene();
    await s.want(peerOf(7));
    s.programmer.refuses = (order, { table }) => (order === 'put' && table === 'neighbor' ? 'no' : undefined);
    await s.want(peerOf(7, { mac: '02:00:00:00:07:07' }));
    expect(entries(s.programmer.ours)).toEqual(needed([peerOf(7)]));
  });

  it('is tried again later and later, and at once when the peer is another', async () => {
    const s = scene();
    let tries = 0;
    s.programmer.refuses = () => `no ${++tries}`;
    await s.want(peerOf(7));
    const at: number[] = [];
    for (let second = 1; second <= 400; second++) {
      const before = tries;
      await s.turn(1000);
      if (tries > before) at.push(second);
    }
    // three quarters of 1, 2, 4, ... seconds, of a minute at most
    expect(at.slice(0, 8)).toEqual([1, 3, 6, 12, 24, 48, 93, 138]);
    const before = tries;
    await s.want(peerOf(7), peerOf(8));
    expect(tries).toBe(before + 1);
    await s.want(peerOf(7, { remote: '192.0.2.99' }), peerOf(8));
    expect(tries).toBe(before + 2);
  });

  it('cannot keep a leftover for ever', async () => {
    const s = scene();
    await s.want(peerOf(7));
    s.programmer.refuses = (order, { table }) => (order === 'remove' && table === 'fdb' ? 'busy' : undefined);
    await s.want();
    expect(entries(s.programmer.ours)).toEqual([`02:00:00:00:00:07 192.0.2.7`]);
    expect(s.reconciler.report().failing).toEqual([
      { key: 'fdb 02:00:00:00:00:07', sentence: 'busy', tries: 1 },
    ]);
    s.programmer.refuses = () => undefined;
    await s.turn(1000);
    expect(entries(s.programmer.ours)).toEqual([]);
    expect(s.reconciler.report().failing).toEqual([]);
  });

  it('of a thousand is not told a thousand times', async () => {
    const s = scene();
    s.programmer.refuses = (_, { key }) => `no ${key}`;
    await s.want(...Array.from({ length: 1000 }, (_, n) => peerOf(n)));
    expect(s.said.length).toBe(4);
    expect(s.said[3]).toBe('and 997 more that could not be programmed: see the status');
  });
});

describe('runs', () => {
  it('begin with what an earlier process has left', async () => {
    const s = scene();
    for (const { table, key, value } of tunnelEntries(peerOf(9), 'flannel.1'))
      s.programmer.ours[table].set(key, value);
    s.programmer.ours.neighbor.set('10.5.7.0', '02:00:00:00:00:99');
    await s.want(peerOf(7));
    expect(entries(s.programmer.ours)).toEqual(needed([peerOf(7)]));
  });

  it('never overlap; what changes in one is seen by the next', async () => {
    const s = scene();
    let changes = 0;
    s.programmer.between = () => {
      if (changes < 50) s.reconciler.want(new Map([[`${changes}`, peerOf(changes++)]]));
    };
    await s.want(peerOf(200));
    expect(entries(s.programmer.ours)).toEqual(needed([peerOf(49)]));
  });

  it('are one where changes come at one moment', async () => {
    const s = scene();
    for (let n = 0; n < 20; n++) s.reconciler.want(new Map([['', peerOf(n)]]));
    await s.reconciler.idle();
    expect(s.programmer.reads).toBe(1);
    expect(entries(s.programmer.ours)).toEqual(needed([peerOf(19)]));
  });

  it('read all only when it may be another than they left it', async () => {
    const s = scene();
    for (let n = 0; n < 10; n++) {
      await s.want(peerOf(n));
      await s.turn(5000);
    }
    expect(s.programmer.reads).toBe(1);
    s.programmer.ours.route.clear();
    for (let n = 9; n < 12; n++) {
      await s.want(peerOf(9), peerOf(n));
      await s.turn(5000);
    }
    expect(s.programmer.reads).toBe(2);
    expect(entries(s.programmer.ours)).toEqual(needed([peerOf(9), peerOf(11)]));
    s.programmer.ours.fdb.clear();
    s.reconciler.soon();
    await s.reconciler.idle();
    expect(s.programmer.reads).toBe(3);
    expect(entries(s.programmer.ours)).toEqual(needed([peerOf(9), peerOf(11)]));
    s.programmer.refuses = () => 'no';
    await s.want(peerOf(12));
    s.programmer.refuses = () => undefined;
    await s.want(peerOf(13));
    expect(s.programmer.reads).toBe(4);
  });

  it('read again what was changed while they read', async () => {
    const s = scene();
    s.programmer.between = () => {
      s.programmer.between = () => {};
      s.reconciler.soon();
    };
    await s.want(peerOf(7));
    expect(s.programmer.reads).toBe(2);
  });

  it('come each minute, and no more after the end', async () => {
    const s = scene();
    await s.want(peerOf(7));
    await s.turn(300_000);
    expect(s.programmer.reads).toBe(6);
    await s.reconciler.stop();
    expect(s.clock.waiting).toBe(0);
    s.reconciler.want(new Map());
    await s.turn(300_000);
    expect(s.programmer.reads).toBe(6);
    expect(entries(s.programmer.ours)).toEqual(needed([peerOf(7)]));
  });

  it('wait while nothing can be programmed, however much changes, and say so once', async () => {
    const s = scene();
    s.programmer.away = 'no daemon listens';
    for (let n = 0; n < 100; n++) await s.want(peerOf(n));
    expect(s.reconciler.report()).toMatchObject({ away: 'no daemon listens', programmed: 0, runs: 1 });
    await s.turn(3_600_000);
    expect(s.reconciler.report().runs).toBeLessThan(100);
    s.programmer.away = undefined;
    await s.turn(60_000);
    expect(s.reconciler.report()).toMatchObject({ away: undefined, programmed: 1 });
    expect(s.said).toEqual(['no daemon listens', 'peers can be programmed again']);
  });

  it('that are cut short by the daemon are finished by the next', async () => {
    const s = scene();
    const peers = Array.from({ length: 600 }, (_, n) => peerOf(n));
    let steps = 0;
    s.programmer.between = () => {
      if (++steps === 700) s.programmer.away = 'gone';
    };
    await s.want(...peers);
    expect(s.reconciler.report().away).toBe('gone');
    expect(entries(s.programmer.ours).length).toBeLessThan(1800);
    s.programmer.away = undefined;
    await s.turn(1000);
    expect(entries(s.programmer.ours)).toEqual(needed(peers));
  });
});

describe('two peers with one MAC', () => {
  it('have it as the newer lease says, until that goes', async () => {
    const s = scene();
    const [old, moved] = [peerOf(7), peerOf(8, { mac: '02:00:00:00:00:07' })];
    await s.want(old, moved);
    expect(entries(s.programmer.ours)).toEqual(needed([moved]));
    expect(s.reconciler.report().failing).toEqual([
      {
        key: old.subnet,
        sentence:
          '10.5.7.0/24 at 192.0.2.7 has the MAC 02:00:00:00:00:07, which 10.5.8.0/24 at 192.0.2.8 has too, and that lease is newer',
        tries: 0,
      },
    ]);
    await s.want(old);
    expect(entries(s.programmer.ours)).toEqual(needed([old]));
  });
});

describe('whatever is wanted, and whatever fails', () => {
  const peer = fc
    .record({
      n: fc.integer({ min: 0, max: 9 }),
      mac: fc.integer({ min: 0, max: 11 }),
      remote: fc.integer({ min: 1, max: 5 }),
    })
    .map(({ n, mac, remote }) =>
      peerOf(n, { mac: `02:00:00:00:00:${mac.toString(16).padStart(2, '0')}`, remote: `192.0.2.${remote}` }),
    );
  const step = fc.record({
    peers: fc.uniqueArray(peer, { maxLength: 8, selector: ({ subnet }) => subnet }),
    refused: fc.array(fc.constantFrom(...TABLES), { maxLength: 2 }),
    oneIn: fc.integer({ min: 1, max: 4 }),
    cut: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
    lost: fc.array(fc.constantFrom(...TABLES), { maxLength: 2 }),
    pause: fc.constantFrom(0, 500, 5000, 100_000),
  });

  /** A route of ours never leads to where nothing is known, but for what a test has taken away itself. */
  function watch(programmer: FakeProgrammer): string[] {
    const wrong: string[] = [];
    const put = programmer.put.bind(programmer);
    programmer.put = async (entry: Entry, before) => {
      const { neighbor, fdb } = programmer.ours;
      if (entry.table === 'route' && !fdb.has(neighbor.get(entry.key.split('/')[0]) ?? ''))
        wrong.push(entry.key);
      await put(entry, before);
    };
    return wrong;
  }

  it('the end is what is wanted', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
        const s = scene();
        const wrong = watch(s.programmer);
        let count = 0;
        for (const { peers, refused, oneIn, cut, lost, pause } of steps) {
          let left = cut ?? Number.POSITIVE_INFINITY;
          s.programmer.refuses = (_, { table }) =>
            refused.includes(table) && ++count % oneIn === 0 ? 'no' : undefined;
          s.programmer.between = () => {
            s.programmer.away = --left < 0 ? 'gone' : undefined;
          };
          await s.want(...peers);
          await s.turn(pause);
          for (const table of lost) {
            const [first] = s.programmer.ours[table].keys();
            s.programmer.ours[table].delete(first as string);
          }
          if (lost.length > 0) s.reconciler.soon();
          expect(wrong).toEqual([]);
        }
        s.programmer.refuses = () => undefined;
        s.programmer.between = () => {
          s.programmer.away = undefined;
        };
        await s.turn(60_000);
        const last = steps.at(-1)?.peers ?? [];
        const owners = new Map(last.map((each) => [each.mac, each]));
        expect(entries(s.programmer.ours)).toEqual(needed(owners.values()));
        expect(s.reconciler.report()).toMatchObject({ programmed: owners.size, away: undefined });
      }),
      { numRuns: 500 },
    );
  });
});

describe('ten thousand peers', () => {
  it('cost no more each than a thousand do, and nothing when they are there', async () => {
    const took = async (count: number) => {
      const s = scene();
      const peers = Array.from({ length: count }, (_, n) => peerOf(n));
      const began = performance.now();
      await s.want(...peers);
      const first = performance.now() - began;
      expect(s.done().length).toBe(3 * count);
      await s.want(...peers.slice(1));
      expect(s.done().length).toBe(3);
      return first / count;
    };
    await took(1000); // warm
    const [few, many] = [await took(1000), await took(10_000)];
    expect(many).toBeLessThan(5 * few + 0.05);
  });
});
