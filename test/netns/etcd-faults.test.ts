/**
 * What happens to etcds, and to the way there: nothing is missed, nothing is done twice, and every end of a watch is
 * seen.
 *
 *   registry ── a proxy that swallows or breaks off ── etcd, or a cluster of three
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MONOTONIC } from '../../src/flannel/clock.ts';
import { EtcdRegistry } from '../../src/flannel/registry/etcd/registry.ts';
import { Follower } from '../../src/flannel/registry/follower.ts';
import { type Change, RegistryError, type Snapshot } from '../../src/flannel/registry/registry.ts';
import { Etcd } from '../support/etcd.ts';
import { Lab } from '../support/netns.ts';
import { contentOf, Followed, replayed } from '../support/registry-contract.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { waitFor } from '../support/wait-for.ts';

const PREFIX = '/coreos.com/network';
const KEY = '10.5.52.0-24';
const OTHER = '10.5.53.0-24';
const HOUR = 3600;
const TIMES = { beat: 200, grace: 1500 };

let lab: Lab;
let closing: { close(): void }[];
beforeEach(() => {
  lab = new Lab();
  closing = [];
});
afterEach(async () => {
  for (const each of closing) each.close();
  await lab.close();
});

function registryAt(...endpoints: string[]): EtcdRegistry {
  const registry = new EtcdRegistry({ endpoints, prefix: PREFIX, limit: 3000, times: TIMES });
  closing.push(registry);
  return registry;
}

async function proxyTo(etcd: Etcd): Promise<TcpProxy> {
  const proxy = await TcpProxy.to(etcd.url);
  closing.push(proxy);
  return proxy;
}

async function follow(registry: EtcdRegistry, revision?: number): Promise<Followed> {
  const followed = new Followed();
  registry.watch(revision ?? (await registry.read()).revision, followed);
  return followed;
}

/** The leases that etcd holds, with keys or without. */
async function leases(etcd: Etcd): Promise<number> {
  return ((await etcd.call('lease/leases')).leases as unknown[] | undefined)?.length ?? 0;
}

describe('an etcd that is not there', () => {
  it('is said to be away at the start, and is used when it has come', async () => {
    const etcd = await Etcd.start(lab);
    await etcd.end();
    const registry = registryAt(etcd.url);
    const sentence = `etcd at ${etcd.url}: nobody listens there (ECONNREFUSED)`;
    await expect(registry.read()).rejects.toThrow(sentence);
    const followed = new Followed();
    registry.watch(1, followed);
    expect(await followed.untilEnded()).toBe(sentence);
    await etcd.begin();
    expect((await registry.read()).entries).toEqual([]);
    expect(await registry.create(KEY, 'x', HOUR)).toBe(2);
    expect(followed.reasons.length).toBe(1);
  });

  it('is passed over for another endpoint, and both are named when neither answers', async () => {
    const [dead, etcd] = [await Etcd.start(lab), await Etcd.start(lab)];
    await dead.end();
    const registry = registryAt(dead.url, etcd.url);
    expect(registry.name).toBe(`etcd at ${dead.url}, ${etcd.url}`);
    expect(await registry.create(KEY, 'x', HOUR)).toBe(2);
    const followed = await follow(registry);
    await registry.writeConfig('y', false);
    await followed.until(1);
    await etcd.end();
    expect(await followed.untilEnded()).toContain(etcd.url);
    const error = await registry.read().catch(({ message }) => message);
    for (const { url } of [dead, etcd]) expect(error).toContain(`etcd at ${url}: nobody listens there`);
  });

  it('ends watches when it is killed, and has kept everything when it is back', async () => {
    const etcd = await Etcd.start(lab);
    const registry = registryAt(etcd.url);
    const revision = (await registry.create(KEY, 'x', HOUR)) as number;
    const followed = await follow(registry);
    await etcd.end();
    expect(await followed.untilEnded()).toMatch(
      /the connection was broken off|ended the watch|nobody listens/,
    );
    await etcd.begin();
    const again = await follow(registry);
    expect(await registry.renew(KEY, 'y', HOUR, revision)).toBe(revision + 1);
    expect(await again.until(1)).toEqual([
      { what: 'put', entry: { key: KEY, value: 'y', revision: revision + 1 } },
    ]);
  });

  it('that has lost all its data is read from the beginning', async () => {
    const etcd = await Etcd.start(lab);
    const registry = registryAt(etcd.url);
    for (let i = 0; i < 5; i++) await registry.writeConfig(`${i}`, true);
    const { revision } = await registry.read();
    const followed = await follow(registry);
    await etcd.end();
    etcd.wipe();
    await etcd.begin();
    await followed.untilEnded();
    expect(await registry.read()).toEqual({ revision: 1, config: undefined, entries: [] });
    const ahead = await follow(registry, revision);
    expect(await ahead.untilEnded()).toContain('future revision');
    const again = await follow(registry);
    await registry.writeConfig('new', false);
    expect(await again.until(1)).toEqual([{ what: 'config', value: 'new', revision: 2 }]);
  });
});

