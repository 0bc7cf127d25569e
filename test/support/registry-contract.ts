/** What every registry promises (`src/flannel/registry/registry.ts`), asked of several nodes on one store. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Change,
  type Registry,
  RegistryError,
  type Snapshot,
  type WatchListener,
} from '../../src/flannel/registry/registry.ts';
import { waitFor } from './wait-for.ts';

export interface RegistryStore {
  /** As one more node; closed by the suite. */
  node(): Registry;
  /** Time goes on, or has to be waited for by who asks. */
  pass(seconds: number): void;
  compact(): Promise<void> | void;
  /** Empty again. */
  clear(): Promise<void> | void;
}

/** A watch, and what it was told. */
export class Followed implements WatchListener {
  readonly told: Change[] = [];
  readonly reasons: string[] = [];

  changes(changes: readonly Change[]): void {
    this.told.push(...changes);
  }

  ended(reason: string): void {
    this.reasons.push(reason);
  }

  /** Until it was told that many. */
  async until(count: number): Promise<readonly Change[]> {
    await waitFor(() => this.told.length >= count || this.reasons.length > 0, `${count} changes`);
    return this.told;
  }

  async untilEnded(milliseconds?: number): Promise<string> {
    await waitFor(() => this.reasons.length > 0, 'the end of a watch', milliseconds);
    return this.reasons[0];
  }
}

/** A snapshot and what happened since, without the revision: as `contentOf` of a later snapshot. */
export function replayed(snapshot: Snapshot, changes: readonly Change[]) {
  const entries = new Map(snapshot.entries.map((entry) => [entry.key, entry]));
  let config = snapshot.config;
  for (const change of changes) {
    if (change.what === 'config') config = change.value;
    else if (change.what === 'put') entries.set(change.entry.key, change.entry);
    else expect(entries.delete(change.key), `${change.key} was there`).toBe(true);
  }
  return contentOf({ revision: 0, config, entries: [...entries.values()] });
}

export function contentOf({ config, entries }: Snapshot) {
  return { config, entries: [...entries].sort((a, b) => (a.key < b.key ? -1 : 1)) };
}

const revisionOf = (change: Change) => (change.what === 'put' ? change.entry.revision : change.revision);
const KEY = '10.5.52.0-24';
const DUAL = '10.5.53.0-24&2001:cafe:42:3::-64';
const HOUR = 3600;

