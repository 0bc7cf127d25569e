/** A node's own lease over a registry in memory, with a clock that the test turns. */
import { describe, expect, it } from 'vitest';
import { formatLease } from '../../../src/flannel/contract/lease.ts';
import { type Network, parseNetwork } from '../../../src/flannel/contract/network.ts';
import { formatKey, parseKey, type Subnets } from '../../../src/flannel/contract/subnet.ts';
import { giveBack, OwnLease, type OwnLeaseOptions } from '../../../src/flannel/leases/own-lease.ts';
import { MemoryStore } from '../../../src/flannel/registry/memory-registry.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const HOUR_MS = 3_600_000;
const DAY = 86_400;

const network = (words = '') => parseNetwork(`{"Network":"10.5.0.0/16",${words}"Backend":{"Type":"vxlan"}}`);
const NETWORK = network();
const macOf = (node: number) => `02:00:00:00:00:${node.toString(16).padStart(2, '0')}`;
const ipOf = (node: number) => `192.168.0.${node}`;
const endsOf = (node: number) => ({
  ipv4: { publicIp: ipOf(node), mac: macOf(node) },
  ipv6: { publicIp: `2001:db8::${node.toString(16)}`, mac: macOf(node + 128) },
});
const valueBy = (node: number, mac = macOf(node)) =>
  formatLease({ vni: 1, ipv4: { publicIp: ipOf(node), mac } });

/** What waits for the store, or for others of this process, is done. */
async function settled() {
  for (let round = 0; round < 20; round++) await new Promise(setImmediate);
}

class World {
  readonly clock = new FakeClock();
  readonly store = new MemoryStore(this.clock);
  private readonly other = this.store.registry();

  /** A node that has read once, and watches. */
  async node(id: number, options: Partial<OwnLeaseOptions> = {}, of = NETWORK) {
    const node = this.idle(id, options);
    await node.settle(of);
    return node;
  }

  idle(id: number, options: Partial<OwnLeaseOptions> = {}) {
    const said: string[] = [];
    const standings: string[] = [];
    const registry = this.store.registry();
    const own: OwnLease = new OwnLease({
      registry,
      clock: this.clock,
      log: (level, sentence) => void said.push(`${level}: ${sentence}`),
      ttl: DAY,
      margin: 3600,
      previous: {},
      forceNew: false,
      changed: () => void standings.push(own.status().standing),
      ...options,
    });
    const settle = async (of: Network) => {
      const snapshot = await registry.read();
      registry.watch(snapshot.revision, { changes: (changes) => own.observe(changes), ended: () => {} });
      await own.settle(snapshot, { network: of, ends: endsOf(id) });
    };
    return { own, registry, said, standings, settle, key: () => own.status().key };
  }

  async turn(milliseconds: number) {
    await this.clock.turn(milliseconds, async () => {
      this.store.expire();
      await settled();
    });
  }

  entries() {
    return Object.fromEntries(this.store.read().entries.map(({ key, value }) => [key, value]));
  }

  /** As somebody else writes it, over whatever stands there. */
  async put(key: string, value: string) {
    const entry = this.store.read().entries.find((each) => each.key === key);
    const written = this.store.put(key, value, DAY, entry?.revision ?? 0);
    expect(written).toBeDefined();
    await settled();
  }

  async remove(key: string) {
    const entry = this.store.read().entries.find((each) => each.key === key);
    expect(await this.other.remove(key, entry?.revision ?? 0)).toBe(true);
    await settled();
  }
}