describe('an etcd that is silent', () => {
  it('is given up when it was stopped, and used again when it goes on', async () => {
    const etcd = await Etcd.start(lab);
    const registry = registryAt(etcd.url);
    const followed = await follow(registry);
    await registry.writeConfig('x', false);
    await followed.until(1);
    etcd.stop();
    const sentence = `etcd at ${etcd.url}: no answer within 3 s (ETIMEDOUT)`;
    expect(await followed.untilEnded()).toBe(sentence);
    await expect(registry.read()).rejects.toThrow(sentence);
    etcd.continue();
    expect((await registry.read()).config).toBe('x');
    expect(followed.reasons.length).toBe(1);
  });

  it('is found out when its watch alone is dead', async () => {
    const etcd = await Etcd.start(lab);
    const proxy = await proxyTo(etcd);
    const registry = registryAt(proxy.url);
    const revision = (await registry.create(KEY, 'x', HOUR)) as number;
    const followed = await follow(registry);
    await registry.create(OTHER, 'y', HOUR);
    await followed.until(1);
    proxy.swallowed = 'POST /v3/watch';
    await etcd.delete(`${PREFIX}/subnets/${OTHER}`);
    expect(await followed.untilEnded()).toBe(
      `etcd at ${proxy.url}: its watch is silent although there were changes`,
    );
    expect((await registry.read()).entries).toEqual([{ key: KEY, value: 'x', revision }]);
    expect(followed.told.length).toBe(1);
    const dead = await follow(registry);
    expect(await dead.untilEnded()).toBe(`etcd at ${proxy.url}: no answer within 3 s (ETIMEDOUT)`);
    proxy.swallowed = undefined;
    const again = await follow(registry);
    await registry.renew(KEY, 'z', HOUR, revision);
    await again.until(1);
  });

  it.each(['put', 'removed and made again'])('is found out by a key that was %s', async (how) => {
    const etcd = await Etcd.start(lab);
    const proxy = await proxyTo(etcd);
    const registry = registryAt(proxy.url);
    await etcd.put(`${PREFIX}/subnets/${KEY}`, 'x');
    const followed = await follow(registry);
    await etcd.put(`${PREFIX}/config`, 'y');
    await followed.until(1);
    proxy.swallowed = 'POST /v3/watch';
    if (how !== 'put') await etcd.delete(`${PREFIX}/subnets/${KEY}`);
    await etcd.put(`${PREFIX}/subnets/${KEY}`, 'x');
    expect(await followed.untilEnded()).toContain('silent');
  });

  it('is not taken for one while others write much, below the prefix and elsewhere', async () => {
    const etcd = await Etcd.start(lab);
    const [a, b] = [registryAt(etcd.url), registryAt(etcd.url)];
    let heard = 0;
    const followed = new Followed();
    const start = await a.read();
    a.watch(start.revision, {
      changes: (changes) => followed.changes(changes),
      ended: (reason) => followed.ended(reason),
      heard: () => {
        heard++;
      },
    });
    const elsewhere = ['/x', '/coreos.com/networks/config', `${PREFIX}/other`, `${PREFIX}/configs`];
    let written = 0;
    for (; heard < 10; written++) {
      const revision = (await b.create(KEY, `${written}`, HOUR)) as number;
      if (written % 3 === 0) await etcd.put(elsewhere[(written / 3) % 4], `${written}`);
      await b.remove(KEY, revision);
    }
    const end = await a.read();
    await followed.until(2 * written);
    expect(replayed(start, followed.told)).toEqual(contentOf(end));
    const before = heard;
    await waitFor(() => heard > before + 2 || followed.reasons.length > 0, 'a few more questions');
    expect(followed.told.length).toBe(2 * written);
    expect(followed.reasons).toEqual([]);
  });
});

