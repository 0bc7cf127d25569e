/**
 * Real etcds, on loopback or in hosts of a lab, alone or in clusters. Their data lies in folders of the lab, and they
 * end with it at the latest.
 *
 *   const etcd = await Etcd.start(lab);
 *   const [a, b, c] = await Etcd.cluster(lab, 3);
 *   const there = await Etcd.start(lab, { place: host, address: '192.0.2.1' });
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Certificates } from './certificates.ts';
import type { Lab, Place } from './netns.ts';
import { waitFor } from './wait-for.ts';

export interface EtcdOptions {
  /** Where it runs; without it, here. */
  place?: Pick<Place, 'spawn'>;
  /** Where it listens; an etcd in a host of a lab listens at the host's loopback too. */
  address?: string;
  /** Clients have to show a certificate then. */
  tls?: Certificates;
  /** More words of etcd's command line. */
  words?: readonly string[];
}

/** Of the cluster; no password: everybody may do everything. */
interface Login {
  name: 'root';
  password: string | undefined;
}

interface Member {
  name: string;
  client: number;
  peer: string;
}

/** A request to etcd's gateway as a process of its own, since it may have to be made in another namespace. */
const CALL = `
  import { readFileSync } from 'node:fs';
  const { url, body, token, tls } = JSON.parse(readFileSync(0, 'utf8'));
  const { request } = await import(url.startsWith('https:') ? 'node:https' : 'node:http');
  const file = (name) => tls && readFileSync(tls[name]);
  const options = { method: 'POST', ca: file('ca'), cert: file('clientCert'), key: file('clientKey') };
  const sent = request(url, { ...options, headers: token ? { authorization: token } : {}, timeout: 10_000 });
  sent.on('timeout', () => sent.destroy(new Error(url + ' does not answer')));
  sent.on('response', async (answer) => process.stdout.write((await answer.toArray()).join('')));
  sent.end(JSON.stringify(body));
`;

export const base64 = (text: string) => Buffer.from(text).toString('base64');

/** The first key after all that begin with `prefix`. */
export const rangeEnd = (prefix: string) =>
  base64(prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1));

export class Etcd {
  readonly url: string;
  private readonly lab: Lab;
  private readonly options: EtcdOptions;
  private readonly place: Pick<Place, 'spawn'>;
  private readonly words: readonly string[];
  private readonly data: string;
  private child: ChildProcess | undefined;
  private log = '';
  private readonly login: Login;

  private constructor(lab: Lab, options: EtcdOptions, self: Member, all: Member[], login: Login) {
    const address = options.address ?? '127.0.0.1';
    const scheme = options.tls ? 'https' : 'http';
    this.lab = lab;
    this.options = options;
    this.login = login;
    this.place = options.place ?? { spawn: (...words) => spawnHere(lab, ...words) };
    this.data = join(lab.folder(), 'data');
    this.url = `${scheme}://${address}:${self.client}`;
    const listens = options.place ? `${scheme}://0.0.0.0:${self.client}` : this.url;
    this.words = [
      ...['--name', self.name, '--data-dir', this.data, '--logger', 'zap'],
      ...['--listen-client-urls', listens, '--advertise-client-urls', this.url],
      ...['--listen-peer-urls', self.peer, '--initial-advertise-peer-urls', self.peer],
      ...['--initial-cluster', all.map(({ name, peer }) => `${name}=${peer}`).join(',')],
      ...tlsWords(options.tls),
      ...(options.words ?? []),
    ];
  }

  static async start(lab: Lab, options: EtcdOptions = {}): Promise<Etcd> {
    const [etcd] = await Etcd.cluster(lab, 1, [options]);
    return etcd;
  }

  /** Those who know each other; `options` of each, or none. */
  static async cluster(lab: Lab, size: number, options: readonly EtcdOptions[] = []): Promise<Etcd[]> {
    const ports = await freePorts(2 * size);
    const members = Array.from({ length: size }, (_, i) => ({
      name: `etcd${i}`,
      client: options[i]?.place ? 2379 : ports[2 * i],
      peer: `http://${options[i]?.address ?? '127.0.0.1'}:${options[i]?.place ? 2380 : ports[2 * i + 1]}`,
    }));
    const login: Login = { name: 'root', password: undefined };
    const etcds = members.map((self, i) => new Etcd(lab, options[i] ?? {}, self, members, login));
    await Promise.all(etcds.map((etcd) => etcd.begin()));
    return etcds;
  }

