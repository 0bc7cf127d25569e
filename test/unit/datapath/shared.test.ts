/** What a frame meets where tables are shared: links beside its own, and other threads that are writing. */
import { describe, expect, it } from 'vitest';
import { makeDecap } from '../../../src/datapath/decap.ts';
import { makeEncap } from '../../../src/datapath/encap.ts';
import { Batch } from '../../../src/memory/batch.ts';
import { FramePool } from '../../../src/memory/frame-pool.ts';
import type { COUNTER } from '../../../src/tables/counters.ts';
import { EVENT } from '../../../src/tables/events.ts';
import { FDB_FLAG } from '../../../src/tables/fdb.ts';
import { endpoint, LINK_FLAG } from '../../../src/tables/links.ts';
import { OpenTable } from '../../../src/tables/open-table.ts';
import { Tables } from '../../../src/tables/tables.ts';
import { BROADCAST, datagram, frame, ScriptedPort } from '../../support/frames.ts';
import { A, B, OTHER, REMOTE } from '../../support/world.ts';

const V4 = endpoint(false, 4789);
const [HIGH, A_LOW, B_LOW] = [0x0200, 1, 2];

/** Links 1 and 2, VNI 41 and 42, both at 4789. */
function twoLinks() {
  const tables = new Tables(Tables.allocate({ links: 2, fdb: 64, remotes: 16, neighbors: 16, workers: 1 }));
  for (const link of [1, 2]) {
    const vni = 40 + link;
    tables.links.set(link, { vni, flags: LINK_FLAG.learning, port: 4789, ageing: 300, maxAddresses: 0 });
    tables.links.open(link, V4, vni);
  }
  const pool = new FramePool(32);
  const [tap, udp] = [new ScriptedPort(), new ScriptedPort()];
  const path = {
    tables,
    taps: [tap, tap, tap],
    udp,
    outbound: new Batch(pool, 64),
    inbound: new Batch(pool, 64),
  };
  const [fromTap, fromUdp] = [Batch.receiving(pool, 0, 16), Batch.receiving(pool, 16, 16)];
  const [encap, decap] = [makeEncap(path, fromTap), makeDecap(path, fromUdp)];
  return {
    tables,
    back(bytes: Uint8Array, from: typeof REMOTE | typeof OTHER = REMOTE) {
      udp.incoming.push({ bytes, from });
      udp.receive(fromUdp);
      path.inbound.count = 0;
      decap(V4, 0);
      return Array.from(path.inbound.target.subarray(0, path.inbound.count));
    },
    out(bytes: Uint8Array, link: number) {
      tap.incoming.push({ bytes });
      tap.receive(fromTap);
      path.outbound.count = 0;
      encap(link, 0);
      return Array.from(path.outbound.target.subarray(0, path.outbound.count));
    },
    count: (link: number, name: keyof typeof COUNTER) => tables.counters.read(link)[name],
  };
}

describe('two links', () => {
  it('get what is of their VNI, in one batch too, and learn it each for itself', () => {
    const { back, tables } = twoLinks();
    expect([back(datagram(41, frame(B, A))), back(datagram(42, frame(B, A)), OTHER)]).toEqual([[1], [2]]);
    const [one, two] = [1, 2].map((link) => tables.fdb.remote(tables.fdb.find(link, HIGH, A_LOW)));
    expect([tables.remotes.link(one), tables.remotes.vni(one), tables.remotes.address(one, 3)]).toEqual([
      1, 41, 0x0a000001,
    ]);
    expect([tables.remotes.link(two), tables.remotes.vni(two), tables.remotes.address(two, 3)]).toEqual([
      2, 42, 0x0a000002,
    ]);
  });

  it('do not send by what the other knows', () => {
    const { back, out, count } = twoLinks();
    back(datagram(41, frame(BROADCAST, A)));
    expect(out(frame(A, B), 1)).toHaveLength(1);
    expect(out(frame(A, B), 2)).toEqual([]);
    expect([count(1, 'no-destination'), count(2, 'no-destination')]).toEqual([0, 1]);
  });

  it('are not found by the family or port of another endpoint', () => {
    const { tables } = twoLinks();
    expect(tables.links.find(endpoint(true, 4789), 41)).toBe(0);
    expect(tables.links.find(endpoint(false, 8472), 41)).toBe(0);
  });
});

