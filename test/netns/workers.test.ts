/**
 * Several workers: queues of one TAP, sockets that share one port, flows that keep to one worker each way.
 *
 *   a [ vx0 10.0.0.1, two queues ] eth0 ──── eth0 [ vx0 10.0.0.2, the kernel's or two queues too ] b
 *     192.0.2.1, fd00:2::1                     192.0.2.2, fd00:2::2
 */
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Host, Lab } from '../support/netns.ts';
import { sendBothWays } from '../support/order.ts';
import { transfer } from '../support/transfer.ts';
import { commandForAll, failing, VtepProcess } from '../support/vtep-process.ts';
import { waitFor } from '../support/wait-for.ts';

const TWO = 'vx0 id 42 --workers 2 up address 10.0.0.1/24';
const MEGABYTE = 1 << 20;

function twoHosts(lab: Lab): [Host, Host] {
  const [a, b] = [lab.host('a'), lab.host('b')];
  lab.cable(a, ['192.0.2.1/24', 'fd00:2::1/64'], b, ['192.0.2.2/24', 'fd00:2::2/64']);
  return [a, b];
}

function kernelVxlan(b: Host, remote: string): void {
  b.ip(`link add vx0 type vxlan id 42 remote ${remote} dstport 4789 dev eth0`);
  b.ip('address add 10.0.0.2/24 dev vx0', 'link set vx0 up');
}

/** Frames that each worker took from the TAP, and brought to it. */
async function shares(vtep: VtepProcess): Promise<{ out: number[]; back: number[] }> {
  const lines = [...(await vtep.dump()).matchAll(/^ {2}worker \d+: rxFrames (\d+),.* txFrames (\d+),/gm)];
  return { out: lines.map((line) => Number(line[2])), back: lines.map((line) => Number(line[1])) };
}

/** Python: asks to share the port, as anybody may who is the same user; prints what came of it. */
const JOIN = `
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
try:
    s.bind((sys.argv[1], 4789))
    print("bound", flush=True)
    sys.stdin.read()
except OSError as error:
    print(error.errno)
`;

describe.each([
  ['the kernel', '192.0.2.1', '192.0.2.2'],
  ['the kernel', 'fd00:2::1', 'fd00:2::2'],
  ['itself', '192.0.2.1', '192.0.2.2'],
])('two workers against %s, from %s to %s', (peer, here, there) => {
  const lab = new Lab();
  let [a, b]: Host[] = [];
  let vtep: VtepProcess;
  beforeAll(async () => {
    [a, b] = twoHosts(lab);
    vtep = await VtepProcess.start(a, `${TWO} remote ${there}`);
    if (peer === 'the kernel') kernelVxlan(b, here);
    else await VtepProcess.start(b, `vx0 id 42 remote ${here} --workers 2 up address 10.0.0.2/24`);
  });
  afterAll(() => lab.close());

  it('say how many they are, and ping', async () => {
    expect(vtep.stdout).toContain(', 2 workers\n');
    expect(await a.ping('10.0.0.2')).toBe(2);
    expect(await b.ping('10.0.0.1')).toBe(2);
  });

  it('carry a TCP flow each way, and every byte is right', async () => {
    for (const [from, to, address] of [
      [a, b, '10.0.0.2'],
      [b, a, '10.0.0.1'],
    ] as const) {
      const [sent, received] = await transfer({ from, to, address, protocol: 'tcp', size: 64 * MEGABYTE });
      expect(received).toBe(sent);
    }
  });

  it('keep each of many flows in order, both ways, and share them', async () => {
    const before = await shares(vtep);
    const [flows, count] = [24, 3000];
    let fewest = 0;
    // on a busy machine much may overflow a queue, and then there is little to be out of order: again
    for (let round = 0; round < 3 && fewest <= (flows * count) / 2; round++) {
      const ways = await sendBothWays([a, '10.0.0.1'], [b, '10.0.0.2'], flows, count);
      for (const { flows: seen, late } of ways) {
        expect(late).toBe(0);
        expect(seen).toBe(flows);
      }
      fewest = Math.min(...ways.map(({ arrived }) => arrived));
    }
    expect(fewest).toBeGreaterThan((flows * count) / 2);
    const after = await shares(vtep);
    for (const way of ['out', 'back'] as const) {
      const carried = after[way].map((total, worker) => total - before[way][worker]);
      expect(carried).toHaveLength(2);
      // as much as one flow of 24 at least: that one of two has none happens once in some million times
      for (const share of carried) expect(share).toBeGreaterThanOrEqual(count);
    }
  });

  it('learn once, whichever worker it was', async () => {
    const entries = (await vtep.dump()).split('\n').filter((line) => line.includes(' dev vx0 dst '));
    expect(entries).toHaveLength(2); // the default destination, and the peer's address
  });
});