describe('a lease is taken', () => {
  it('by chance among the first hundred that are free', async () => {
    const world = new World();
    await world.put('10.5.2.0-24', 'nonsense takes its subnet too');
    const picks = new Set<string | undefined>();
    for (const random of [0, 0.01, 0.5, 0.999]) {
      const node = await world.node(1, { random: () => random });
      picks.add(node.key());
      expect(await node.own.release()).toBe(true);
    }
    expect([...picks]).toEqual(['10.5.1.0-24', '10.5.3.0-24', '10.5.52.0-24', '10.5.101.0-24']);
    expect(Object.keys(world.entries())).toEqual(['10.5.2.0-24']);
  });

  it('with what it says, and a time', async () => {
    const world = new World();
    const { own, key, said, standings } = await world.node(1);
    expect(world.entries()).toEqual({ [key() as string]: valueBy(1) });
    expect(own.status()).toMatchObject({ standing: 'held', secondsLeft: DAY });
    expect(own.subnets && formatKey(own.subnets)).toBe(key());
    expect(said).toEqual([expect.stringMatching(/^info: 10\.5\.\d+\.0\/24 is ours$/)]);
    expect(standings).toEqual(['held']);
  });

  it('of both families', async () => {
    const world = new World();
    const both = network('"EnableIPv6":true,"IPv6Network":"fc00::/48",');
    const { key } = await world.node(1, {}, both);
    expect(key()).toMatch(/^10\.5\.\d+\.0-24&fc00:0:0:[0-9a-f]+::-64$/);
    const { ipv4, ipv6 } = endsOf(1);
    expect(Object.values(world.entries())).toEqual([formatLease({ vni: 1, ipv4, ipv6 })]);
  });

  it.each([
    ['free', '10.5.7.0-24', {}, true],
    ['taken', '10.5.7.0-24', { '10.5.7.0-24': valueBy(9) }, false],
    ['within a larger one', '10.5.7.0-24', { '10.5.4.0-22': valueBy(9) }, false],
    [
      'beside keys that are no subnets of the network',
      '10.5.7.0-24',
      { x: '', '10.0.0.0-8': '', '10.5.0.0-16': '' },
      true,
    ],
    ['outside the network', '10.6.7.0-24', {}, false],
    ['of another size', '10.5.7.0-25', {}, false],
  ])('from the previous run: %s', async (_, previous, others, isTaken) => {
    const world = new World();
    for (const [key, value] of Object.entries(others)) await world.put(key, value);
    const node = await world.node(1, { previous: parseKey(previous) as Subnets });
    expect(node.own.status().standing).toBe('held');
    expect(node.key() === previous).toBe(isTaken);
  });

  it('as the one that has our address already, written anew', async () => {
    const world = new World();
    await world.put('10.5.9.0-24', valueBy(1, 'c6:d2:32:6f:8f:44'));
    const { key, said, own } = await world.node(1, { previous: parseKey('10.5.7.0-24') as Subnets });
    expect(key()).toBe('10.5.9.0-24');
    expect(world.entries()).toEqual({ '10.5.9.0-24': valueBy(1) });
    expect(said[0]).toMatch(
      /^warn: the lease 10\.5\.9\.0-24 of our address 192\.168\.0\.1 had a MAC that is not ours/,
    );
    expect(own.status()).toMatchObject({ standing: 'held' });
    expect(own.status()).not.toHaveProperty('problem');
  });

  it('as that one, though somebody has some of it meanwhile', async () => {
    const world = new World();
    await world.put('10.5.9.0-24', valueBy(1));
    await world.put('10.5.9.0-25', valueBy(2));
    const { own, key } = await world.node(1);
    expect(own.status().standing).toBe('held');
    expect(key()).toBe('10.5.9.0-24');
  });

  it('as one that was only reserved for our address', async () => {
    const world = new World();
    await world.put('10.5.9.0-24', '{"PublicIP":"192.168.0.1"}');
    const { said } = await world.node(1);
    expect(said).toEqual(['info: 10.5.9.0/24 is ours by the lease that has our address']);
    expect(world.entries()).toEqual({ '10.5.9.0-24': valueBy(1) });
  });

  it('after those that do not fit the network were given back', async () => {
    const world = new World();
    await world.put('10.5.9.0-25', valueBy(1));
    await world.put('10.6.9.0-24', valueBy(1));
    await world.put('nonsense', valueBy(1));
    const { key } = await world.node(1);
    expect(Object.keys(world.entries())).toEqual(['nonsense', key()]);
    expect(key()).toMatch(/-24$/);
  });

  it('once there is a free one', async () => {
    const world = new World();
    const tiny = parseNetwork('{"Network":"10.5.0.0/28","Backend":{"Type":"vxlan"}}');
    for (const key of ['10.5.0.4-30', '10.5.0.8-30', '10.5.0.12-30']) await world.put(key, valueBy(9));
    const { own, key, said } = await world.node(1, {}, tiny);
    expect(own.status().standing).toBe('none');
    await world.turn(60_000);
    expect(said).toEqual([
      expect.stringContaining('warn: no lease can be had now, it is tried again every 5 s: no subnet'),
    ]);
    await world.remove('10.5.0.8-30');
    await world.turn(5_000);
    expect(key()).toBe('10.5.0.8-30');
  });
});