describe('while another thread writes', () => {
  it('a new address is left to the next frame, which is delivered all the same', () => {
    const { back, tables, count } = twoLinks();
    tables.fdb.table.lock();
    expect(back(datagram(41, frame(B, A)))).toEqual([1]);
    tables.fdb.table.unlock();
    expect(count(1, 'learn-busy')).toBe(1);
    expect([tables.fdb.table.count, tables.links.addresses(1)]).toEqual([0, 0]);
    expect([...tables.remotes.all()].some((remote) => tables.remotes.isHeld(remote))).toBe(false);
    back(datagram(41, frame(B, A)));
    expect([tables.fdb.table.count, tables.links.addresses(1)]).toEqual([1, 1]);
  });

  it('a move is left to the next frame', () => {
    const { back, tables, count } = twoLinks();
    back(datagram(41, frame(B, A)));
    tables.fdb.table.lock();
    expect(back(datagram(41, frame(B, A)), OTHER)).toEqual([1]);
    tables.fdb.table.unlock();
    const whereTo = () => tables.remotes.address(tables.fdb.remote(tables.fdb.find(1, HIGH, A_LOW)), 3);
    expect([whereTo(), count(1, 'learn-busy')]).toEqual([0x0a000001, 1]);
    back(datagram(41, frame(B, A)), OTHER);
    expect(whereTo()).toBe(0x0a000002);
  });

  it('a remote that nobody knew is left to the next frame, not taken for one too many', () => {
    const { back, tables, count } = twoLinks();
    const index = new OpenTable(tables.memory.remotes.index, 7, 6);
    index.lock();
    expect(back(datagram(41, frame(B, A)))).toEqual([1]);
    index.unlock();
    expect([count(1, 'learn-busy'), count(1, 'learn-table-full')]).toEqual([1, 0]);
  });

  it('look-ups go on', () => {
    const { out, tables } = twoLinks();
    const remote = tables.remotes.acquire(1, ...REMOTE, 4789, 41);
    tables.fdb.table.lock();
    tables.fdb.insert(1, HIGH, B_LOW, remote, FDB_FLAG.permanent, 0);
    expect(out(frame(B, A), 1)).toEqual([remote]);
    tables.fdb.table.unlock();
  });
});

describe('what another thread did just before we had the lock', () => {
  const whereTo = (tables: Tables) =>
    tables.remotes.address(tables.fdb.remote(tables.fdb.find(1, HIGH, A_LOW)), 3);
  const told = (tables: Tables) => {
    const kinds: number[] = [];
    tables.events.drain((words, at) => kinds.push(words[at]));
    return kinds;
  };
  function justBefore(tables: Tables, what: () => void): void {
    const { table } = tables.fdb;
    const tryLock = table.tryLock.bind(table);
    table.tryLock = () => {
      table.tryLock = tryLock;
      what();
      return tryLock();
    };
  }

  it('made the address static: it does not move, and nobody holds where it would have gone', () => {
    const { back, tables } = twoLinks();
    back(datagram(41, frame(B, A)));
    const { fdb, remotes } = tables;
    justBefore(tables, () => {
      const entry = fdb.find(1, HIGH, A_LOW);
      const remote = fdb.remote(entry);
      fdb.remove(entry);
      fdb.insert(1, HIGH, A_LOW, remote, FDB_FLAG.static, 0);
    });
    expect(back(datagram(41, frame(B, A)), OTHER)).toEqual([1]);
    expect(whereTo(tables)).toBe(0x0a000001);
    expect([...remotes.all()].filter((remote) => remotes.isHeld(remote))).toHaveLength(1);
    expect(told(tables)).toEqual([EVENT.learn]);
  });

  it('learned it: it is not there twice, nor counted twice', () => {
    const { back, tables } = twoLinks();
    const { fdb, remotes } = tables;
    justBefore(tables, () => {
      fdb.insert(1, HIGH, A_LOW, remotes.acquire(1, ...OTHER, 4789, 41), FDB_FLAG.learned, 0);
    });
    expect(back(datagram(41, frame(B, A)))).toEqual([1]);
    expect([fdb.table.count, tables.links.addresses(1), whereTo(tables)]).toEqual([1, 0, 0x0a000002]);
    expect(told(tables)).toEqual([]);
  });

  it('moved it there: that is told once, by whom it was', () => {
    const { back, tables } = twoLinks();
    back(datagram(41, frame(B, A)));
    const { fdb, remotes } = tables;
    justBefore(tables, () => {
      const entry = fdb.find(1, HIGH, A_LOW);
      remotes.release(fdb.remote(entry));
      fdb.moveTo(entry, remotes.acquire(1, ...OTHER, 4789, 41), 0);
    });
    back(datagram(41, frame(B, A)), OTHER);
    expect([whereTo(tables), told(tables)]).toEqual([0x0a000002, [EVENT.learn]]);
    expect([...remotes.all()].filter((remote) => remotes.isHeld(remote))).toHaveLength(1);
  });
});
