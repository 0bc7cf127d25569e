/** Flood lists, events, own addresses, links, counters: what each promises to the data path. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COUNTER, Counters, DROP_REASONS, NOTES } from '../../../src/tables/counters.ts';
import { EVENT, Events } from '../../../src/tables/events.ts';
import { FloodLists } from '../../../src/tables/flood-list.ts';
import { endpoint, Links } from '../../../src/tables/links.ts';
import { OpenTable } from '../../../src/tables/open-table.ts';
import { OwnAddresses } from '../../../src/tables/own-addresses.ts';
import { Rounds } from '../../../src/tables/rounds.ts';

describe('flood lists', () => {
  it('are whole before and after a change, as a reader in the middle of one sees them', () => {
    const memory = FloodLists.allocate(2, 64);
    const rounds = new Rounds(Rounds.allocate(1));
    const [writer, reader] = [new FloodLists(memory, rounds), new FloodLists(memory, rounds)];
    writer.set(1, [1, 2, 3]);
    const head = reader.head(1);
    writer.set(1, [4, 5]);
    expect(Array.from(reader.arena.subarray(head, head + 4))).toEqual([3, 1, 2, 3]);
    expect(reader.list(1)).toEqual([4, 5]);
    expect(reader.list(2)).toEqual([]);
    writer.set(1, []);
    expect(reader.list(1)).toEqual([]);
  });

  it('use their room again', () => {
    const lists = new FloodLists(FloodLists.allocate(1, 40), new Rounds(Rounds.allocate(1)));
    for (let i = 0; i < 1000; i++) lists.set(1, [i, i + 1, i + 2]);
    expect(lists.list(1)).toEqual([999, 1000, 1001]);
  });

  it('keep the room of a list that a worker may be reading', () => {
    const memory = Rounds.allocate(2);
    const [control, worker] = [new Rounds(memory), new Rounds(memory, 1)];
    const lists = new FloodLists(FloodLists.allocate(1, 40), control);
    lists.set(1, [1, 2, 3]);
    worker.begin();
    const head = lists.head(1);
    const old = () => Array.from(lists.arena.subarray(head, head + 4));
    for (let i = 0; i < 5; i++) lists.set(1, [7 + i, 8, 9]);
    expect(old()).toEqual([3, 1, 2, 3]);
    worker.end();
    for (let i = 0; i < 5; i++) lists.set(1, [7 + i, 8, 9]);
    expect(old()).not.toEqual([3, 1, 2, 3]);
  });

  it('grow by one each time, without leaving their old places behind', () => {
    const lists = new FloodLists(FloodLists.allocate(1, 1200), new Rounds(Rounds.allocate(1)));
    const list: number[] = [];
    for (let i = 0; i < 300; i++) {
      list.push(i);
      expect(lists.append(1, i)).toBe(true);
      expect(lists.list(1)).toEqual(list);
    }
  });

  it('say when there is no more room, and keep what they had', () => {
    const lists = new FloodLists(FloodLists.allocate(1, 8), new Rounds(Rounds.allocate(1)));
    expect(lists.set(1, [1, 2, 3])).toBe(true);
    expect(lists.set(1, [1, 2, 3, 4])).toBe(false);
    expect(lists.append(1, 4)).toBe(false);
    expect(lists.list(1)).toEqual([1, 2, 3]);
  });

  it('lose a remote whether or not there is room for a change', () => {
    fc.assert(
      fc.property(fc.constantFrom(16, 64), fc.nat(6), (words, at) => {
        const lists = new FloodLists(FloodLists.allocate(1, words), new Rounds(Rounds.allocate(1)));
        const remotes = [10, 11, 12, 13, 14, 15, 16];
        expect(lists.set(1, remotes)).toBe(true);
        lists.remove(1, remotes[at]);
        expect(lists.list(1).sort()).toEqual(remotes.toSpliced(at, 1));
      }),
    );
  });

  it('of groups have numbers behind those of links, and are given again when no worker can hold them', () => {
    const memory = Rounds.allocate(2);
    const [control, worker] = [new Rounds(memory), new Rounds(memory, 1)];
    const lists = new FloodLists(FloodLists.allocate(3, 64, 2), control);
    expect([lists.open(), lists.open(), lists.open()]).toEqual([4, 5, -1]);
    lists.append(4, 7);
    worker.begin();
    lists.close(4);
    lists.close(1); // of a link: it stays the link's
    expect([lists.list(4), lists.open()]).toEqual([[], -1]);
    worker.end();
    expect([lists.open(), lists.open()]).toEqual([4, -1]);
  });
});

describe('events', () => {
  it('come out in order; those too many are counted, not waited for', () => {
    const events = new Events(Events.allocate(4));
    for (let i = 0; i < 6; i++) events.push(EVENT.learn, 1, 2, 3, i);
    const seen: number[] = [];
    events.drain((words, at) => seen.push(words[at + 4]));
    expect(seen).toEqual([0, 1, 2, 3]);
    expect(events.lost).toBe(2);
  });

  it('come out in order also after two thousand million', () => {
    const events = new Events(Events.allocate(4));
    events.words[0] = events.words[1] = 2 ** 31 - 2; // HEAD and TAIL
    const seen: number[] = [];
    for (let i = 0; i < 6; i++) {
      events.push(EVENT.learn, 1, 2, 3, i);
      if (i % 2 === 1) events.drain((words, at) => seen.push(words[at + 4]));
    }
    expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
    for (let i = 0; i < 5; i++) events.push(EVENT.learn, 1, 2, 3, i);
    expect(events.lost).toBe(1);
  });

  it('that are not whole yet wait, and so do those behind them', () => {
    const events = new Events(Events.allocate(4));
    events.push(EVENT.learn, 1, 2, 3, 0);
    events.push(EVENT.learn, 1, 2, 3, 1);
    const kind = 8; // of the first record, behind the header
    events.words[kind] = 0;
    const seen: number[] = [];
    events.drain((words, at) => seen.push(words[at + 4]));
    expect(seen).toEqual([]);
    events.words[kind] = EVENT.learn;
    events.drain((words, at) => seen.push(words[at + 4]));
    expect(seen).toEqual([0, 1]);
  });

  it('ring once for a reader that waits', () => {
    const events = new Events(Events.allocate(4));
    let rings = 0;
    events.ring = () => {
      rings++;
    };
    events.push(EVENT.learn, 1, 2, 3, 0);
    expect(rings).toBe(0);
    events.drain(() => {});
    events.push(EVENT.learn, 1, 2, 3, 1);
    events.push(EVENT.learn, 1, 2, 3, 2);
    expect(rings).toBe(1);
  });
});

describe('events through a ring that is small', () => {
  it('come out whole and in order, however often it is filled and drained', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(6), fc.boolean()), { maxLength: 60 }), (rounds) => {
        const events = new Events(Events.allocate(4));
        const seen: number[] = [];
        let [pushed, waiting, lost] = [0, 0, 0];
        const expected: number[] = [];
        for (const [count, drains] of rounds) {
          for (let i = 0; i < count; i++, pushed++) {
            events.push(EVENT.l3miss, 1, 2, 3, pushed, 5, 6, 7);
            if (waiting === 4) lost++;
            else expected.push(pushed);
            waiting = Math.min(waiting + 1, 4);
          }
          if (!drains) continue;
          waiting = 0;
          events.drain((words, at) => {
            seen.push(words[at + 4]);
            expect(Array.from(words.subarray(at, at + 8))).toEqual([
              EVENT.l3miss,
              1,
              2,
              3,
              words[at + 4],
              5,
              6,
              7,
            ]);
          });
        }
        events.drain((words, at) => seen.push(words[at + 4]));
        expect(seen).toEqual(expected);
        expect(events.lost).toBe(lost);
      }),
    );
  });
});

describe('rounds', () => {
  it('have passed when each worker has held nothing since', () => {
    const memory = Rounds.allocate(3);
    const [control, ...workers] = [new Rounds(memory), new Rounds(memory, 1), new Rounds(memory, 2)];
    expect(control.havePassed(control.now())).toBe(true);
    workers[0].begin();
    workers[0].begin(); // still the same
    workers[1].begin();
    const before = control.now();
    expect(control.havePassed(before)).toBe(false);
    workers[1].end();
    workers[1].begin();
    expect(control.havePassed(before)).toBe(false);
    workers[0].end();
    expect(control.havePassed(before)).toBe(true);
    expect(control.havePassed(control.now())).toBe(false);
    workers[1].end();
    workers[1].end();
    expect(control.havePassed(control.now())).toBe(true);
  });
});

describe('own addresses', () => {
  it('are ours only together with one of our ports', () => {
    const own = new OwnAddresses(OpenTable.allocate(8, 5), new Uint8Array(65_536));
    const address = Int32Array.of(0, 0, 0xffff, 5);
    own.addAddress(address);
    own.addPort(50_000);
    expect(own.isOwn(0, 0, 0xffff, 5, 50_000)).toBe(true);
    expect(own.isOwn(0, 0, 0xffff, 5, 50_001)).toBe(false);
    expect(own.isOwn(0, 0, 0xffff, 6, 50_000)).toBe(false);
    own.removeAddress(address);
    expect(own.isOwn(0, 0, 0xffff, 5, 50_000)).toBe(false);
  });
});

describe('links', () => {
  it('are found by family, port and VNI; the same twice is refused', () => {
    const links = new Links(Links.allocate(4));
    expect(links.open(1, endpoint(false, 4789), 42)).toBe(true);
    expect(links.open(2, endpoint(true, 4789), 42)).toBe(true);
    expect(links.open(3, endpoint(false, 4789), 42)).toBe(false);
    expect(links.find(endpoint(false, 4789), 42)).toBe(1);
    expect(links.find(endpoint(true, 4789), 42)).toBe(2);
    expect(links.find(endpoint(false, 8472), 42)).toBe(0);
    expect(links.find(endpoint(false, 4789), 0)).toBe(0);
  });

  it('give out as many addresses as maxaddress says, and take them back', () => {
    const links = new Links(Links.allocate(2));
    const values = { vni: 42, flags: 0, port: 4789, ageing: 0 };
    links.set(1, { ...values, maxAddresses: 3 });
    links.set(2, { ...values, maxAddresses: 0 });
    expect([1, 2, 3, 4, 5].map(() => links.takeAddress(1))).toEqual([true, true, true, false, false]);
    links.returnAddress(1);
    expect([links.takeAddress(1), links.takeAddress(1), links.addresses(1)]).toEqual([true, false, 3]);
    for (let i = 0; i < 1000; i++) expect(links.takeAddress(2)).toBe(true);
  });

  it('let others follow their MTU', () => {
    const links = new Links(Links.allocate(2));
    const word = links.mtuWord(2);
    links.setMtu(2, 1450);
    expect([word[0], links.mtu(1)]).toEqual([1450, 0]);
  });
});

describe('counters', () => {
  it('have a row a link, and one for what belongs to none', () => {
    const counters = new Counters(Counters.allocate(2));
    counters.add(0, COUNTER['unknown-vni'], 1);
    counters.add(2, COUNTER.rxBytes, 1500);
    counters.add(2, COUNTER.rxBytes, 60);
    expect(counters.read(0)).toMatchObject({ 'unknown-vni': 1, rxBytes: 0 });
    expect(counters.read(1)).toMatchObject({ 'unknown-vni': 0, rxBytes: 0 });
    expect(counters.read(2)).toMatchObject({ 'unknown-vni': 0, rxBytes: 1560 });
  });

  it('of several workers add up, and each can be read alone', () => {
    const memory = Counters.allocate(1, 3);
    const workers = [0, 1, 2].map((worker) => new Counters(memory, worker));
    for (const [worker, counters] of workers.entries()) counters.add(1, COUNTER.rxFrames, 10 ** worker);
    expect(workers[1].read(1).rxFrames).toBe(111);
    expect([0, 1, 2].map((worker) => workers[0].read(1, worker).rxFrames)).toEqual([1, 10, 100]);
  });

  it('stand in places of their own, each reason with a sentence of its own', () => {
    const places = Object.values(COUNTER);
    expect(new Set(places).size).toBe(places.length);
    const sentences = Object.values({ ...DROP_REASONS, ...NOTES });
    expect(new Set(sentences).size).toBe(sentences.length);
    for (const sentence of sentences) expect(sentence).toMatch(/^\S+ .*[^.]$/);
  });
});
