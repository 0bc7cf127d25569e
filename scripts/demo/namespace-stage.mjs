// Hosts in network namespaces on one switch: two run vtep, the third has the kernel's own vxlan.
import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { isProgram, Programs } from './programs.mjs';

const ROOT = join(import.meta.dirname, '..', '..');
const MAIN = join(ROOT, 'dist', 'cli', 'main.js');
const ADDON = join(ROOT, 'build', 'vtep.node');
const NODE_METER = [process.execPath, join(import.meta.dirname, 'speed.mjs')];
const SECONDS = 2;

/** What measures a TCP flow: iperf3, or where it is not installed a few lines of node:net. */
const METERS = {
  iperf3: {
    name: `one TCP flow, ${SECONDS} s each, by iperf3`,
    sink: (address) => ['iperf3', '--server', '--one-off', '--forceflush', '--bind', address],
    source: (address) => ['iperf3', '--client', address, '--time', `${SECONDS}`, '--json'],
    bitsPerSecond: (out) => JSON.parse(out).end.sum_received.bits_per_second,
  },
  node: {
    name: `one TCP flow, ${SECONDS} s each, by node:net (no iperf3 here)`,
    sink: (address) => [...NODE_METER, 'sink', address],
    source: (address) => [...NODE_METER, 'source', address, `${SECONDS}`],
    bitsPerSecond: Number,
  },
};

export class NamespaceStage {
  segment = 'a bridge in a namespace of its own';
  hosts = ['red', 'green', 'blue'].map((name, i) => ({
    name,
    address: `10.0.0.${i + 1}`,
    underlay: `192.0.2.${i + 1}`,
    runs: 'vtep',
  }));
  #programs = new Programs();
  #prefix = `vtep-demo-${process.pid}`;
  #namespaces = [];
  #meter;

  /** Namespaces and cables. Returns why this machine has none of that, as the end of a sentence; empty: all is laid. */
  async lay() {
    const obstacle = missing();
    if (obstacle) return obstacle;
    try {
      await this.#addNamespace('switch');
      await this.#ip('switch', 'link add br0 type bridge');
      await this.#ip('switch', 'link set br0 up');
      for (const { name, underlay } of this.hosts) {
        await this.#addNamespace(name);
        await this.#ip(name, `link add eth0 type veth peer name ${name} netns ${this.#netns('switch')}`);
        await this.#ip(name, `address add ${underlay}/24 dev eth0`);
        await this.#ip(name, 'link set eth0 up');
        await this.#ip('switch', `link set ${name} master br0 up`);
      }
      return '';
    } catch (error) {
      this.check();
      return error.message;
    }
  }

