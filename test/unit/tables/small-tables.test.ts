/** Flood lists, neighbours, events, own addresses, links: what each promises to the data path. */
import { describe, expect, it } from 'vitest';
import { EVENT, Events } from '../../../src/tables/events.ts';
import { FloodLists } from '../../../src/tables/flood-list.ts';
import { endpoint, Links } from '../../../src/tables/links.ts';
import { NEIGHBOR_UNRESOLVED, Neighbors } from '../../../src/tables/neighbors.ts';
import { OpenTable } from '../../../src/tables/open-table.ts';
import { OwnAddresses } from '../../../src/tables/own-addresses.ts';

describe('flood lists', () => {
  it('are whole before and after a change, as a reader in the middle of one sees them', () => {
    const memory = FloodLists.allocate(2, 64);
    const [writer, reader] = [new FloodLists(memory), new FloodLists(memory)];
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
    const lists = new FloodLists(FloodLists.allocate(1, 40));
    for (let i = 0; i < 1000; i++) lists.set(1, [i, i + 1, i + 2]);
    expect(lists.list(1)).toEqual([999, 1000, 1001]);
  });

  it('say when there is no more room', () => {
    const lists = new FloodLists(FloodLists.allocate(1, 8));
    expect(() =>
      lists.set(
        1,
        Array.from({ length: 20 }, (_, i) => i),
      ),
    ).toThrow('no room for 20 more default destinations');
  });
});

describe('neighbours', () => {
  const ip = Int32Array.of(0, 0, 0xffff, 0x0a000001);
  const make = () => new Neighbors(Neighbors.allocate(4));

  it('snooped ones age, set ones do not', () => {
    const table = make();
    table.snoopIpv4(1, 0x0a000001, 0x0200, 1, 10);
    table.set(1, Int32Array.of(0, 0, 0xffff, 0x0a000002), 0x0200, 2, 0, 10);
    table.expire(11);
    expect(table.findIpv4(1, 0x0a000001)).toBe(-1);
    expect(table.findIpv4(1, 0x0a000002)).toBeGreaterThanOrEqual(0);
  });

  it('an unresolved one hides no snooped one, and a snooped one takes the place of an unresolved', () => {
    const table = make();
    table.snoopIpv4(1, 0x0a000001, 0x0200, 1, 10);
    table.set(1, ip, 0, 0, NEIGHBOR_UNRESOLVED, 0);
    expect(table.macLow(table.findIpv4(1, 0x0a000001))).toBe(1);
    table.remove(1, ip);
    table.set(1, ip, 0, 0, NEIGHBOR_UNRESOLVED, 0);
    table.snoopIpv4(1, 0x0a000001, 0x0200, 7, 10);
    expect(table.macLow(table.findIpv4(1, 0x0a000001))).toBe(7);
  });

  it('belong to their link', () => {
    const table = make();
    table.set(1, ip, 0x0200, 1, 0, 0);
    expect(table.findIpv4(2, 0x0a000001)).toBe(-1);
  });

  it('no more come in than there is room for', () => {
    const table = make();
    for (let i = 0; i < 100; i++) table.snoopIpv4(1, i, 0x0200, i, 0);
    expect(table.count).toBe(4);
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
});
