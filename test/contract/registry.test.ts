/** The suite of registries over the one in memory; etcd is asked in `netns/`. What only the one in memory can do, too. */
import { describe, expect, it } from 'vitest';
import { MemoryStore } from '../../src/flannel/registry/memory-registry.ts';
import { RegistryError } from '../../src/flannel/registry/registry.ts';
import { describeRegistry, Followed } from '../support/registry-contract.ts';

describeRegistry('a registry in memory', () => {
  let now = 0;
  const store = new MemoryStore({ now: () => now });
  return {
    node: () => store.registry(),
    pass: (seconds) => {
      now += 1000 * seconds;
      store.expire();
    },
    compact: () => store.compact(),
    clear: () => {},
  };
});

describe('a store in memory', () => {
  it('ends the watches of a node that is cut off, and of that one alone', async () => {
    const store = new MemoryStore();
    const [a, b] = [store.registry(), store.registry()];
    const [ofA, ofB, late] = [new Followed(), new Followed(), new Followed()];
    a.watch(1, ofA);
    b.watch(1, ofB);
    a.goAway('no route');
    a.watch(1, late);
    expect(await late.untilEnded()).toBe('no route');
    await expect(a.read()).rejects.toThrow(new RegistryError('the registry in memory: no route'));
    await b.writeConfig('one', false);
    await ofB.until(1);
    expect(ofA).toMatchObject({ told: [], reasons: ['no route'] });
    expect(ofB.reasons).toEqual([]);
    a.comeBack();
    expect(await a.read()).toEqual({ revision: 2, config: 'one', entries: [] });
  });

  it('is as at first after its loss, and tells who watched', async () => {
    const store = new MemoryStore();
    const node = store.registry();
    await node.create('10.5.1.0-24', 'one', 60);
    await node.writeConfig('two', false);
    const followed = new Followed();
    node.watch(3, followed);
    store.wipe();
    expect(followed.reasons).toEqual(['all that was known is lost']);
    expect(await node.read()).toEqual({ revision: 1, config: undefined, entries: [] });
    const ahead = new Followed();
    node.watch(3, ahead);
    await ahead.untilEnded();
    const again = new Followed();
    node.watch(1, again);
    await node.writeConfig('three', false);
    expect(await again.until(1)).toEqual([{ what: 'config', value: 'three', revision: 2 }]);
  });

  it('tells 10,000 leases to 10,000 watches in pieces that they share', async () => {
    const store = new MemoryStore();
    const node = store.registry();
    let told = 0;
    const pieces = new Set<unknown>();
    const listener = {
      changes: (changes: readonly unknown[]) => {
        told += changes.length;
        pieces.add(changes);
      },
      ended: () => {},
    };
    for (let i = 0; i < 10_000; i++) node.watch(1, listener);
    const made = Array.from({ length: 10_000 }, (_, i) =>
      node.create(`10.${i >> 8}.${i & 255}.0-24`, 'x', 60),
    );
    await Promise.all(made);
    const last = new Followed();
    node.watch(1, last);
    await last.until(10_000);
    expect(told).toBe(10_000 * 10_000);
    expect(pieces.size).toBe(1);
    expect((await node.read()).entries.length).toBe(10_000);
  });
});
