/**
 * A host with a /run, mounts and processes of its own besides its network, so that namespaces, daemons and sockets of
 * one do not meet those of another by name. What was started there is gone with `lab.close()`.
 */
import type { ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Host, Place } from './netns.ts';
import { waitFor } from './wait-for.ts';

const UNSHARE = 'unshare --mount --pid --fork --kill-child --mount-proc'.split(' ');
const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema';
const OVS = `
mkdir -p /run/openvswitch
ovsdb-tool create /run/openvswitch/conf.db ${SCHEMA}
ovsdb-server --detach --no-chdir --pidfile --remote=punix:/run/openvswitch/db.sock /run/openvswitch/conf.db
ovs-vsctl --timeout=10 --no-wait init
ovs-vswitchd --detach --no-chdir --pidfile 2>/dev/null
`;

export class Machine {
  readonly host: Host;
  /** The first process there, whose end ends all of them. */
  private readonly root: number;
  private readonly folder: string;
  private scripts = 0;

  private constructor(host: Host, root: number, folder: string) {
    this.host = host;
    this.root = root;
    this.folder = folder;
  }

  static async open(host: Host, folder: string): Promise<Machine> {
    const child = host.spawn(
      ...(UNSHARE as [string]),
      'sh',
      '-c',
      'mount -t tmpfs run /run && echo up && cat',
    );
    await said(child, 'up');
    const root = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8'));
    return new Machine(host, root, folder);
  }

  /** Runs a program to its end; throws when it fails. */
  run(command: string, ...words: string[]): Promise<string> {
    return this.host.run('nsenter', '-t', `${this.root}`, '-m', '-p', command, ...words);
  }

  async json<T>(command: string, ...words: string[]): Promise<T> {
    return JSON.parse((await this.run(command, ...words)) || '[]') as T;
  }

  /** A program that runs until it is stopped or the lab closes. */
  spawn(command: string, ...words: string[]): ChildProcess {
    return this.host.spawn('nsenter', '-t', `${this.root}`, '-m', '-p', command, ...words);
  }

  /** The same in a namespace of it. */
  inside(netns?: string): Place {
    const at = netns ? ['ip', 'netns', 'exec', netns] : ['env'];
    return {
      run: (...words) => this.run(at[0], ...at.slice(1), ...words),
      spawn: (...words) => this.spawn(at[0], ...at.slice(1), ...words),
    };
  }

  /** Runs these lines until one fails, by `wrapper` if there is one. */
  script(lines: readonly string[], wrapper: readonly string[] = []): Promise<string> {
    const path = join(this.folder, `${this.host.netns}-${this.scripts++}.sh`);
    writeFileSync(path, `${lines.join('\n')}\n`);
    const [command, ...words] = [...wrapper, 'bash', '-e', path];
    return this.run(command, ...words);
  }

  /** Replies that came back to this host, or to a namespace of it. */
  async ping(to: string, netns?: string): Promise<number> {
    const words = ['-c', '2', '-i', '0.1', '-W', '2', to];
    const out = await this.inside(netns)
      .run('ping', ...words)
      .catch((error) => error.stdout as string);
    return Number(/(\d+) received/.exec(out)?.[1] ?? 0);
  }

  /** An Open vSwitch of its own, which the plain `ovs-vsctl` finds. */
  async startOvs(): Promise<void> {
    await this.script(OVS.trim().split('\n'));
  }
}

async function said(child: ChildProcess, word: string): Promise<void> {
  let all = '';
  child.stdout?.on('data', (chunk) => {
    all += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    all += chunk;
  });
  await waitFor(() => all.includes(word) || child.exitCode !== null, `"${word}"`);
  if (!all.includes(word)) throw new Error(`the machine did not start: ${all}`);
}