describe('many nodes at once', () => {
  it.each([
    ['one family', network('"SubnetMax":"10.5.60.0",')],
    [
      'two families',
      network(
        '"SubnetMax":"10.5.60.0","EnableIPv6":true,"IPv6Network":"fc00::/48","IPv6SubnetMax":"fc00:0:0:3c::",',
      ),
    ],
  ])('have a subnet each: %s', async (_, of) => {
    const world = new World();
    const nodes = Array.from({ length: 50 }, (_, id) => world.idle(id + 1));
    const all = Promise.all(nodes.map((node) => node.settle(of)));
    const isDone = all.then(() => true);
    while (!(await Promise.race([isDone, settled().then(() => false)]))) await world.turn(100);
    const subnets = nodes.flatMap(({ key }) => (key() as string).split('&'));
    expect(new Set(subnets).size).toBe(of.ipv6 ? 100 : 50);
    expect(Object.keys(world.entries()).sort()).toEqual(nodes.map(({ key }) => key()).sort());
    expect(nodes.flatMap(({ said }) => said).filter((line) => !line.startsWith('info'))).toEqual([]);
  });
});

describe('a lease is kept', () => {
  it('by renewing it an hour before its end, day after day', async () => {
    const world = new World();
    const { own, key, said } = await world.node(1);
    const left: number[] = [];
    for (let hour = 0; hour < 72; hour++) {
      await world.turn(HOUR_MS);
      left.push(own.status().secondsLeft as number);
      expect(Object.keys(world.entries())).toEqual([key()]);
    }
    expect(Math.min(...left)).toBe(2 * 3600);
    expect(left.filter((seconds) => seconds === DAY)).toHaveLength(3);
    expect(said).toHaveLength(1);
  });

  it('also with a margin that is longer than its time', async () => {
    const world = new World();
    const { registry } = await world.node(1, { ttl: 10 });
    const before = (await registry.read()).revision;
    await world.turn(100_000);
    const { revision, entries } = await registry.read();
    expect(entries).toHaveLength(1);
    expect(revision - before).toBe(20);
  });

  it('while the registry is away at the time of renewal, and comes back', async () => {
    const world = new World();
    const { registry, said, key } = await world.node(1);
    const mine = key();
    await world.turn(22.5 * HOUR_MS);
    registry.goAway('it is away');
    await world.turn(HOUR_MS);
    registry.comeBack();
    await world.turn(60_000);
    expect((await registry.timeLeft(mine as string)) as number).toBeGreaterThan(23 * 3600);
    expect(said.slice(1)).toEqual([
      `warn: the lease ${mine} cannot be kept now, it is tried again every 60 s: the registry in memory: it is away`,
      `info: the lease ${mine} is renewed`,
    ]);
  });

  it('though it ran out while the registry was away', async () => {
    const world = new World();
    const { own, registry, said, key } = await world.node(1);
    const mine = key();
    registry.goAway('it is away');
    await world.turn(48 * HOUR_MS);
    expect(world.entries()).toEqual({});
    expect(own.subnets && formatKey(own.subnets)).toBe(mine);
    registry.comeBack();
    await world.turn(60_000);
    expect(world.entries()).toEqual({ [mine as string]: valueBy(1) });
    expect(said.at(-1)).toMatch(/is ours again$/);
  });

  it('though it was removed by hand', async () => {
    const world = new World();
    const { own, said, key, standings } = await world.node(1);
    const mine = key() as string;
    await world.remove(mine);
    await world.turn(0);
    expect(world.entries()).toEqual({ [mine]: valueBy(1) });
    expect(own.status()).toMatchObject({ standing: 'held', secondsLeft: DAY });
    expect(said.slice(1).map((line) => line.split(' ')[0])).toEqual(['warn:', 'info:']);
    expect(standings.at(-1)).toBe('held');
  });

  it('though all data was lost', async () => {
    const world = new World();
    for (let other = 2; other < 20; other++) await world.put(`10.5.${100 + other}.0-24`, valueBy(other));
    const { settle, key } = await world.node(1);
    world.store.wipe();
    await settle(NETWORK);
    expect(world.entries()).toEqual({ [key() as string]: valueBy(1) });
    await world.turn(48 * HOUR_MS);
    expect(Object.keys(world.entries())).toEqual([key()]);
  });

  it('though somebody writes nonsense into it, again and again', async () => {
    const world = new World();
    const { key, registry } = await world.node(1);
    const before = (await registry.read()).revision;
    for (let round = 0; round < 50; round++) {
      await world.put(key() as string, `nonsense ${round}`);
      await world.turn(100);
    }
    await world.turn(1000);
    expect(world.entries()).toEqual({ [key() as string]: valueBy(1) });
    expect((await registry.read()).revision - before).toBeLessThan(50 + 10);
  });

  it('when what it says changes', async () => {
    const world = new World();
    const { key, settle } = await world.node(1);
    await settle(parseNetwork('{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan","VNI":7}}'));
    expect(world.entries()).toEqual({ [key() as string]: valueBy(1).replace('"VNI":1', '"VNI":7') });
  });

  it('when a snapshot comes late that knows nothing of it', async () => {
    const world = new World();
    const node = world.idle(1);
    const early = await node.registry.read();
    await world.put('10.5.3.0-24', valueBy(3));
    await node.settle(NETWORK);
    await node.own.settle(early, { network: NETWORK, ends: endsOf(1) });
    expect(node.said).toHaveLength(1);
    expect(node.own.status().standing).toBe('held');
  });

  it('though no answer came to a write that was made', async () => {
    const world = new World();
    const { own, registry, key } = await world.node(1);
    const mine = key() as string;
    const renew = registry.renew.bind(registry);
    registry.renew = async (...said) => {
      await renew(...said);
      registry.renew = renew;
      throw new Error('no answer');
    };
    await world.turn(23 * HOUR_MS);
    await world.turn(10 * 60_000);
    expect(own.status().standing).toBe('held');
    expect(own.status().secondsLeft).toBe(await registry.timeLeft(mine));
    await world.turn(48 * HOUR_MS);
    expect(Object.keys(world.entries())).toEqual([mine]);
  });
});

