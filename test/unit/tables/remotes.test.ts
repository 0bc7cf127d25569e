/** Remotes are found by what they are, stay while anybody holds them, and give their place to others after. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { REMOTE_TX_FRAMES, Remotes } from '../../../src/tables/remotes.ts';

const IP = [0, 0, 0xffff] as const;
const acquire = (remotes: Remotes, last: number, link = 1, port = 4789, vni = 42) =>
  remotes.acquire(link, ...IP, last, port, vni);

describe('remotes', () => {
  it('have one index for one remote, and another where link, address, port or VNI differ', () => {
    const remotes = new Remotes(Remotes.allocate(16));
    const first = acquire(remotes, 1);
    expect(acquire(remotes, 1)).toBe(first);
    const others = [
      acquire(remotes, 2),
      acquire(remotes, 1, 2),
      acquire(remotes, 1, 1, 4790),
      acquire(remotes, 1, 1, 4789, 43),
    ];
    expect(new Set([first, ...others]).size).toBe(5);
    expect([
      remotes.address(others[0], 3),
      remotes.link(others[1]),
      remotes.port(others[2]),
      remotes.vni(others[3]),
    ]).toEqual([2, 2, 4790, 43]);
  });

  it('stay while they are held', () => {
    const remotes = new Remotes(Remotes.allocate(16));
    const remote = acquire(remotes, 1);
    acquire(remotes, 1);
    expect(remotes.forget(remote)).toBe(false);
    remotes.release(remote);
    expect(remotes.forget(remote)).toBe(false);
    remotes.release(remote);
    expect(remotes.forget(remote)).toBe(true);
    expect(remotes.find(1, ...IP, 1, 4789, 42)).toBe(-1);
  });

  it('are refused when all places are taken, and taken in again when one is free', () => {
    const remotes = new Remotes(Remotes.allocate(3));
    const held = [1, 2, 3].map((last) => acquire(remotes, last));
    expect(acquire(remotes, 4)).toBe(-1);
    remotes.release(held[1]);
    remotes.forget(held[1]);
    expect(acquire(remotes, 4)).toBe(-1);
    remotes.reuse(held[1]);
    expect(acquire(remotes, 4)).toBe(held[1]);
    expect(remotes.address(held[1], 3)).toBe(4);
    expect([...remotes.all()].sort()).toEqual([0, 1, 2]);
  });

  it('are not held again by who found them just before they were forgotten', () => {
    const remotes = new Remotes(Remotes.allocate(4));
    const remote = acquire(remotes, 1);
    remotes.release(remote);
    remotes.forget(remote);
    const find = remotes.find.bind(remotes);
    remotes.find = () => {
      remotes.find = find;
      return remote;
    };
    const made = acquire(remotes, 1);
    expect(made).not.toBe(remote);
    expect([remotes.isHeld(made), remotes.isHeld(remote)]).toEqual([true, false]);
  });

  it('a thousand come and go through few places', () => {
    const remotes = new Remotes(Remotes.allocate(8));
    for (let i = 1; i <= 1000; i++) {
      const remote = acquire(remotes, i);
      expect(remotes.address(remote, 3)).toBe(i);
      remotes.release(remote);
      expect(remotes.forget(remote)).toBe(true);
      expect(remotes.address(remote, 3)).toBe(i); // a worker may still be sending there
      remotes.reuse(remote);
    }
    expect([...remotes.all()]).toEqual([]);
  });

  it('are new to who comes after: nothing that was counted for the one before', () => {
    const memory = Remotes.allocate(2, 2);
    const remotes = new Remotes(memory);
    const remote = acquire(remotes, 1);
    remotes.count(remote, REMOTE_TX_FRAMES, 5);
    new Remotes(memory, 1).count(remote, REMOTE_TX_FRAMES, 3);
    expect(remotes.counter(remote, REMOTE_TX_FRAMES)).toBe(8);
    remotes.release(remote);
    remotes.forget(remote);
    remotes.reuse(remote);
    expect(acquire(remotes, 2)).toBe(remote);
    expect(remotes.counter(remote, REMOTE_TX_FRAMES)).toBe(0);
  });

  it('held and released in any order: an index is given away when the last has released it, never before', () => {
    const step = fc.tuple(fc.constantFrom('acquire', 'release', 'forget'), fc.integer({ min: 1, max: 5 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const remotes = new Remotes(Remotes.allocate(4));
        const held = new Map<number, number>();
        for (const [what, last] of steps) {
          const count = held.get(last);
          const remote = remotes.find(1, ...IP, last, 4789, 42);
          expect(remote >= 0).toBe(count !== undefined);
          if (what === 'acquire') {
            const got = acquire(remotes, last);
            expect(got >= 0).toBe(count !== undefined || held.size < 4);
            if (got >= 0) held.set(last, (count ?? 0) + 1);
            if (count !== undefined) expect(got).toBe(remote);
          } else if (count === undefined) continue;
          else if (what === 'release' && count > 0) {
            remotes.release(remote);
            held.set(last, count - 1);
          } else if (what === 'forget') {
            expect(remotes.forget(remote)).toBe(count === 0);
            if (count !== 0) continue;
            held.delete(last);
            remotes.reuse(remote);
          }
        }
        expect([...remotes.all()]).toHaveLength(held.size);
        for (const [last, count] of held) {
          const remote = remotes.find(1, ...IP, last, 4789, 42);
          expect([remotes.address(remote, 3), remotes.isHeld(remote)]).toEqual([last, count > 0]);
        }
      }),
    );
  });
});
