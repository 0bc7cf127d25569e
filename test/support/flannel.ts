/**
 * Nodes of a flannel network in a lab: hosts on one switch with an etcd, `vtep flannel` on each, containers behind a
 * bridge.
 *
 *   n1 [ c, d ]        n2 [ c ]         n3 [ c ]          etcd
 *      cni0               cni0             cni0
 *      flannel.1          flannel.1        flannel.1
 *      192.0.2.1          192.0.2.2        192.0.2.3      192.0.2.100
 *         └────────────────── switch ──────────┴──────────────┘
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeStatus } from '../../src/flannel/node-status.ts';
import { base64, Etcd, type EtcdOptions } from './etcd.ts';
import { type Host, type Lab, WIRE } from './netns.ts';
import { transfer } from './transfer.ts';
import { MAIN } from './vtep-process.ts';
import { waitFor } from './wait-for.ts';

export const PREFIX = '/coreos.com/network';

export class FlannelLab {
  readonly lab: Lab;
  readonly nodes: FlannelNode[] = [];
  etcd!: Etcd;
  etcdHost!: Host;
  private readonly middle: Host;
  private ports = 0;
  private made = 0;

  private constructor(lab: Lab) {
    this.lab = lab;
    this.middle = lab.host('switch');
    this.middle.ip('link add br0 type bridge mcast_snooping 0', 'link set br0 up');
  }

  static async open(lab: Lab, etcd: Pick<EtcdOptions, 'tls' | 'words'> = {}): Promise<FlannelLab> {
    const flannel = new FlannelLab(lab);
    flannel.etcdHost = flannel.host('etcd', 100);
    flannel.etcd = await Etcd.start(lab, { ...etcd, place: flannel.etcdHost, address: '192.0.2.100' });
    return flannel;
  }

  /** On the switch, at 192.0.2.N and 2001:db8::N. */
  host(name: string, number: number): Host {
    const host = this.lab.host(name);
    const port = `port${this.ports++}`;
    host.ip(`link add eth0 type veth peer name ${port} netns ${this.middle.netns}`);
    host.ip(`address add 192.0.2.${number}/24 dev eth0`, `address add 2001:db8::${number}/64 dev eth0`);
    host.ip('link set eth0 up');
    this.middle.ip(`link set ${port} master br0 up`);
    execFileSync('ip', ['netns', 'exec', host.netns, 'ethtool', '-K', 'eth0', ...WIRE.split(' ')]);
    return host;
  }

  node(name: string, number: number): FlannelNode {
    const node = new FlannelNode(this, this.host(name, number), number);
    this.nodes.push(node);
    return node;
  }

  config(text: string): Promise<void> {
    return this.etcd.put(`${PREFIX}/config`, text);
  }

  /** As it stands there; undefined: there is none. */
  async lease(node: { readonly subnet: string }): Promise<string | undefined> {
    const kv = await this.leaseKv(node);
    return kv && Buffer.from(kv.value, 'base64').toString();
  }

  /** How often it was written since it was made; 0: it is not there. */
  async leaseVersion(node: { readonly subnet: string }): Promise<number> {
    return Number((await this.leaseKv(node))?.version ?? 0);
  }

  private async leaseKv({ subnet }: { readonly subnet: string }) {
    const key = base64(`${PREFIX}/subnets/${subnet.replace('/', '-')}`);
    const { kvs } = (await this.etcd.call('kv/range', { key })) as {
      kvs?: { value: string; version: string }[];
    };
    return kvs?.[0];
  }

  /** Of nodes that are not there, at 198.51.100.0/23 and so on; those of before that are no more of them go. */
  async putLeases(count: number, salt = 0): Promise<void> {
    const ops = Array.from({ length: Math.max(count, this.made) }, (_, at) => {
      const key = base64(`${PREFIX}/subnets/10.5.${128 + (at >> 4)}.${(at & 15) << 4}-28`);
      return at < count
        ? { request_put: { key, value: base64(leaseOf(at, salt)) } }
        : { request_delete_range: { key } };
    });
    this.made = count;
    for (let at = 0; at < ops.length; at += 100) {
      await this.etcd.call('kv/txn', { success: ops.slice(at, at + 100) });
    }
  }

  async close(): Promise<void> {
    await this.lab.endPrograms(); // first, as a node starts its daemon again
    for (const node of this.nodes) node.killDaemon();
    await this.lab.close();
  }
}

