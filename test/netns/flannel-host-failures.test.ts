/**
 * What may happen on a node's own host: its process or its daemon is killed, the disk of its state is full, rights are
 * missing, somebody else is in the way.
 *
 *   a [ c ]          b [ c ]          etcd
 *   192.0.2.1        192.0.2.2        192.0.2.100
 *      └──────────── switch ─────────────┘
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Container, FlannelLab, type FlannelNode, macOf } from '../support/flannel.ts';
import { Lab } from '../support/netns.ts';
import { Random } from '../support/random.ts';
import { commandForAll } from '../support/vtep-process.ts';
import { waitFor } from '../support/wait-for.ts';

describe('a node of a flannel network', () => {
  const lab = new Lab();
  let flannel: FlannelLab;
  let a: FlannelNode;
  let b: FlannelNode;
  let c: Container;
  let d: Container;

  beforeAll(async () => {
    flannel = await FlannelLab.open(lab);
    await flannel.config('{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}');
    [a, b] = [flannel.node('a', 1), flannel.node('b', 2)];
    await Promise.all([a.start(), b.start()]);
    [c, d] = [a.container(), b.container()];
  });
  afterAll(() => flannel.close());

  const reach = () =>
    waitFor(async () => (await c.ping(d, '-c', '1')) === 1, 'the containers to reach each other', 30_000);

  it('is one alone to its state folder', async () => {
    await expect(a.host.run(process.execPath, ...a.command())).rejects.toThrow(
      /a node of the state folder \S+ runs already; --state names another \(EADDRINUSE\)/,
    );
    expect(a.run.code).toBeUndefined();
  });

  it('whose daemon is killed starts one, and programs all of it again', async () => {
    const before = a.daemonPid as number;
    const mac = await macOf(a.host, 'flannel.1');
    process.kill(before, 'SIGKILL');
    await reach();
    expect(a.daemonPid).not.toBe(before);
    expect(await macOf(a.host, 'flannel.1')).toBe(mac);
    await waitFor(async () => (await a.status()).tunnels[0].programmed === 1, 'the status to say so');
  });

  it('is mended where somebody took something away', async () => {
    const [base] = b.subnet.split('/');
    a.host.ip(`route del ${b.subnet}`, `neigh del ${base} dev flannel.1`);
    await a.host.run('ip', 'link', 'set', 'cni0', 'down');
    await a.end();
    await a.start();
    await reach();
  });

  it('that is killed in the middle of programming leaves nothing wrong behind', async () => {
    const random = new Random(42);
    const peers = 300;
    await flannel.putLeases(peers);
    await waitFor(async () => (await a.status()).peers.length === peers + 1, 'the many peers', 30_000);
    for (let round = 0; round < 4; round++) {
      await a.end('SIGKILL');
      // each time there is much to be done: all of it is another, or gone
      await flannel.putLeases(round % 2 === 0 ? 0 : peers, round);
      const run = a.begin();
      await waitFor(
        () => readdirSync(a.state).includes('node.sock') || run.code !== undefined,
        'the process',
      );
      const [pause, from] = [random.below(1200), Date.now()];
      await waitFor(() => Date.now() - from > pause, 'a while');
    }
    await a.end('SIGKILL');
    await a.start();
    const status = await a.status();
    expect(status.tunnels).toMatchObject([{ wanted: status.peers.length, programmed: status.peers.length }]);
    const wanted = status.peers.map(({ subnet }) => subnet).sort();
    const routes = await a.host.json<{ dst: string }[]>('ip', '-j', 'route', 'show', 'dev', 'flannel.1');
    expect(routes.map(({ dst }) => dst).sort()).toEqual(wanted);
    const neighbors = await a.host.json<{ lladdr: string }[]>(
      'ip',
      '-j',
      'neigh',
      'show',
      'dev',
      'flannel.1',
      'nud',
      'permanent',
    );
    const macs = status.peers.map(({ mac }) => mac).sort();
    expect(neighbors.map(({ lladdr }) => lladdr).sort()).toEqual(macs);
    const words = ['--socket', a.socket, '-j', 'fdb', 'show', 'dev', 'flannel.1'];
    const fdb = await a.vtep<{ mac: string; dst: string }>(words);
    const placed = status.peers.map(({ mac, remote }) => `${mac} ${remote}`).sort();
    expect(fdb.map(({ mac, dst }) => `${mac} ${dst}`).sort()).toEqual(placed);
    await reach();
    await flannel.putLeases(0);
    await waitFor(async () => (await a.status()).peers.length === 1, 'the many to go', 30_000);
  });

  it('whose state lies on a full disk runs all the same, and says what it could not keep', async () => {
    const full = flannel.node('full', 5);
    mkdirSync(full.state, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8k', 'none', full.state]);
    try {
      try {
        writeFileSync(join(full.state, 'filler'), Buffer.alloc(64 << 10));
      } catch (error) {
        expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC');
      }
      await full.start();
      expect(full.run.stderr).toMatch(/cannot write \S+flannel\.1\.mac: .*\(ENOSPC\)/);
      expect(full.run.stderr).toMatch(/node\.json cannot be written: .*\(ENOSPC\)/);
      const container = full.container();
      await waitFor(async () => (await container.ping(d, '-c', '1')) === 1, 'its container to reach b');
      await full.end();
    } finally {
      execFileSync('umount', [full.state]);
    }
  });

  it('whose link is made by flanneld already says so, and touches nothing', async () => {
    const taken = flannel.node('taken', 6);
    taken.host.ip('link add flannel.1 type vxlan id 1 local 192.0.2.6 dev eth0 dstport 8472 nolearning');
    const run = taken.begin();
    await waitFor(() => run.stderr.includes('stop flanneld'), 'the node to see it', 20_000);
    expect(run.stderr).toMatch(/flannel\.1 is a link of the kernel, as flanneld makes it/);
    // nobody shall send to us, and a lease of flanneld's with our address stays as it is
    expect((await taken.status()).own.standing).toBe('none');
    taken.host.ip('link del flannel.1');
    await taken.ready(60_000);
    await taken.verb('leave');
  });

  it.each([
    [['--iface', 'eth9'], /--iface "eth9" means no interface of this host; there is .*eth0.* \(ENODEV\)/],
    [
      ['--bridge', 'eth0'],
      /--bridge eth0: an interface of this name is there, and it is no bridge \(EEXIST\)/,
    ],
  ])('with %j says what is wrong, and waits for it to be mended', async (words, sentence) => {
    const wrong = flannel.node('wrong', 20 + words[1].length + Number(words[0] === '--bridge'));
    const run = wrong.begin(...words);
    await waitFor(() => sentence.test(run.stderr), 'the sentence');
    expect(run.code).toBeUndefined();
    expect((await wrong.status()).problems.join()).toMatch(sentence);
    await wrong.verb('leave');
  });

  it('of an ordinary user is refused with a sentence', async () => {
    const main = commandForAll(lab);
    const user = ['--reuid=65534', '--regid=65534', '--clear-groups', '--'];
    await expect(a.host.run('setpriv', ...user, process.execPath, main, 'flannel')).rejects.toThrow(
      /vtep: a node makes interfaces and routes: that needs root, or the capability NET_ADMIN \(EPERM\)/,
    );
  });
});