describe('two workers', () => {
  const lab = new Lab();
  let [a, b]: Host[] = [];
  const words = `${TWO} remote 192.0.2.2`;
  const links = async () => await a.run('ip', 'link');
  beforeAll(() => {
    [a, b] = twoHosts(lab);
    kernelVxlan(b, '192.0.2.1');
  });
  afterAll(() => lab.close());

  it.each(['SIGINT', 'SIGTERM'] as const)('end on %s, and leave nothing', async (signal) => {
    const vtep = await VtepProcess.start(a, words);
    expect(await vtep.stop(signal)).toMatchObject({ code: 0 });
    expect(await links()).not.toContain('vx0');
  });

  it('leave nothing after SIGKILL', async () => {
    const vtep = await VtepProcess.start(a, words);
    await vtep.stop('SIGKILL');
    await waitFor(async () => !(await links()).includes('vx0'), 'the TAP to vanish');
    await (await VtepProcess.start(a, words)).stop();
  });

  it('end both with a sentence when their TAP is deleted', async () => {
    const vtep = await VtepProcess.start(a, words);
    a.ip('link del vx0');
    const { code, stderr } = await vtep.ended();
    expect(code).toBe(1);
    expect(stderr).toMatch(/^vtep: the TAP is gone/m);
  });

  it('go on when their TAP was down', async () => {
    const vtep = await VtepProcess.start(a, words);
    a.ip('link set vx0 down');
    await b.ping('10.0.0.1', '-c', '3', '-W', '1');
    await waitFor(async () => (await vtep.counter('tap-down')) > 0, 'frames for a TAP that is down');
    a.ip('link set vx0 up');
    await waitFor(async () => (await a.ping('10.0.0.2', '-c', '1')) === 1, 'the TAP to carry again');
    await vtep.stop();
  });

  it('leave no free queue to another', async () => {
    const vtep = await VtepProcess.start(a, words);
    const { code, stderr } = await failing(a, 'vx0 id 43 dstport 4790');
    expect(code).toBe(2);
    expect(stderr).toMatch(/^vtep: the TAP vx0 cannot be opened \(EBUSY\): another process holds it$/m);
    expect(await a.ping('10.0.0.2')).toBe(2);
    await vtep.stop();
  });

  it('refuse their own datagrams when the underlay brings them back', async () => {
    const vtep = await VtepProcess.start(a, `${TWO} local 192.0.2.1 remote 192.0.2.1 dstport 4999`);
    // two flows at least, so that either worker has some of them
    for (let i = 0; i < 4; i++) await a.ping(`10.0.0.${100 + i}`, '-c', '1', '-W', '1');
    await waitFor(async () => (await vtep.counter('own-datagram')) > 3, 'datagrams that came back');
    expect(await vtep.counter('rxFrames')).toBe(0);
    await vtep.stop();
  });

  it.each(['0.0.0.0', '192.0.2.1', '::', 'fd00:2::1'])(
    'share their port with nobody at %s',
    async (address) => {
      const remote = address.includes(':') ? 'fd00:2::2' : '192.0.2.2';
      const vtep = await VtepProcess.start(a, `${TWO} remote ${remote}`);
      expect((await a.run('/usr/bin/python3', '-c', JOIN, address)).trim()).toBe('98');
      const second = await failing(a, `vx1 id 43 --workers 2 remote ${remote}`);
      expect(second.code).toBe(2);
      expect(second.stderr).toContain('UDP port 4789 is in use (EADDRINUSE)');
      await vtep.stop();
    },
  );

  it('take no port that somebody shares already', async () => {
    const other = a.spawn('/usr/bin/python3', '-c', JOIN, '0.0.0.0');
    let said = '';
    other.stdout?.on('data', (chunk) => {
      said += chunk;
    });
    await waitFor(() => said.includes('bound'), 'the other one');
    const { code, stderr } = await failing(a, words);
    expect(code).toBe(2);
    expect(stderr).toContain('UDP port 4789 is in use (EADDRINUSE)');
    other.stdin?.end();
    await waitFor(() => other.exitCode !== null, 'the other one to end');
  });

  it('are refused by a TAP of one queue; auto makes do with it', async () => {
    a.ip('tuntap add dev vx0 mode tap');
    const { code, stderr } = await failing(a, words);
    expect(code).toBe(2);
    expect(stderr).toContain('--workers 2: the TAP vx0 was made with one queue');
    expect(stderr).toContain('`ip tuntap add dev vx0 mode tap multi_queue`');
    const vtep = await VtepProcess.start(a, words.replace('--workers 2', '--workers auto'));
    expect(await a.ping('10.0.0.2')).toBe(2);
    await vtep.stop();
    a.ip('tuntap del dev vx0 mode tap');
  });

  it('need no capability on a TAP of several queues that root prepared, and leave it as it was', async () => {
    a.ip('tuntap add dev vx0 mode tap multi_queue user 65534', 'address add 10.0.0.1/24 dev vx0');
    a.ip('link set vx0 mtu 1450 up');
    const nobody = '--reuid 65534 --regid 65534 --clear-groups --bounding-set -all --inh-caps=-all';
    const run = [
      'setpriv',
      ...nobody.split(' '),
      process.execPath,
      commandForAll(lab),
      'run',
      'vx0',
      'id',
      '42',
    ];
    const script = `mount -t tmpfs none /dev/net && mknod -m 666 /dev/net/tun c 10 200 && exec "$@"`;
    const given = ['--mount', 'sh', '-c', script, 'sh', ...run, 'remote', '192.0.2.2', '--workers', '2'];
    for (let i = 0; i < 2; i++) {
      const vtep = new VtepProcess(a.spawn('unshare', ...given));
      await vtep.ready();
      expect(await a.ping('10.0.0.2')).toBe(2);
      expect((await vtep.stop()).code).toBe(0);
    }
    expect(await a.run('ip', '-d', 'link', 'show', 'vx0')).toContain('multi_queue numqueues 0');
    a.ip('tuntap del dev vx0 mode tap multi_queue');
  });

  it('are as many as half of the cores, where that is left to vtep', async () => {
    const cores = Number(spawnSync('nproc', { encoding: 'utf8' }).stdout);
    const vtep = await VtepProcess.start(a, words.replace('--workers 2', '--workers auto'));
    const workers = Math.min(Math.max(Math.floor(cores / 2), 1), 16);
    expect(/, (\d+) workers\n/.exec(vtep.stdout)?.[1] ?? '1').toBe(`${workers}`);
    await vtep.stop();
  });
});
