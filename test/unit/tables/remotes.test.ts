/** Remotes are found by what they are, stay while anybody holds them, and give their place to others after. */
import { describe, expect, it } from 'vitest';
import { Remotes } from '../../../src/tables/remotes.ts';

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
    expect(acquire(remotes, 4)).toBe(held[1]);
    expect(remotes.address(held[1], 3)).toBe(4);
    expect([...remotes.all()].sort()).toEqual([0, 1, 2]);
  });

  it('a thousand come and go through few places', () => {
    const remotes = new Remotes(Remotes.allocate(8));
    for (let i = 1; i <= 1000; i++) {
      const remote = acquire(remotes, i);
      expect(remotes.address(remote, 3)).toBe(i);
      remotes.release(remote);
      expect(remotes.forget(remote)).toBe(true);
    }
    expect([...remotes.all()]).toEqual([]);
  });
});
