/** What follows a registry: nothing is missed, and one that is away is not besieged. */
import { describe, expect, it } from 'vitest';
import { Follower } from '../../../src/flannel/registry/follower.ts';
import { MemoryStore } from '../../../src/flannel/registry/memory-registry.ts';
import type { Change, Snapshot, WatchListener } from '../../../src/flannel/registry/registry.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const isChanges = (heard: Snapshot | readonly Change[]): heard is readonly Change[] => Array.isArray(heard);

const settle = async () => {
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
};

function scene(random = () => 1) {
  const clock = new FakeClock();
  const store = new MemoryStore(clock);
  const registry = store.registry();
  const heard: (Snapshot | readonly Change[])[] = [];
  const said: string[] = [];
  const follower = new Follower({
    registry,
    clock,
    random,
    say: (level, sentence) => said.push(`${level}: ${sentence}`),
    following: { snapshot: (all) => heard.push(all), changes: (some) => heard.push(some) },
  });
  let reads = 0;
  const read = registry.read.bind(registry);
  registry.read = () => {
    reads++;
    return read();
  };
  const keys = () => {
    const known = new Set<string>();
    for (const each of heard) {
      if (!isChanges(each)) {
        known.clear();
        for (const { key } of each.entries) known.add(key);
      } else
        for (const change of each) {
          if (change.what === 'put') known.add(change.entry.key);
          else if (change.what === 'gone') known.delete(change.key);
        }
    }
    return [...known];
  };
  return { clock, store, registry, follower, heard, said, keys, reads: () => reads };
}

describe('following a registry', () => {
  it('is all of it, and then what changes', async () => {
    const { store, follower, heard, keys } = scene();
    store.put('a', '1', 60, 0);
    follower.start();
    await settle();
    store.put('b', '2', 60, 0);
    await settle();
    expect(keys()).toEqual(['a', 'b']);
    expect(heard).toHaveLength(2);
    follower.stop();
    store.put('c', '3', 60, 0);
    await settle();
    expect(keys()).toEqual(['a', 'b']);
  });

  it('misses nothing when the watch ends, and looks at once', async () => {
    const { clock, store, follower, keys, said } = scene();
    follower.start();
    await settle();
    store.put('a', '1', 60, 0);
    store.wipe();
    store.put('b', '2', 60, 0);
    await settle();
    await clock.turn(0, settle);
    expect(keys()).toEqual(['b']);
    expect(said).toEqual([]);
  });

  it('says once that it is away and once that it is back, and asks later and later', async () => {
    const { clock, store, registry, follower, keys, said, reads } = scene();
    registry.goAway('connection refused');
    follower.start();
    await settle();
    await clock.turn(3600_000, settle);
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(
      /^warn: .*connection refused; it is waited for, and all that is known stays as it is$/,
    );
    expect(follower.away).toContain('connection refused');
    expect(follower.lastContact).toBeUndefined();
    // half a second, one, two, ... thirty seconds
    expect(reads()).toBeLessThan(3600 / 30 + 10);
    expect(reads()).toBeGreaterThan(3600 / 30);
    store.put('a', '1', 9000, 0);
    registry.comeBack();
    await clock.turn(30_000, settle);
    expect(said).toEqual([said[0], `info: ${registry.name} answers again`]);
    expect([keys(), follower.away]).toEqual([['a'], undefined]);
  });

  it('does not spin when every watch ends at once', async () => {
    const { clock, registry, follower, reads } = scene();
    registry.watch = (_, listener: WatchListener) => {
      setImmediate(() => listener.ended('no watches here'));
      return { stop: () => {} };
    };
    follower.start();
    await settle();
    await clock.turn(600_000, settle);
    expect(reads()).toBeLessThan(40);
    expect(reads()).toBeGreaterThan(10);
  });

  it('does not ask at the same moment as the others', async () => {
    const after: number[] = [];
    for (const share of [0, 0.5, 1]) {
      const { clock, registry, follower } = scene(() => share);
      registry.goAway('gone');
      follower.start();
      await settle();
      const [due] = (clock as unknown as { due: Set<{ at: number }> }).due;
      after.push(due.at);
    }
    expect(after).toEqual([250, 375, 500]);
  });
});
