/**
 * Much, and large things: thousands of leases among values of 10 MB, read at one revision while they change.
 *
 *   registry ── HTTP on loopback ── etcd that takes large requests
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EtcdRegistry } from '../../src/flannel/registry/etcd/registry.ts';
import type { Change } from '../../src/flannel/registry/registry.ts';
import { base64, Etcd } from '../support/etcd.ts';
import { Lab } from '../support/netns.ts';
import { contentOf, Followed, replayed } from '../support/registry-contract.ts';

const LEASES = 1200;
/** What etcd takes in one transaction. */
const AT_ONCE = 128;
const lab = new Lab();
const registries: EtcdRegistry[] = [];
let etcd: Etcd;

beforeAll(async () => {
  etcd = await Etcd.start(lab, { words: ['--max-request-bytes', String(32 << 20)] });
}, 60_000);
afterAll(async () => {
  for (const registry of registries) registry.close();
  await lab.close();
});

function registryAt(prefix: string): EtcdRegistry {
  const registry = new EtcdRegistry({ endpoints: [etcd.url], prefix, limit: 15_000 });
  registries.push(registry);
  return registry;
}

const keyOf = (i: number) => `10.${100 + (i >> 8)}.${i & 255}.0-24`;

async function fill(prefix: string): Promise<void> {
  for (let i = 0; i < LEASES; i += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, LEASES - i) }, (_, n) => i + n);
    const puts = some.map((n) => ({ key: base64(`${prefix}/subnets/${keyOf(n)}`), value: base64(`${n}`) }));
    await etcd.call('kv/txn', { success: puts.map((put) => ({ request_put: put })) });
  }
}

it('values of 10 MB are not read, and nothing else suffers', async () => {
  await fill('/a');
  const registry = registryAt('/a');
  const start = await registry.read();
  expect(start.entries.length).toBe(LEASES);
  const followed = new Followed();
  registry.watch(start.revision, followed);
  const huge = 'x'.repeat(10 << 20);
  await etcd.put('/a/subnets/10.100.200.0-24', huge);
  await etcd.put('/a/subnets/10.105.0.0-24', huge);
  await etcd.put('/a/subnets/10.105.1.0-24', 'y'.repeat(20_000));
  await registry.writeConfig('{}', false);
  await followed.until(4);
  const now = await registry.read();
  expect(now.entries.length).toBe(LEASES + 2);
  const unread = now.entries.filter(({ value }) => value === undefined).map(({ key }) => key);
  expect(unread).toEqual(['10.100.200.0-24', '10.105.0.0-24', '10.105.1.0-24']);
  expect(now.config).toBe('{}');
  // the watch went on, and says the same
  expect(replayed(start, followed.told)).toEqual(contentOf(now));
  expect(followed.reasons).toEqual([]);
  // no JSON, so a node refuses it
  await etcd.put('/a/config', huge);
  expect((await registry.read()).config).toBe('');
});

it('all pages are of one revision, whatever changes meanwhile', async () => {
  await fill('/b');
  const registry = registryAt('/b');
  const start = await registry.read();
  const followed = new Followed();
  registry.watch(start.revision, followed);
  let isReading = true;
  const changing = [0, 1].map(async (who) => {
    for (let i = 0; isReading; i++) {
      // at both ends of what is read
      const key = `10.${100 + 100 * ((i + who) % 2)}.1.128-26`;
      const revision = await registry.create(key, `${i}`, 3600);
      if (revision !== undefined) await registry.remove(key, revision);
    }
  });
  const snapshots = [];
  for (let i = 0; i < 10; i++) snapshots.push(await registry.read());
  isReading = false;
  await Promise.all(changing);
  const last = await registry.read();
  const revisionOf = (change: Change) => (change.what === 'put' ? change.entry.revision : change.revision);
  await followed.until(1);
  expect(last.revision).toBeGreaterThan(start.revision + 10);
  expect(followed.told.length).toBeGreaterThan(10);
  for (const snapshot of snapshots) {
    const until = followed.told.filter((change) => revisionOf(change) <= snapshot.revision);
    expect(contentOf(snapshot)).toEqual(replayed(start, until));
  }
});