describe('a connection that breaks in the middle', () => {
  it.each([1, 2])('makes nothing twice: the answer to a creation is lost %d times', async (times) => {
    const etcd = await Etcd.start(lab);
    const proxy = await proxyTo(etcd);
    const registry = registryAt(proxy.url);
    proxy.broken = { head: 'POST /v3/kv/txn', times };
    const first = await registry.create(KEY, 'x', HOUR).catch((error) => error);
    if (times === 2) expect(first).toBeInstanceOf(RegistryError);
    const revision = times === 1 ? first : await registry.create(KEY, 'x', HOUR);
    expect((await registry.read()).entries).toEqual([{ key: KEY, value: 'x', revision }]);
    expect(await leases(etcd)).toBe(1);
    expect(await registryAt(etcd.url).create(KEY, 'x', HOUR)).toBeUndefined();
    expect(await leases(etcd)).toBe(1);
  });

  it.each([1, 2])('renews once: the answer is lost %d times', async (times) => {
    const etcd = await Etcd.start(lab);
    const proxy = await proxyTo(etcd);
    const registry = registryAt(proxy.url);
    const first = (await registry.create(KEY, 'x', HOUR)) as number;
    proxy.broken = { head: 'POST /v3/kv/txn', times };
    const renew = () => registry.renew(KEY, 'y', HOUR, first);
    const second = await renew().catch(renew);
    expect((await registry.read()).entries).toEqual([{ key: KEY, value: 'y', revision: second }]);
    expect(second).toBe(first + 1);
    expect(proxy.broken.times).toBe(0);
    // the first one's ends by itself
    expect(await leases(etcd)).toBe(2);
  });

  it('is one of many that were kept, and none of them is good any more: a new one is made', async () => {
    const etcd = await Etcd.start(lab);
    const proxy = await proxyTo(etcd);
    const registry = registryAt(proxy.url);
    await Promise.all(Array.from({ length: 10 }, () => registry.read()));
    proxy.forget();
    expect((await registry.read()).entries).toEqual([]);
  });

  it('grants once, removes once, writes a config once', async () => {
    const etcd = await Etcd.start(lab);
    const proxy = await proxyTo(etcd);
    const registry = registryAt(proxy.url);
    proxy.broken = { head: 'POST /v3/lease/grant', times: 1 };
    const revision = (await registry.create(KEY, 'x', HOUR)) as number;
    expect(await leases(etcd)).toBe(1);
    expect(await registry.timeLeft(KEY)).toBeGreaterThan(HOUR - 60);
    proxy.broken = { head: 'POST /v3/kv/txn', times: 1 };
    expect(await registry.remove(KEY, revision)).toBe(true);
    proxy.broken = { head: 'POST /v3/kv/txn', times: 1 };
    expect(await registry.writeConfig('x', false)).toBe(true);
    proxy.broken = { head: 'POST /v3/kv/txn', times: 1 };
    expect(await registry.writeConfig('y', false)).toBe(false);
    expect(await registry.read()).toMatchObject({ config: 'x', entries: [] });
  });
});