function leaseOf(at: number, salt: number): string {
  const byte = (number: number) => (number & 0xff).toString(16).padStart(2, '0');
  const mac = `02:00:00:${byte(salt)}:${byte(at >> 8)}:${byte(at)}`;
  const ip = `198.51.${100 + (at >> 8)}.${at & 0xff}`;
  return `{"PublicIP":"${ip}","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"${mac}"}}`;
}

/** What `vtep flannel` says, in one run of it. */
export interface Run {
  readonly pid: number;
  stdout: string;
  stderr: string;
  code: number | null | undefined;
}

export class FlannelNode {
  readonly flannel: FlannelLab;
  readonly host: Host;
  readonly address: string;
  readonly folder: string;
  readonly containers: Container[] = [];
  /** What stands before its command: `env NAME=VALUE`. */
  within: readonly string[] = [];
  /** Since it was ready last: `10.5.52.0/24`. */
  subnet = '';
  mtu = 0;
  run!: Run;
  private child!: ReturnType<Host['spawn']>;

  constructor(flannel: FlannelLab, host: Host, number: number) {
    this.flannel = flannel;
    this.host = host;
    this.address = `192.0.2.${number}`;
    this.folder = flannel.lab.folder();
  }

  get state(): string {
    return join(this.folder, 'state');
  }

  get socket(): string {
    return join(this.folder, 'vtep.sock');
  }

  get subnetFile(): string {
    return join(this.folder, 'subnet.env');
  }

  /** What starts it. */
  command(...more: string[]): string[] {
    const words = [...this.words, '--subnet-file', this.subnetFile, '--bridge', 'cni0'];
    const iface = more.includes('--iface') ? [] : ['--iface', 'eth0'];
    return [MAIN, 'flannel', ...words, ...iface, ...more];
  }

  /** A verb to its daemon, its items. */
  async vtep<T>(words: readonly string[]): Promise<T[]> {
    return JSON.parse(await this.host.run(process.execPath, MAIN, ...words)) as T[];
  }

  private get words(): string[] {
    return ['--etcd-endpoints', this.flannel.etcd.url, '--state', this.state, '--socket', this.socket];
  }

  /** Starts it, and does not wait. */
  begin(...more: string[]): Run {
    const [command, ...words] = [...this.within, process.execPath, ...this.command(...more)];
    const child = this.host.spawn(command, ...words);
    const run: Run = { pid: child.pid as number, stdout: '', stderr: '', code: undefined };
    child.stdout?.on('data', (chunk) => {
      run.stdout += chunk;
    });
    child.stderr?.on('data', (chunk) => {
      run.stderr += chunk;
    });
    child.once('close', (code) => {
      run.code = code;
    });
    this.child = child;
    this.run = run;
    return run;
  }

  async start(...more: string[]): Promise<void> {
    this.begin(...more);
    await this.ready();
  }

  async ready(milliseconds = 30_000): Promise<void> {
    const { run } = this;
    const said = () => run.stdout.includes(' ready: ') || run.code !== undefined;
    await waitFor(said, `the node at ${this.address}: ${run.stderr}`, milliseconds);
    if (run.code !== undefined) throw new Error(`vtep flannel ended at once: ${run.stderr}`);
    const text = readFileSync(this.subnetFile, 'utf8');
    const [, base, length] = /FLANNEL_SUBNET=(\S+)\.1\/(\d+)/.exec(text) ?? [];
    this.subnet = `${base}.0/${length}`;
    this.mtu = Number(/FLANNEL_MTU=(\d+)/.exec(text)?.[1]);
  }

  /** Until it has ended. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<Run> {
    const { run } = this;
    this.child.kill(signal);
    await waitFor(() => run.code !== undefined, 'vtep flannel to end');
    return run;
  }

  /** `vtep flannel VERB`: what it prints. It throws with what it says. */
  verb(verb: string, ...more: string[]): Promise<string> {
    const words =
      verb === 'status' ? ['--state', this.state] : verb === 'init' ? this.words.slice(0, 2) : this.words;
    return this.host.run(process.execPath, MAIN, 'flannel', verb, ...words, ...more);
  }

  async status(): Promise<NodeStatus> {
    return JSON.parse(await this.verb('status', '-j')) as NodeStatus;
  }

  /** What its worker is late for waits, on a machine that is busy with tests: nothing of it is lost for that. */
  beLenient(device = 'flannel.1'): void {
    this.host.ip(`link set ${device} txqueuelen 20000`);
  }

  /** From etcd alone: neither hears of the other that it is so. */
  cutOff(): void {
    this.host.ip('route add blackhole 192.0.2.100');
  }

  rejoin(): void {
    this.host.ip('route del blackhole 192.0.2.100');
  }