  /** All that is vtep, and the kernel's own beside it. */
  async open() {
    const [red, green, blue] = this.hosts;
    await this.#startVtep(red);
    await this.#startVtep(green);
    await this.#startKernel(blue).catch((error) => {
      if (!/Unknown device type|not supported/.test(error.message)) throw error;
      console.log('This kernel has no vxlan of its own: the third host runs vtep too.');
      return this.#startVtep(blue);
    });
    for (const host of this.hosts) {
      const [device] = JSON.parse(await this.#ip(host.name, '-j link show dev vx0'));
      host.mac = device.address;
    }
  }

  async ping(from, to) {
    const words = ['ping', '-c', '3', '-i', '0.1', '-W', '2', to.address];
    const out = await this.#inside(from, ...words).catch(() => '');
    this.check();
    const best = / = ([\d.]+)\//.exec(out);
    return best ? Number(best[1]) : undefined;
  }

  async table({ table }) {
    return (await table()).map((line) => line.trim()).sort();
  }

  get meter() {
    this.#meter ??= isProgram('iperf3') ? METERS.iperf3 : METERS.node;
    return this.#meter.name;
  }

  async speed(from, to) {
    const { sink, source, bitsPerSecond } = this.#meter;
    const receiver = this.#start(to, ...sink(to.address));
    await this.#programs.until('the receiver of the flow', () => /listening/i.test(receiver.out));
    const out = await this.#inside(from, ...source(to.address));
    await receiver.ended;
    return `${(bitsPerSecond(out) / 1e9).toFixed(2)} Gbit/s`;
  }

  /** A datagram from red to green, on green's cable. */
  async datagram() {
    for (const [decoder, { words, read }] of Object.entries(DECODERS)) {
      if (!isProgram(decoder)) continue;
      const out = await this.#capture(decoder, words(`udp dst port 4789 and src ${this.hosts[0].underlay}`));
      if (out) return read(out.trim());
    }
    return 'Neither tshark nor tcpdump can capture one here.';
  }

  /** Throws when the demo was told to end. */
  check() {
    this.#programs.check();
  }

  abort() {
    this.#programs.abort();
  }

  async close() {
    await this.#programs.close();
    const last = new Programs();
    for (const name of this.#namespaces.splice(0)) {
      // again: a program that is just starting still shares our session, and a further Ctrl-C ends it
      for (let i = 0; i < 5 && (await last.start('ip', 'netns', 'del', name).ended) < 0; i++);
    }
  }

  async #capture(decoder, words) {
    const [red, green] = this.hosts;
    const capture = this.#start(green, decoder, ...words);
    try {
      await this.#programs.until(decoder, () => /apturing on|listening on/.test(capture.error));
      return await this.#programs.until('a datagram', async () => {
        await this.ping(red, green);
        return capture.code === 0 && capture.out;
      });
    } catch {
      this.check();
      return '';
    }
  }

  async #startVtep(host) {
    const remotes = this.#others(host).flatMap(({ underlay }) => ['remote', underlay]);
    const words = ['run', 'vx0', 'id', '42', ...remotes, 'address', `${host.address}/24`, 'up'];
    const vtep = this.#start(host, process.execPath, MAIN, ...words);
    await this.#programs.until('vtep', () => vtep.out.includes('ready') || vtep.code !== undefined);
    if (vtep.code !== undefined) throw new Error(`vtep on ${host.name}: ${vtep.error.trim()}`);
    host.runs = 'vtep';
    host.shows = 'vtep run, at SIGUSR2';
    host.table = async () => {
      const before = vtep.error.length;
      vtep.child.kill('SIGUSR2');
      await this.#programs.until('the table', () => vtep.error.slice(before).includes('txBytes'));
      return vtep.error
        .slice(before)
        .split('\n')
        .filter((line) => line.includes(' dev '));
    };
  }

  async #startKernel(host) {
    await this.#ip(host.name, 'link add vx0 type vxlan id 42 dstport 4789 dev eth0');
    await this.#ip(host.name, `address add ${host.address}/24 dev vx0`);
    await this.#ip(host.name, 'link set vx0 up');
    const fdb = (...words) => this.#inside(host, 'bridge', ...words);
    for (const { underlay } of this.#others(host)) {
      await fdb('fdb', 'append', '00:00:00:00:00:00', 'dev', 'vx0', 'dst', underlay);
    }
    host.runs = 'kernel';
    host.shows = 'the kernel, bridge -s fdb show';
    host.table = async () => (await fdb('-s', 'fdb', 'show', 'dev', 'vx0')).trim().split('\n');
  }

  async #addNamespace(name) {
    this.check();
    this.#namespaces.push(this.#netns(name));
    await this.#programs.run('ip', 'netns', 'add', this.#netns(name));
    await this.#ip(name, 'link set lo up');
  }

  #others(host) {
    return this.hosts.filter((other) => other !== host);
  }

  #netns(name) {
    return `${this.#prefix}-${name}`;
  }

  #ip(name, line) {
    return this.#programs.run('ip', '-n', this.#netns(name), ...line.split(' '));
  }

  #inside({ name }, ...command) {
    return this.#programs.run('ip', 'netns', 'exec', this.#netns(name), ...command);
  }

  #start({ name }, ...command) {
    return this.#programs.start('ip', 'netns', 'exec', this.#netns(name), ...command);
  }
}

/** What can be seen to be missing before anything is tried. */
function missing() {
  if (process.getuid() !== 0) return 'not root';
  if (!isProgram('ip')) return 'no `ip` command: install iproute2';
  if (!isProgram('bridge')) return 'no `bridge` command: install iproute2';
  if (!isProgram('ping')) return 'no `ping` command: install iputils-ping';
  if (!existsSync(ADDON)) return 'no addon: `npm run build` makes it';
  try {
    closeSync(openSync('/dev/net/tun', 'r+'));
    return '';
  } catch (error) {
    return `/dev/net/tun cannot be opened: ${error.code}`;
  }
}

const FIELDS = ['ip.src', 'ip.dst', 'udp.srcport', 'vxlan.flags', 'vxlan.vni', '_ws.col.Info'];

/** Who decodes a datagram, and what it is asked for. */
const DECODERS = {
  tshark: {
    words: (filter) => {
      const fields = FIELDS.flatMap((field) => ['-e', field]);
      return ['-l', '-n', '-i', 'eth0', '-c', '1', '-f', filter, '-T', 'fields', ...fields];
    },
    read: (line) => {
      const [source, destination, ports, flags, vni, info] = line.split('\t');
      const [[from, innerFrom], [to, innerTo]] = [source.split(','), destination.split(',')];
      return [
        `IP ${from}.${ports.split(',')[0]} > ${to}.4789: VXLAN, flags ${flags}, vni ${vni}`,
        `  IP ${innerFrom} > ${innerTo}: ${info}`,
      ].join('\n');
    },
  },
  tcpdump: {
    words: (filter) => ['-l', '-n', '-t', '-i', 'eth0', '-c', '1', filter],
    read: (lines) => lines,
  },
};
