/**
 * What may happen to etcd, and to a node's way to it, under traffic between containers: it goes on.
 *
 *   a [ c ]          b [ c ]          etcd
 *   192.0.2.1        192.0.2.2        192.0.2.100
 *      └──────────── switch ─────────────┘
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Container, FlannelLab, type FlannelNode } from '../support/flannel.ts';
import { Lab } from '../support/netns.ts';
import { Stream } from '../support/stream.ts';
import { waitFor } from '../support/wait-for.ts';

/** A lease of so many seconds is renewed at half of its time. */
const SHORT = ['--lease-ttl', '8'];
const RATE = 5000;

describe('a flannel network whose etcd', () => {
  const lab = new Lab();
  let flannel: FlannelLab;
  let a: FlannelNode;
  let b: FlannelNode;
  let c: Container;
  let d: Container;

  beforeAll(async () => {
    flannel = await FlannelLab.open(lab);
    a = flannel.node('a', 1);
    b = flannel.node('b', 2);
  });
  afterAll(() => flannel.close());

  /** Nothing of a stream is lost while something happens. */
  const undisturbed = async (happening: () => Promise<void>) => {
    a.beLenient();
    const stream = await Stream.start(c.host, d.host, d.ip, 7000, RATE);
    const failed = await happening().catch((error: Error) => error);
    const { sent, arrived } = await stream.end();
    if (failed) throw failed;
    expect(sent).toBeGreaterThan(RATE);
    expect(arrived).toBe(sent);
  };
  const held = (node: FlannelNode) =>
    waitFor(async () => (await node.status()).own.standing === 'held', 'the lease to be held', 30_000);
  const heard = (node: FlannelNode) =>
    waitFor(async () => (await node.status()).registry.away === undefined, 'etcd to be heard', 60_000);

  it('is away at the start is waited for, said once, without haste', async () => {
    await flannel.etcd.end();
    const run = a.begin(...SHORT);
    await waitFor(() => run.stderr.includes('waited for'), 'the node to miss etcd');
    const before = cpuSeconds(run.pid);
    const status = await a.status();
    expect(status.registry.away).toMatch(/192\.0\.2\.100:2379/);
    expect(status.own.standing).toBe('none');
    const began = Date.now();
    await waitFor(() => Date.now() - began > 4000, 'some time to pass');
    expect(cpuSeconds(run.pid) - before).toBeLessThan(1);
    expect(run.stderr.trim().split('\n')).toHaveLength(1);
    await flannel.etcd.begin();
    await flannel.config('{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}');
    await a.ready(60_000);
    expect(run.stderr).toContain('answers again');
    await b.start(...SHORT);
    c = a.container();
    d = b.container();
    await waitFor(async () => (await c.ping(d, '-c', '1')) === 1, 'the containers to reach each other');
  });

  it('is killed under traffic costs no packet, and the leases are renewed after', async () => {
    await undisturbed(async () => {
      await flannel.etcd.end('SIGKILL');
      await waitFor(async () => (await a.status()).registry.away !== undefined, 'a to miss etcd', 20_000);
      await waitFor(() => /cannot be kept now/.test(a.run.stderr), 'a to miss its renewal', 20_000);
      await flannel.etcd.begin();
      await heard(a);
      await waitFor(async () => {
        const { secondsLeft = 0, problem } = (await a.status()).own;
        return secondsLeft > 4 && problem === undefined;
      }, 'the lease to be renewed');
    });
    for (const node of [a, b]) {
      await held(node);
      expect(await flannel.lease(node)).toContain(node.address);
    }
  });

  it('hangs is noticed, and costs no packet', async () => {
    await undisturbed(async () => {
      flannel.etcd.stop();
      await waitFor(async () => (await a.status()).registry.away !== undefined, 'a to miss etcd', 40_000);
      flannel.etcd.continue();
      await heard(a);
    });
    await held(a);
  });

  it('has lost all its data costs no packet: every node writes its lease again', async () => {
    const subnets = [a.subnet, b.subnet];
    await undisturbed(async () => {
      await flannel.etcd.end();
      flannel.etcd.wipe();
      await flannel.etcd.begin();
      await waitFor(async () => (await flannel.lease(a)) !== undefined, 'the lease of a', 60_000);
      await waitFor(async () => (await flannel.lease(b)) !== undefined, 'the lease of b', 60_000);
      await waitFor(() => a.run.stderr.includes('the one before stays in force'), 'a to say so');
      await a.verb('init', '--network', '10.5.0.0/16');
      await waitFor(async () => (await a.status()).problems.length === 0, 'a to have its config again');
    });
    expect((await a.status()).own).toMatchObject({ standing: 'held', subnets: [subnets[0]] });
    expect((await b.status()).own).toMatchObject({ standing: 'held', subnets: [subnets[1]] });
  });

  it('has all its keys deleted is the same', async () => {
    await undisturbed(async () => {
      const [key, range_end] = ['/coreos.com/network/', '/coreos.com/network0'].map((text) =>
        Buffer.from(text).toString('base64'),
      );
      await flannel.etcd.call('kv/deleterange', { key, range_end });
      for (const node of [a, b]) {
        await waitFor(async () => (await flannel.lease(node)) !== undefined, 'its lease', 30_000);
      }
      await a.verb('init', '--network', '10.5.0.0/16');
      await waitFor(async () => (await a.status()).problems.length === 0, 'a to have its config again');
    });
  });

  it('is compacted under the watch misses nothing', async () => {
    await flannel.etcd.compact();
    const late = flannel.node('late', 9);
    await late.start(...SHORT);
    await waitFor(async () => (await a.status()).peers.length === 2, 'a to hear of the late one');
    await late.verb('leave');
    await waitFor(async () => (await a.status()).peers.length === 1, 'a to hear that it has gone');
  });

  it('cannot be reached by one node for longer than its lease: it goes on, and has its subnet after', async () => {
    const { subnet } = a;
    a.cutOff();
    await waitFor(async () => (await b.status()).peers.length === 0, 'the lease of a to run out', 40_000);
    // what a knows it keeps
    expect((await a.status()).peers).toMatchObject([{ subnet: b.subnet, programmed: true }]);
    expect(await a.host.run('ip', 'route', 'show', b.subnet)).toContain('flannel.1');
    a.rejoin();
    await waitFor(async () => (await b.status()).peers.length === 1, 'a to be back', 60_000);
    expect((await b.status()).peers).toMatchObject([{ subnet, programmed: true }]);
    await waitFor(async () => (await c.ping(d, '-c', '1')) === 1, 'the containers to reach each other');
    expect((await a.status()).own).toMatchObject({ standing: 'held', subnets: [subnet] });
  });

  it('has given its subnet to another: it says so, keeps it, and takes another only with --force-new', async () => {
    const { subnet } = a;
    a.cutOff();
    await waitFor(async () => (await b.status()).peers.length === 0, 'the lease of a to run out', 40_000);
    const value =
      '{"PublicIP":"192.0.2.77","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"02:00:00:00:00:77"}}';
    await flannel.etcd.put(`/coreos.com/network/subnets/${subnet.replace('/', '-')}`, value);
    a.rejoin();
    await waitFor(async () => (await a.status()).own.standing === 'taken', 'a to see it', 60_000);
    expect(a.run.stderr).toMatch(/is the node 192\.0\.2\.77's now.*--force-new takes another/);
    expect(readFileSync(a.subnetFile, 'utf8')).toContain(subnet.replace('.0/24', '.1/24'));
    expect(await a.host.run('ip', 'route', 'show', b.subnet)).toContain('flannel.1');
    await a.end();
    await a.start(...SHORT, '--force-new');
    expect(a.subnet).not.toBe(subnet);
    expect((await a.status()).own).toMatchObject({ standing: 'held', subnets: [a.subnet] });
    await waitFor(
      async () => (await b.status()).peers.some((peer) => peer.subnet === a.subnet),
      'b to follow',
    );
    expect(await a.host.run('ip', 'address', 'show', 'dev', 'flannel.1')).not.toContain(subnet.split('/')[0]);
    const again = a.container('again');
    expect(await again.ping(d)).toBe(2);
  });

  it('has two nodes of one address: both say so, and nobody else suffers', async () => {
    const twin = flannel.node('twin', 8);
    const run = twin.begin(...SHORT, '--public-ip', b.address);
    await waitFor(
      () => /another node has our address/.test(b.run.stderr + run.stderr),
      'one of them to say so',
      30_000,
    );
    const fresh = flannel.node('fresh', 7);
    await fresh.start(...SHORT);
    await waitFor(
      async () => (await a.status()).peers.some(({ remote }) => remote === fresh.address),
      'a to see fresh',
    );
    const e = fresh.container();
    const again = a.containers.at(-1) as Container;
    expect(await e.ping(again)).toBe(2);
    await twin.end();
  });
});

/** User's and system's, of a process of ours. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