  /** In its subnet, behind the bridge. */
  container(name = 'c'): Container {
    const made = new Container(this, name, this.containers.length + 2);
    this.containers.push(made);
    return made;
  }

  /** Its daemon's, which it started itself. */
  get daemonPid(): number | undefined {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .find((pid) => commandOf(pid).includes(`\0daemon\0--socket\0${this.socket}\0`));
  }

  killDaemon(): void {
    const pid = this.daemonPid;
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** A node as flannel's vxlan backend has it, over the kernel's vxlan; it learns of others when it is told. */
export class KernelNode {
  readonly flannel: FlannelLab;
  readonly host: Host;
  readonly address: string;
  readonly subnet: string;
  readonly mtu = 1450;
  readonly containers: Container[] = [];
  mac = '';

  private constructor(flannel: FlannelLab, name: string, number: number, subnet: string) {
    this.flannel = flannel;
    this.host = flannel.host(name, number);
    this.address = `192.0.2.${number}`;
    this.subnet = subnet;
  }

  /** Of VNI 1 and port 8472. */
  static async join(
    flannel: FlannelLab,
    name: string,
    number: number,
    subnet: string,
    others: readonly FlannelNode[],
  ): Promise<KernelNode> {
    const node = new KernelNode(flannel, name, number, subnet);
    const [base] = subnet.split('/');
    const { host, address } = node;
    host.ip(
      `link add flannel.1 type vxlan id 1 local ${address} dev eth0 dstport 8472 nolearning`,
      'link set flannel.1 mtu 1450',
      `address add ${base}/32 dev flannel.1`,
      'link set flannel.1 up',
      'link add cni0 type bridge',
      `address add ${base.replace(/0$/, '1')}/24 dev cni0`,
      'link set cni0 mtu 1450 up',
    );
    await host.run('sysctl', '-qw', 'net.ipv4.ip_forward=1');
    node.mac = await macOf(host, 'flannel.1');
    await node.putLease(node.mac);
    for (const other of others) await node.learn(other);
    return node;
  }

  /** As flannel writes it: a grant, then the key with it. */
  async putLease(mac: string): Promise<void> {
    const { etcd } = this.flannel;
    const { ID } = await etcd.call('lease/grant', { TTL: '86400' });
    const value = `{"PublicIP":"${this.address}","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"${mac}"}}`;
    const key = `${PREFIX}/subnets/${this.subnet.replace('/', '-')}`;
    await etcd.call('kv/put', { key: base64(key), value: base64(value), lease: ID });
  }

  /** Neighbour, entry, route: flannel's order. */
  async learn(other: FlannelNode): Promise<void> {
    const [base] = other.subnet.split('/');
    const mac = await macOf(other.host, 'flannel.1');
    const on = (line: string) => this.host.run(...(line.split(' ') as [string, ...string[]]));
    await on(`ip neigh replace ${base} lladdr ${mac} dev flannel.1 nud permanent`);
    await on(`bridge fdb replace ${mac} dev flannel.1 dst ${other.address} self permanent`);
    await on(`ip route replace ${other.subnet} via ${base} dev flannel.1 onlink`);
  }

  container(name = 'c'): Container {
    const made = new Container(this, name, this.containers.length + 2);
    this.containers.push(made);
    return made;
  }
}

export async function macOf(host: Host, device: string): Promise<string> {
  const [{ address }] = await host.json<{ address: string }[]>('ip', '-j', 'link', 'show', device);
  return address;
}

export class Container {
  readonly host: Host;
  readonly ip: string;

  constructor(node: FlannelNode | KernelNode, name: string, number: number) {
    const { flannel, host, subnet, mtu } = node;
    const prefix = subnet.replace(/\.0\/\d+$/, '');
    this.ip = `${prefix}.${number}`;
    this.host = flannel.lab.host(name);
    const port = `veth${number}`;
    host.ip(`link add ${port} type veth peer name eth0 netns ${this.host.netns}`);
    host.ip(`link set ${port} mtu ${mtu} master cni0 up`);
    this.host.ip(`address add ${this.ip}/24 dev eth0`, `link set eth0 mtu ${mtu} up`);
    this.host.ip(`route add default via ${prefix}.1`);
  }

  ping(to: Container, ...words: string[]): Promise<number> {
    return this.host.ping(to.ip, ...words);
  }

  /** Bytes over TCP: the hashes of both sides. */
  transfer(to: Container, size: number): Promise<[string, string]> {
    return transfer({ from: this.host, to: to.host, address: to.ip, protocol: 'tcp', size });
  }
}
