/**
 * Hosts in network namespaces, on cables or on one switch. Whatever was made is gone after `lab.close()`, also when
 * setting up failed half-way.
 */
import { type ChildProcess, execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { waitFor } from './wait-for.ts';

const run = promisify(execFile);
let made = 0;

/** Where programs run. */
export interface Place {
  run(command: string, ...words: string[]): Promise<string>;
  spawn(command: string, ...words: string[]): ChildProcess;
}

export class Host implements Place {
  readonly lab: Lab;
  readonly netns: string;

  constructor(lab: Lab, name: string) {
    this.lab = lab;
    this.netns = `vt${process.pid}-${made++}-${name}`;
  }

  /** `ip` in this host; throws with what it said. */
  ip(...lines: string[]): void {
    for (const line of lines) execFileSync('ip', ['-n', this.netns, ...line.split(' ')], { stdio: 'pipe' });
  }

  /** Runs a program to its end; throws when it fails. */
  async run(command: string, ...words: string[]): Promise<string> {
    const options = { timeout: 60_000, maxBuffer: 64 << 20 };
    return (await run('ip', ['netns', 'exec', this.netns, command, ...words], options)).stdout;
  }

  async json<T>(command: string, ...words: string[]): Promise<T> {
    return JSON.parse((await this.run(command, ...words)) || '[]') as T;
  }

  /** Starts a program that runs until it is stopped or the lab closes. */
  spawn(command: string, ...words: string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.netns, command, ...words], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.lab.children.push(child);
    return child;
  }

  /** Replies that came back. */
  async ping(to: string, ...words: string[]): Promise<number> {
    const all = ['-c', '2', '-i', '0.1', '-W', '2', ...words, to];
    const out = await this.run('ping', ...all).catch((error) => error.stdout as string);
    return Number(/(\d+) received/.exec(out)?.[1] ?? 0);
  }

  /** Until the IPv6 addresses of a device may be used. */
  async settled(device: string): Promise<void> {
    const tentative = async () =>
      !(await this.run('ip', 'address', 'show', 'dev', device)).includes('tentative');
    await waitFor(tentative, `${device} of ${this.netns} to leave its tentative state`);
  }
}

/** A cable as a network card sees one: no packet above the MTU, all checksums finished. */
export const WIRE = 'tso off gso off tx-udp-segmentation off tx-udp_tnl-segmentation off tx off gro on';

export class Lab {
  readonly children: ChildProcess[] = [];
  /** Folders that go when the lab closes. */
  readonly folders: string[] = [];
  private readonly hosts: Host[] = [];

  host(name: string): Host {
    const host = new Host(this, name);
    execFileSync('ip', ['netns', 'add', host.netns]);
    this.hosts.push(host);
    host.ip('link set lo up');
    // each address would wait a second or two for somebody else to claim it
    const noDad = ['all', 'default'].map((which) => `net.ipv6.conf.${which}.accept_dad=0`);
    execFileSync('ip', ['netns', 'exec', host.netns, 'sysctl', '-qw', ...noDad]);
    return host;
  }

  /** A veth pair from `a` to `b`, called eth0 at both ends, up, with these addresses. */
  cable(a: Host, aAddresses: string[], b: Host, bAddresses: string[]): void {
    a.ip(`link add eth0 type veth peer name eth0 netns ${b.netns}`);
    for (const [host, addresses] of [
      [a, aAddresses],
      [b, bAddresses],
    ] as const) {
      host.ip(...addresses.map((address) => `address add ${address} dev eth0`), 'link set eth0 up');
    }
  }

  /** All hosts on one switch, a bridge in a namespace of its own. */
  switch(ports: readonly (readonly [Host, string])[]): Host {
    const middle = this.host('switch');
    middle.ip('link add br0 type bridge mcast_snooping 0', 'link set br0 up');
    ports.forEach(([host, address], i) => {
      host.ip(`link add eth0 type veth peer name port${i} netns ${middle.netns}`);
      host.ip(`address add ${address} dev eth0`, 'link set eth0 up');
      middle.ip(`link set port${i} master br0 up`);
    });
    return middle;
  }

  /** One that goes when the lab closes. */
  folder(): string {
    const made = mkdtempSync(join(tmpdir(), 'vtep-lab-'));
    this.folders.push(made);
    return made;
  }

  async wire(...hosts: Host[]): Promise<void> {
    for (const host of hosts) await host.run('ethtool', '-K', 'eth0', ...WIRE.split(' '));
  }

  /** Ends every program that was started here. */
  async endPrograms(): Promise<void> {
    const running = this.children.filter((child) => child.exitCode === null && child.signalCode === null);
    const ended = running.map((child) => new Promise((resolve) => child.once('close', resolve)));
    for (const child of running) child.kill('SIGKILL');
    await Promise.all(ended);
  }

  async close(): Promise<void> {
    await this.endPrograms();
    for (const folder of this.folders) rmSync(folder, { recursive: true, force: true });
    const left = this.hosts.filter((host) => spawnSync('ip', ['netns', 'del', host.netns]).status !== 0);
    if (left.length > 0) throw new Error(`left behind: ${left.map((host) => host.netns).join(', ')}`);
  }
}