describe('a lease that another node has now', () => {
  async function robbed(forceNew: boolean) {
    const world = new World();
    const node = await world.node(1, { forceNew });
    const mine = node.key() as string;
    await world.put(mine, valueBy(2));
    await world.turn(0);
    return { world, node, mine };
  }

  it('is left to it, said once, and forwarded with', async () => {
    const { world, node, mine } = await robbed(false);
    await node.settle(NETWORK);
    await world.turn(HOUR_MS);
    await world.put(mine, valueBy(2));
    await world.turn(12 * HOUR_MS);
    expect(node.said.slice(1)).toEqual([
      expect.stringMatching(
        /^warn: 10\.5\.\d+\.0\/24 is the node 192\.168\.0\.2's now: .*--force-new takes another$/,
      ),
    ]);
    expect(node.own.status()).toMatchObject({ standing: 'taken', key: mine });
    expect(world.entries()).toEqual({ [mine]: valueBy(2) });
    expect(await node.own.release()).toBe(false);
    expect(world.entries()).toEqual({ [mine]: valueBy(2) });
  });

  it('is taken again when that node gives it back', async () => {
    const { world, node, mine } = await robbed(false);
    await world.remove(mine);
    await world.turn(1000);
    expect(world.entries()).toEqual({ [mine]: valueBy(1) });
    expect(node.own.status()).toMatchObject({ standing: 'held' });
  });

  it('is replaced by another one if that is wanted', async () => {
    const { world, node, mine } = await robbed(true);
    expect(node.own.status().standing).toBe('held');
    expect(node.key()).not.toBe(mine);
    expect(world.entries()).toEqual({ [mine]: valueBy(2), [node.key() as string]: valueBy(1) });
    expect(node.standings.at(-1)).toBe('held');
    expect(node.own.subnets && formatKey(node.own.subnets)).toBe(node.key());
  });

  it('by a race for one of its families is not replaced either', async () => {
    const world = new World();
    const both = network('"EnableIPv6":true,"IPv6Network":"fc00::/48",');
    const node = await world.node(1, {}, both);
    const mine = node.key() as string;
    const create = node.registry.create.bind(node.registry);
    node.registry.create = async (...said) => {
      await world.put(mine.replace(/&.*/, '&fc00:0:0:ff00::-64'), valueBy(2));
      node.registry.create = create;
      return create(...said);
    };
    await world.remove(mine);
    await world.turn(1000);
    expect(node.own.status()).toMatchObject({ standing: 'taken', key: mine });
    expect(Object.values(world.entries())).toEqual([valueBy(2)]);
  });

  it('in part is not taken again', async () => {
    const world = new World();
    const node = await world.node(1);
    const mine = node.key() as string;
    node.registry.goAway('it is away');
    await world.remove(mine);
    await world.put(mine.replace('-24', '-25'), valueBy(2));
    node.registry.comeBack();
    await node.settle(NETWORK);
    expect(node.own.status()).toMatchObject({ standing: 'taken', key: mine });
    expect(Object.keys(world.entries())).toEqual([mine.replace('-24', '-25')]);
  });
});