export function describeRegistry(name: string, open: () => RegistryStore): void {
  describe(name, () => {
    let store: RegistryStore;
    let nodes: Registry[] = [];
    const join = () => {
      nodes.push(store.node());
      return nodes[nodes.length - 1];
    };

    beforeEach(async () => {
      store = open();
      nodes = [];
      await store.clear();
    });
    afterEach(() => {
      for (const node of nodes) node.close();
    });

    it('is empty at first', async () => {
      const snapshot = await join().read();
      expect(snapshot).toEqual({ revision: expect.any(Number), config: undefined, entries: [] });
    });

    it('keeps what one node creates, and shows it to the others', async () => {
      const [a, b] = [join(), join()];
      const before = (await b.read()).revision;
      const first = (await a.create(KEY, '{"ü":1}', HOUR)) as number;
      const second = (await a.create(DUAL, '', HOUR)) as number;
      expect(first).toBeGreaterThan(before);
      expect(second).toBeGreaterThan(first);
      const { entries, revision } = await b.read();
      expect(revision).toBe(second);
      expect(entries).toEqual([
        { key: KEY, value: '{"ü":1}', revision: first },
        { key: DUAL, value: '', revision: second },
      ]);
    });

    it('gives a key to one of those who want it at the same time', async () => {
      const rivals = Array.from({ length: 10 }, join);
      const won = await Promise.all(rivals.map((node, i) => node.create(KEY, `${i}`, HOUR)));
      const winners = won.flatMap((revision, i) => (revision === undefined ? [] : [{ revision, i }]));
      expect(winners.length).toBe(1);
      const [{ revision, i }] = winners;
      expect((await rivals[0].read()).entries).toEqual([{ key: KEY, value: `${i}`, revision }]);
    });

    it('renews what still stands, and nothing else', async () => {
      const node = join();
      const first = (await node.create(KEY, 'one', HOUR)) as number;
      const second = (await node.renew(KEY, 'two', HOUR, first)) as number;
      expect(second).toBeGreaterThan(first);
      expect(await node.renew(KEY, 'three', HOUR, first)).toBeUndefined();
      expect((await node.read()).entries).toEqual([{ key: KEY, value: 'two', revision: second }]);
      expect(await node.remove(KEY, second)).toBe(true);
      expect(await node.renew(KEY, 'four', HOUR, second)).toBeUndefined();
      expect((await node.read()).entries).toEqual([]);
    });

    it('removes what still stands, and nothing else', async () => {
      const [a, b] = [join(), join()];
      const first = (await a.create(KEY, 'one', HOUR)) as number;
      const second = (await b.renew(KEY, 'two', HOUR, first)) as number;
      expect(await a.remove(KEY, first)).toBe(false);
      expect((await a.read()).entries.length).toBe(1);
      expect(await a.remove(KEY, second)).toBe(true);
      expect(await a.remove(KEY, second)).toBe(false);
      expect((await a.read()).entries).toEqual([]);
      expect(await b.create(KEY, 'three', HOUR)).toBeGreaterThan(second);
    });

    it('overwrites a config only when it is forced to', async () => {
      const node = join();
      expect(await node.writeConfig('{"Network":"10.5.0.0/16"}', false)).toBe(true);
      expect(await node.writeConfig('{"Network":"10.6.0.0/16"}', false)).toBe(false);
      expect((await node.read()).config).toBe('{"Network":"10.5.0.0/16"}');
      expect(await node.writeConfig('{"Network":"10.6.0.0/16"}', true)).toBe(true);
      expect(await node.read()).toMatchObject({ config: '{"Network":"10.6.0.0/16"}', entries: [] });
    });

    it('knows how long a lease goes on', async () => {
      const node = join();
      const revision = (await node.create(KEY, 'one', HOUR)) as number;
      const left = (await node.timeLeft(KEY)) as number;
      expect(left).toBeGreaterThan(HOUR - 60);
      expect(left).toBeLessThanOrEqual(HOUR);
      await node.renew(KEY, 'one', 2 * HOUR, revision);
      expect(await node.timeLeft(KEY)).toBeGreaterThan(HOUR);
      expect(await node.timeLeft(DUAL)).toBeUndefined();
    });

    it('lets a lease end by itself, and says so; a renewed one goes on', async () => {
      const [a, b] = [join(), join()];
      const first = (await a.create(DUAL, 'stays', 2)) as number;
      const second = (await a.renew(DUAL, 'stays', HOUR, first)) as number;
      const third = (await a.create(KEY, 'ends', 2)) as number;
      const followed = new Followed();
      b.watch(third, followed);
      store.pass(2);
      const [change] = await followed.until(1);
      expect(change).toEqual({ what: 'gone', key: KEY, revision: expect.any(Number) });
      expect(revisionOf(change)).toBeGreaterThan(third);
      expect((await b.read()).entries).toEqual([{ key: DUAL, value: 'stays', revision: second }]);
      expect(await a.renew(KEY, 'ends', HOUR, third)).toBeUndefined();
      expect(await b.create(KEY, 'of another', HOUR)).toBeGreaterThan(revisionOf(change));
    });

    it('tells every change in order and once, to who was there and to who comes late', async () => {
      const [a, b, c] = [join(), join(), join()];
      const start = await a.read();
      const early = new Followed();
      b.watch(start.revision, early);
      const expected = await manyChanges(a, b);
      await early.until(expected);
      const late = new Followed();
      c.watch(start.revision, late);
      await late.until(expected);
      const end = await a.read();
      expect(early.told.length).toBe(expected);
      expect(late.told).toEqual(early.told);
      expect(replayed(start, early.told)).toEqual(contentOf(end));
      const revisions = early.told.map(revisionOf);
      expect(revisions).toEqual([...new Set(revisions)].sort((x, y) => x - y));
      expect(revisions[revisions.length - 1]).toBe(end.revision);
      expect([...early.reasons, ...late.reasons]).toEqual([]);
    });

    it('tells nothing of what was before', async () => {
      const node = join();
      await node.create(KEY, 'before', HOUR);
      const { revision } = await node.read();
      const followed = new Followed();
      node.watch(revision, followed);
      await node.writeConfig('after', false);
      expect(await followed.until(1)).toEqual([{ what: 'config', value: 'after', revision: revision + 1 }]);
    });

    it('ends a watch once whose beginning was compacted; one that is up to date goes on', async () => {
      const [a, b] = [join(), join()];
      const start = await a.read();
      const current = new Followed();
      b.watch(start.revision, current);
      const first = (await a.create(KEY, 'one', HOUR)) as number;
      const second = (await a.renew(KEY, 'two', HOUR, first)) as number;
      await a.writeConfig('three', false);
      await current.until(3);
      await store.compact();
      const behind = new Followed();
      b.watch(start.revision, behind);
      await behind.untilEnded();
      const { revision, entries } = await b.read();
      expect(entries).toEqual([{ key: KEY, value: 'two', revision: second }]);
      const again = new Followed();
      b.watch(revision, again);
      await a.remove(KEY, second);
      const gone = { what: 'gone', key: KEY, revision: revision + 1 };
      expect(await again.until(1)).toEqual([gone]);
      expect((await current.until(4)).slice(3)).toEqual([gone]);
      expect(behind.told).toEqual([]);
      expect(behind.reasons.length).toBe(1);
      expect(behind.reasons[0]).not.toBe('');
      expect(current.reasons).toEqual([]);
    });

    it('is silent after a stop, also after one in the middle of being told', async () => {
      const node = join();
      const { revision } = await node.read();
      const stopped = new Followed();
      node.watch(revision, stopped).stop();
      const stopsItself = new Followed();
      const watching = node.watch(revision, {
        changes: (changes) => {
          stopsItself.changes(changes);
          watching.stop();
          watching.stop();
        },
        ended: (reason) => stopsItself.ended(reason),
      });
      const witness = new Followed();
      node.watch(revision, witness);
      await node.writeConfig('one', false);
      await stopsItself.until(1);
      await node.writeConfig('two', true);
      await witness.until(2);
      expect(stopped.told.length + stopped.reasons.length + stopsItself.reasons.length).toBe(0);
      expect(stopsItself.told.length).toBe(1);
    });

    it('holds a thousand leases', async () => {
      const node = join();
      const start = await node.read();
      const followed = new Followed();
      node.watch(start.revision, followed);
      const keys = Array.from({ length: 1000 }, (_, i) => `10.${100 + (i >> 8)}.${i & 255}.0-24`);
      const made = await Promise.all(keys.map((key) => node.create(key, `of ${key}`, HOUR)));
      await followed.until(1000);
      const snapshot = await node.read();
      const expected = keys.map((key, i) => ({ key, value: `of ${key}`, revision: made[i] }));
      expect(contentOf(snapshot)).toEqual(
        contentOf({ ...snapshot, entries: expected as Snapshot['entries'] }),
      );
      expect(replayed(start, followed.told)).toEqual(contentOf(snapshot));
    });

    it('answers nothing after it was closed, and its watches are silent', async () => {
      const [a, b] = [join(), join()];
      const { revision } = await a.read();
      const [followed, witness] = [new Followed(), new Followed()];
      a.watch(revision, followed);
      b.watch(revision, witness);
      a.close();
      await b.create(KEY, 'one', HOUR);
      await witness.until(1);
      await expect(a.read()).rejects.toBeInstanceOf(RegistryError);
      await expect(a.create(DUAL, 'two', HOUR)).rejects.toBeInstanceOf(RegistryError);
      expect([...followed.told, ...followed.reasons]).toEqual([]);
    });
  });
}

/** By two nodes at the same time; how many there were. */
async function manyChanges(a: Registry, b: Registry): Promise<number> {
  const counts = await Promise.all(
    [a, b].map(async (node, who) => {
      let count = 0;
      for (let i = 0; i < 20; i++) {
        const key = `10.5.${10 * (who + 1) + (i % 4)}.0-24`;
        const first = (await node.create(key, `${i}`, HOUR)) as number;
        const second = (await node.renew(key, `${i} again`, HOUR, first)) as number;
        if (i < 18) await node.remove(key, second);
        await node.writeConfig(`${who} ${i}`, true);
        count += i < 18 ? 4 : 3;
      }
      return count;
    }),
  );
  return counts[0] + counts[1];
}
