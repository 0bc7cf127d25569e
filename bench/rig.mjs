// Two hosts in network namespaces on one cable; what stands on them is gone after `close`.
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const MAIN = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js');
const WIRE = 'tso off gso off tx-udp-segmentation off tx-udp_tnl-segmentation off tx off gro on';
const HOSTS = [
  { name: 'a', underlay: '192.0.2.1', address: '10.0.0.1' },
  { name: 'b', underlay: '192.0.2.2', address: '10.0.0.2' },
];

export class Rig {
  #prefix = `vtep-bench-${process.pid}`;
  #children = [];
  #ends = [];
  #aborting = new AbortController();
  #made = false;

  /** A fresh cable between fresh hosts. */
  async underlay(kind) {
    await this.close();
    if (spawnSync('iperf3', ['--version']).error)
      throw new Error('iperf3 is missing: `apt-get install iperf3`');
    this.#made = true;
    const [a, b] = HOSTS.map(({ name }) => this.#netns(name));
    for (const netns of [a, b]) await this.#ip(['netns', 'add', netns]);
    await this.#ip(['link', 'add', 'eth0', 'netns', a, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', b]);
    for (const { name, underlay } of HOSTS) {
      await this.#ip(['-n', this.#netns(name), 'address', 'add', `${underlay}/24`, 'dev', 'eth0']);
      for (const device of ['lo', 'eth0'])
        await this.#ip(['-n', this.#netns(name), 'link', 'set', device, 'up']);
      if (kind === 'wire') await this.#inside(name, 'ethtool', '-K', 'eth0', ...WIRE.split(' '));
    }
  }

  /** Puts a tunnel up between the hosts: `kernel`, or words for `vtep run`, at each end. */
  async tunnel(...ends) {
    await this.#takeDown();
    for (const [i, how] of ends.entries()) await this.#putUp(HOSTS[i], HOSTS[1 - i], how);
    for (let i = 0; ; i++) {
      const ping = await this.#inside('a', 'ping', '-c', '1', '-W', '1', HOSTS[1].address).catch(
        () => undefined,
      );
      if (ping) return;
      if (i === 10) throw new Error(`no ping through ${ends.join(' and ')}`);
    }
  }

  /** Gbit/s that arrived, from a to b. */
  async tcp(flows, seconds) {
    const server = this.#spawn('b', 'iperf3', '-s', '-1', '--forceflush');
    await until(() => server.said.includes('listening'), 'iperf3 to listen');
    const words = ['-c', HOSTS[1].address, '-P', `${flows}`, '-t', `${seconds}`, '-C', 'cubic', '-J'];
    const { stdout } = await this.#inside('a', 'timeout', `${seconds + 10}`, 'iperf3', ...words);
    await this.#ended(server);
    return JSON.parse(stdout).end.sum_received.bits_per_second / 1e9;
  }

  abort() {
    this.#aborting.abort();
  }

  async close() {
    for (const child of this.#children)
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await Promise.all(this.#children.map((child) => this.#ended(child)));
    this.#children = [];
    this.#ends = [];
    if (this.#made)
      for (const { name } of HOSTS) spawnSync('ip', ['netns', 'del', this.#netns(name)], { stdio: 'ignore' });
    this.#made = false;
  }

  async #putUp(host, other, how) {
    const { name, address } = host;
    if (how === 'kernel') {
      const link = `link add vx0 type vxlan id 42 remote ${other.underlay} dstport 4789 dev eth0 df set`;
      await this.#ip(['-n', this.#netns(name), ...link.split(' ')]);
      await this.#ip(['-n', this.#netns(name), 'address', 'add', `${address}/24`, 'dev', 'vx0']);
      await this.#ip(['-n', this.#netns(name), 'link', 'set', 'vx0', 'up']);
      this.#ends.push(() => this.#ip(['-n', this.#netns(name), 'link', 'del', 'vx0']));
      return;
    }
    const words = `run vx0 id 42 remote ${other.underlay} dev eth0 address ${address}/24 up ${how}`;
    const vtep = this.#spawn(name, process.execPath, MAIN, ...words.split(' '));
    await until(() => vtep.said.includes(' ready: ') || vtep.exitCode !== null, 'vtep to be ready');
    if (vtep.exitCode !== null) throw new Error(vtep.said);
    this.#ends.push(async () => {
      vtep.kill('SIGTERM');
      await this.#ended(vtep);
    });
  }

  async #takeDown() {
    for (const end of this.#ends.splice(0)) await end();
  }

  #netns(name) {
    return `${this.#prefix}-${name}`;
  }

  #ip(words) {
    return run('ip', words, { signal: this.#aborting.signal });
  }

  #inside(name, ...command) {
    return run('ip', ['netns', 'exec', this.#netns(name), ...command], {
      signal: this.#aborting.signal,
      maxBuffer: 1 << 26,
    });
  }

  #spawn(name, ...command) {
    this.#aborting.signal.throwIfAborted();
    const child = spawn('ip', ['netns', 'exec', this.#netns(name), ...command], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        child.said += chunk;
      });
    }
    this.#children.push(child);
    return child;
  }

  async #ended(child) {
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
}

async function until(condition, what) {
  for (const end = Date.now() + 10_000; Date.now() < end; await pause(10)) if (condition()) return;
  throw new Error(`waited 10 s in vain for ${what}`);
}