describe('two nodes with one address', () => {
  it('do not fight: the one that was there says so and leaves it', async () => {
    const world = new World();
    const first = await world.node(1);
    const mac = 'c6:d2:32:6f:8f:44';
    await world.put(first.key() as string, valueBy(1, mac));
    for (let round = 0; round < 5; round++) {
      await world.turn(HOUR_MS);
      await first.settle(NETWORK);
    }
    expect(world.entries()).toEqual({ [first.key() as string]: valueBy(1, mac) });
    expect(first.own.status().standing).toBe('disputed');
    expect(first.said.slice(1)).toEqual([
      expect.stringMatching(/^warn: another node has our address 192\.168\.0\.1 .* \(--public-ip\)/),
    ]);
    await world.remove(first.key() as string);
    await world.turn(1000);
    expect(first.own.status().standing).toBe('held');
  });
});

describe('a network that changes', () => {
  const NARROW = network('"SubnetMin":"10.5.200.0",');

  it('leaves the lease where it is, and it is said that it does not fit', async () => {
    const world = new World();
    const { own, settle, said, key } = await world.node(1, { random: () => 0 });
    await settle(NARROW);
    await world.turn(72 * HOUR_MS);
    await settle(NARROW);
    expect(own.status().standing).toBe('unfit');
    expect(said.slice(1)).toEqual([
      expect.stringMatching(/^warn: our subnet 10\.5\.1\.0\/24 does not fit the network any more/),
    ]);
    expect(Object.keys(world.entries())).toEqual([key()]);
    await settle(NETWORK);
    expect(own.status()).toEqual({
      standing: 'held',
      secondsLeft: expect.any(Number),
      key: key(),
      subnets: own.subnets,
    });
  });

  it('is said again of no renewal that had to wait', async () => {
    const world = new World();
    const { own, registry, settle, said } = await world.node(1, { random: () => 0 });
    await settle(NARROW);
    const { problem } = own.status();
    await world.turn(22.5 * HOUR_MS);
    registry.goAway('it is away');
    await world.turn(HOUR_MS);
    expect(own.status().problem).toMatch(/it is away$/);
    registry.comeBack();
    await world.turn(60_000);
    expect(said).toHaveLength(4);
    expect(own.status()).toMatchObject({ standing: 'unfit', problem });
  });

  it('and has no free subnet, is no reason to forward less', async () => {
    const world = new World();
    const { own, settle, key } = await world.node(1, { random: () => 0, forceNew: true });
    const tiny = parseNetwork('{"Network":"10.5.16.0/28","Backend":{"Type":"vxlan"}}');
    for (const other of ['10.5.16.4-30', '10.5.16.8-30', '10.5.16.12-30']) await world.put(other, valueBy(9));
    await settle(tiny);
    expect(own.status()).toMatchObject({ standing: 'lost', key: '10.5.1.0-24' });
    expect(own.subnets).toEqual(parseKey('10.5.1.0-24'));
    await world.remove('10.5.16.8-30');
    await world.turn(60_000);
    expect(own.status().standing).toBe('held');
    expect(key()).toBe('10.5.16.8-30');
  });

  it('is followed if that is wanted', async () => {
    const world = new World();
    const { own, settle, key } = await world.node(1, { random: () => 0, forceNew: true });
    await settle(NARROW);
    expect(own.status().standing).toBe('held');
    expect(key()).toBe('10.5.200.0-24');
    expect(Object.keys(world.entries())).toEqual(['10.5.200.0-24']);
  });
});

