// Pairs of hosts in network namespaces, each pair on a cable of its own; what stands on them is gone after `close`.
//
//   a [ vx0 10.0.0.1 ] eth0 192.0.2.1 ──── 192.0.2.2 eth0 [ vx0 10.0.0.2 ] b
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** What a cable does to packets: none above the MTU, checksums finished; the receiver merges as a card's driver does. */
const WIRE = 'tso off gso off tx-udp-segmentation off tx-udp_tnl-segmentation off tx off gro on';

export class Rig {
  /** A folder for what the run needs: programs, databases, sockets. */
  folder = mkdtempSync(join(tmpdir(), 'vtep-bench-'));
  #aborting = new AbortController();
  #children = [];
  #namespaces = [];

  get signal() {
    return this.#aborting.signal;
  }

  /** Two hosts on a cable. `wire` makes the veth do what a cable does, `veth` leaves it as it comes. */
  async pair(name, underlay) {
    const hosts = ['a', 'b'].map((letter, i) => new Host(this, `${name}-${letter}`, i + 1));
    const [a, b] = hosts;
    for (const { netns } of hosts) {
      this.#namespaces.push(netns);
      await this.run('ip', 'netns', 'add', netns);
    }
    for (const host of hosts) await host.quiet();
    await a.ip(`link add eth0 type veth peer name eth0 netns ${b.netns}`);
    for (const host of hosts) {
      await host.ip(`address add ${host.underlay}/24 dev eth0`, 'link set lo up', 'link set eth0 up');
      if (underlay === 'wire') await host.run('ethtool', '-K', 'eth0', ...WIRE.split(' '));
    }
    return hosts;
  }

  run(command, ...words) {
    return run(command, words, { signal: this.signal, maxBuffer: 1 << 26 });
  }

  /** Starts a program that runs until it ends by itself or the rig closes; `said` is what it printed. */
  spawn(command, ...words) {
    this.signal.throwIfAborted();
    const child = spawn(command, words, { stdio: ['pipe', 'pipe', 'pipe'] });
    child.said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        child.said += chunk;
      });
    }
    // what went wrong is seen by who waits for it: it is not running, or said nothing
    for (const emitter of [child, child.stdin]) emitter.on('error', () => {});
    this.#children.push(child);
    return child;
  }

  /** From now on nothing is begun, and what waits is interrupted. */
  abort() {
    this.#aborting.abort();
    for (const child of this.#children) child.kill('SIGTERM');
  }

  /** Takes down what stands, so that something else can be put up. */
  async clear() {
    const children = this.#children.splice(0);
    for (const child of children) if (isRunning(child)) child.kill('SIGTERM');
    await Promise.all(children.map(hasEnded));
    for (const netns of this.#namespaces.splice(0))
      spawnSync('ip', ['netns', 'del', netns], { stdio: 'ignore' });
  }

  async close() {
    await this.clear();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

class Host {
  constructor(rig, name, number) {
    this.rig = rig;
    this.name = name;
    this.netns = `vtep-bench-${process.pid}-${name}`;
    this.number = number;
    this.underlay = `192.0.2.${number}`;
    this.address = `10.0.0.${number}`;
  }

  /** No packets but those that are measured: IPv6 would announce itself on every device. */
  quiet() {
    const words = ['all', 'default'].map((which) => `net.ipv6.conf.${which}.disable_ipv6=1`);
    return this.run('sysctl', '-q', '-w', ...words);
  }

  async ip(...lines) {
    for (const line of lines) await this.rig.run('ip', '-n', this.netns, ...line.split(' '));
  }

  run(command, ...words) {
    return this.rig.run('ip', 'netns', 'exec', this.netns, command, ...words);
  }

  /** `ip netns exec` becomes the program, so that the child's pid is the program's. */
  spawn(command, ...words) {
    return this.rig.spawn('ip', 'netns', 'exec', this.netns, command, ...words);
  }
}

export function isRunning(child) {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

/** Until it has ended; what does not end by SIGTERM in 3 s is killed. */
export async function hasEnded(child) {
  if (!isRunning(child)) return;
  const impatient = setTimeout(() => child.kill('SIGKILL'), 3000);
  await once(child, 'exit');
  clearTimeout(impatient);
}

/** Waits for what a program prints; throws with what it said when it ends before. */
export async function untilSaid(child, text, what) {
  await until(() => child.said.includes(text) || !isRunning(child), what);
  if (child.said.includes(text)) return;
  const { signalCode, exitCode } = child;
  throw new Error(`${what} ended (${signalCode ?? exitCode}): ${child.said.trim()}`);
}

export async function until(condition, what) {
  for (const end = Date.now() + 10_000; Date.now() < end; await pause(5)) if (await condition()) return;
  throw new Error(`waited 10 s in vain for ${what}`);
}