describe('a cluster of three', () => {
  it('changes its leader, and nothing is missed or lost', async () => {
    const etcds = await Etcd.cluster(lab, 3);
    const isLeader = await Promise.all(etcds.map((etcd) => etcd.isLeader()));
    const leader = etcds[isLeader.indexOf(true)];
    const others = etcds.filter((etcd) => etcd !== leader);
    // one is used through the leader, one through another member
    const writer = registryAt(leader.url, ...others.map(({ url }) => url));
    const readers = [leader, others[0]].map(({ url }) => registryAt(url, others[1].url));
    const mirrors = readers.map((registry) => new Mirror(registry));
    closing.push(...mirrors);
    await waitFor(() => mirrors.every(({ reads }) => reads === 1), 'the first read');
    let written = 0;
    const goOn = async (until: number) => {
      for (; written < until; written++) await insist(() => writer.writeConfig(`${written}`, true));
    };
    const writing = goOn(200);
    await waitFor(() => written > 50, 'some changes');
    await leader.end();
    const killedAt = written;
    await writing;
    expect(killedAt).toBeLessThan(200);
    const revision = (await insist(() => writer.create(KEY, 'x', HOUR))) as number;
    expect(await writer.read()).toMatchObject({
      config: '199',
      entries: [{ key: KEY, value: 'x', revision }],
    });
    for (const mirror of mirrors) {
      await waitFor(() => mirror.config === '199' && mirror.keys.has(KEY), 'all changes', 30_000);
    }
    // the one whose etcd died has read again
    expect(mirrors[0].reads).toBeGreaterThan(1);
    for (const { runs } of mirrors) {
      // what was sent twice is there twice; none is left out while a watch goes on
      for (const run of runs)
        expect(run.slice(1).filter((n, i) => n !== run[i] && n !== run[i] + 1)).toEqual([]);
    }
  });

  it('has a member that hangs: another one is asked', async () => {
    const etcds = await Etcd.cluster(lab, 3);
    const isLeader = await Promise.all(etcds.map((etcd) => etcd.isLeader()));
    const hanging = etcds[isLeader.indexOf(false)];
    const registry = registryAt(hanging.url, etcds[isLeader.indexOf(true)].url);
    const followed = await follow(registry);
    hanging.stop();
    await followed.untilEnded();
    expect(await registry.create(KEY, 'x', HOUR)).toBeDefined();
    expect((await registry.read()).entries.length).toBe(1);
  });

  it('without a majority is away, also for who watches a member that lives', async () => {
    const [alone, ...others] = await Etcd.cluster(lab, 3);
    const registry = registryAt(alone.url);
    const followed = await follow(registry);
    for (const etcd of others) await etcd.end();
    // a member that has lost the others may end the stream without a word
    expect(await followed.untilEnded(30_000)).toMatch(
      /no leader|no answer within|timed out|it has ended the watch$/,
    );
    await expect(registry.read()).rejects.toThrow(/no leader|no answer within|timed out/);
    await Promise.all(others.map((etcd) => etcd.begin()));
    expect(await insist(() => registry.writeConfig('x', true))).toBe(true);
  });
});

/** What a node would know, where configs are numbers. */
class Mirror {
  reads = 0;
  config: string | undefined;
  keys = new Set<string>();
  /** The configs that were told between two readings, beginning with the one that was read. */
  readonly runs: number[][] = [];
  private readonly follower: Follower;

  constructor(registry: EtcdRegistry) {
    this.follower = new Follower({ registry, clock: MONOTONIC, following: this, say: () => {} });
    this.follower.start();
  }

  snapshot({ config, entries }: Snapshot): void {
    this.reads++;
    this.config = config;
    this.keys = new Set(entries.map(({ key }) => key));
    this.runs.push([Number(config ?? -1)]);
  }

  changes(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.what === 'put') this.keys.add(change.entry.key);
      if (change.what !== 'config') continue;
      this.config = change.value;
      this.runs[this.runs.length - 1].push(Number(change.value));
    }
  }

  close(): void {
    this.follower.stop();
  }
}

/** Until it does not end with an error of the registry. */
async function insist<T>(attempt: () => Promise<T>): Promise<T> {
  const results: T[] = [];
  const isDone = async () => {
    await attempt().then(
      (result) => results.push(result),
      () => {},
    );
    return results.length > 0;
  };
  await waitFor(isDone, 'the registry', 30_000);
  return results[0];
}