describe('a lease is given back', () => {
  it('and not taken again', async () => {
    const world = new World();
    const { own, registry } = await world.node(1);
    expect(await own.release()).toBe(true);
    await world.turn(48 * HOUR_MS);
    expect(world.entries()).toEqual({});
    expect((await registry.read()).entries).toEqual([]);
  });

  it('for a node that does not run, by its addresses and MACs', async () => {
    const world = new World();
    await world.put('10.5.9.0-24', valueBy(1));
    await world.put('10.5.10.0-24', valueBy(1, 'c6:d2:32:6f:8f:44'));
    await world.put('10.5.11.0-24', valueBy(2));
    expect(await giveBack(world.store.registry(), NETWORK.vni, endsOf(1))).toBe(1);
    expect(Object.keys(world.entries())).toEqual(['10.5.10.0-24', '10.5.11.0-24']);
  });

  it('or not taken at all by a node that is stopped meanwhile', async () => {
    const world = new World();
    const { own, registry, settle, said } = world.idle(1);
    const create = registry.create.bind(registry);
    registry.create = async (key, ...said) => {
      await world.put(key, valueBy(9));
      own.stop();
      return create(key, ...said);
    };
    await settle(NETWORK);
    await world.turn(HOUR_MS);
    expect(Object.values(world.entries())).toEqual([valueBy(9)]);
    expect(said).toEqual([]);
  });

  it('but stays when the node only stops', async () => {
    const world = new World();
    const { own, key } = await world.node(1);
    own.stop();
    await world.turn(HOUR_MS);
    expect(Object.keys(world.entries())).toEqual([key()]);
    expect(world.clock.waiting).toBe(0);
  });
});