  /** Starts it, again too, on the same data. */
  async begin(): Promise<void> {
    this.log = '';
    const child = this.place.spawn('etcd', ...this.words);
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk) => {
        this.log += chunk;
      });
    }
    const isReady = () => this.log.includes('serving client traffic') || child.exitCode !== null;
    await waitFor(isReady, `etcd at ${this.url}`, 30_000);
    if (child.exitCode !== null) throw new Error(`etcd ended at once: ${this.log}`);
  }

  get pid(): number {
    return this.child?.pid as number;
  }

  /** It neither answers nor closes anything. */
  stop(): void {
    this.child?.kill('SIGSTOP');
  }

  continue(): void {
    this.child?.kill('SIGCONT');
  }

  /** As by `kill -9`: until it is gone. */
  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.child as ChildProcess;
    child.kill(signal);
    await waitFor(() => child.exitCode !== null || child.signalCode !== null, `etcd at ${this.url} to end`);
  }

  /** After SIGKILL it does again what it did last, when it had not written that to its disk yet. */
  async restart(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.end(signal);
    await this.begin();
  }

  /** It has ended; what it knew is lost. */
  wipe(): void {
    rmSync(this.data, { recursive: true, force: true });
    this.login.password = undefined;
  }

  /** A request to it as its root, `kv/range` for example; throws with what it says against it. */
  async call(path: string, body: object = {}): Promise<Record<string, unknown>> {
    if (!this.login.password) return this.post(path, body);
    const { token } = await this.post('auth/authenticate', this.login);
    return this.post(path, body, token as string);
  }

  async put(key: string, value: string): Promise<void> {
    await this.call('kv/put', { key: base64(key), value: base64(value) });
  }

  async delete(key: string): Promise<void> {
    await this.call('kv/deleterange', { key: base64(key) });
  }

  /** Its revision now. */
  async revision(): Promise<number> {
    const { header } = await this.call('kv/range', { key: base64('x'), count_only: true });
    return Number((header as { revision: string }).revision);
  }

  /** Forgets the history until now. */
  async compact(): Promise<void> {
    await this.call('kv/compaction', { revision: String(await this.revision()), physical: true });
  }

  async isLeader(): Promise<boolean> {
    const { header, leader } = await this.call('maintenance/status');
    return (header as { member_id: string }).member_id === leader;
  }

  /** From now on a name and a password are asked for; `user` may read and write what is below `prefix`. */
  async enableAuth(user: string, password: string, prefix: string): Promise<void> {
    const range = { key: base64(`${prefix}/`), range_end: rangeEnd(`${prefix}/`) };
    await this.call('auth/user/add', { name: 'root', password: 'of-root' });
    await this.call('auth/user/grant', { user: 'root', role: 'root' });
    await this.call('auth/role/add', { name: 'flannel' });
    await this.call('auth/role/grant', { name: 'flannel', perm: { permType: 'READWRITE', ...range } });
    await this.call('auth/user/add', { name: user, password });
    await this.call('auth/user/grant', { user, role: 'flannel' });
    await this.call('auth/enable');
    this.login.password = 'of-root';
  }

  private async post(path: string, body: object, token?: string): Promise<Record<string, unknown>> {
    const child = this.place.spawn(process.execPath, '--input-type=module', '-e', CALL);
    const said = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]?.on('data', (chunk) => {
        said[name] += chunk;
      });
    }
    const closed = new Promise((resolve) => child.once('close', resolve));
    const { tls } = this.options;
    child.stdin?.end(JSON.stringify({ url: `${this.url}/v3/${path}`, body, token, tls }));
    await closed;
    this.lab.children.splice(this.lab.children.indexOf(child), 1);
    if (!said.stdout.startsWith('{')) throw new Error(`${path}: ${said.stdout || said.stderr}`);
    const answer = JSON.parse(said.stdout);
    if (answer.error) throw new Error(`${path}: ${answer.error}`);
    return answer;
  }
}

function tlsWords(tls: Certificates | undefined): string[] {
  if (!tls) return [];
  return [
    ...['--cert-file', tls.cert, '--key-file', tls.key],
    ...['--trusted-ca-file', tls.ca, '--client-cert-auth'],
  ];
}

function spawnHere(lab: Lab, command: string, ...words: string[]): ChildProcess {
  const child = spawn(command, words, { stdio: ['pipe', 'pipe', 'pipe'] });
  lab.children.push(child);
  return child;
}

/** Free a moment ago: nothing else takes ports where tests run. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
