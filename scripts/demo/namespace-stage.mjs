// Hosts in network namespaces on one switch: two run vtep, the third has the kernel's own vxlan.
import { execFile, spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js');
const SPEED = join(import.meta.dirname, 'speed.mjs');
const has = (program) => !spawnSync(program, ['--version'], { stdio: 'ignore' }).error;

export function namespaceStage() {
  const prefix = `vtep-demo-${process.pid}`;
  const children = [];
  const namespaces = [];
  const aborting = new AbortController();
  const { signal } = aborting;

  const netns = (name) => `${prefix}-${name}`;
  const ip = (name, line) => run('ip', ['-n', netns(name), ...line.split(' ')], { signal });
  const inside = (name, command, ...words) =>
    run('ip', ['netns', 'exec', netns(name), command, ...words], { signal });
  const start = (name, command, ...words) => {
    signal.throwIfAborted();
    const child = spawn('ip', ['netns', 'exec', netns(name), command, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.text = { out: '', error: '' };
    child.stdout.on('data', (chunk) => {
      child.text.out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      child.text.error += chunk;
    });
    children.push(child);
    return child;
  };
  const until = async (condition, what) => {
    for (const end = Date.now() + 10_000; Date.now() < end; await pause(20, undefined, { signal })) {
      const value = await condition();
      if (value) return value;
    }
    throw new Error(`waited 10 s in vain for ${what}`);
  };
  const addNamespace = async (name) => {
    signal.throwIfAborted();
    namespaces.push(netns(name));
    await run('ip', ['netns', 'add', netns(name)]);
    await ip(name, 'link set lo up');
  };

  const hosts = [
    { name: 'red', address: '10.0.0.1', underlay: '192.0.2.1' },
    { name: 'green', address: '10.0.0.2', underlay: '192.0.2.2' },
    { name: 'blue', address: '10.0.0.3', underlay: '192.0.2.3' },
  ];
  const others = (host) => hosts.filter((other) => other !== host);

  async function startVtep(host) {
    const remotes = others(host).flatMap(({ underlay }) => ['remote', underlay]);
    const words = ['run', 'vx0', 'id', '42', ...remotes, 'address', `${host.address}/24`, 'up'];
    const vtep = start(host.name, process.execPath, MAIN, ...words);
    await until(() => vtep.text.out.includes('ready') || vtep.exitCode !== null, `vtep on ${host.name}`);
    if (vtep.exitCode !== null) throw new Error(`vtep run on ${host.name}: ${vtep.text.error.trim()}`);
    host.how = 'vtep, kill -USR2';
    host.fdb = async () => {
      const before = vtep.text.error.length;
      vtep.kill('SIGUSR2');
      await until(() => vtep.text.error.slice(before).includes('txBytes'), 'the forwarding table');
      const lines = vtep.text.error.slice(before).split('\n');
      return lines.filter((line) => line.includes(' dev ')).sort();
    };
  }

  async function startKernel(host) {
    await ip(host.name, 'link add vx0 type vxlan id 42 dstport 4789 dev eth0');
    await ip(host.name, `address add ${host.address}/24 dev vx0`);
    await ip(host.name, 'link set vx0 up');
    for (const { underlay } of others(host)) {
      await inside(host.name, 'bridge', 'fdb', 'append', '00:00:00:00:00:00', 'dev', 'vx0', 'dst', underlay);
    }
    host.how = 'the kernel, bridge fdb show';
    host.fdb = async () => {
      const { stdout } = await inside(host.name, 'bridge', 'fdb', 'show', 'dev', 'vx0');
      return stdout.trim().split('\n').sort();
    };
  }

  async function speed(from, to) {
    const sink = start(to.name, process.execPath, SPEED, 'sink', to.address);
    await until(() => sink.text.out.includes('listening'), 'the receiver');
    const { stdout } = await inside(from.name, process.execPath, SPEED, 'source', to.address);
    return `TCP ${from.name.padEnd(5)} -> ${to.name.padEnd(5)}  ${stdout.trim()}`;
  }

  return {
    hosts,
    get topology() {
      const kernel = hosts[2].how.startsWith('vtep') ? 'vtep           ' : 'the kernel     ';
      return [
        '    red              green            blue',
        '    10.0.0.1         10.0.0.2         10.0.0.3',
        `  [ vx0: vtep ]    [ vx0: vtep ]    [ vx0: ${kernel.trim()} ]`,
        '    192.0.2.1        192.0.2.2        192.0.2.3',
        '       └───────────────┴── switch ──────┘',
      ].join('\n');
    },
    async open() {
      await addNamespace('switch');
      await ip('switch', 'link add br0 type bridge');
      await ip('switch', 'link set br0 up');
      for (const { name, underlay } of hosts) {
        await addNamespace(name);
        await ip(name, `link add eth0 type veth peer name ${name} netns ${netns('switch')}`);
        await ip(name, `address add ${underlay}/24 dev eth0`);
        await ip(name, 'link set eth0 up');
        await ip('switch', `link set ${name} master br0 up`);
      }
      await startVtep(hosts[0]);
      await startVtep(hosts[1]);
      await startKernel(hosts[2]).catch((error) => {
        signal.throwIfAborted();
        if (!/Unknown device type|not supported/.test(error.stderr ?? '')) throw error;
        console.log('This kernel has no vxlan of its own: the third host runs vtep too.');
        return startVtep(hosts[2]);
      });
    },
    async ping(from, to) {
      const ping = await inside(from.name, 'ping', '-c', '3', '-i', '0.05', '-W', '2', to.address).catch(
        (error) => error,
      );
      signal.throwIfAborted();
      if (ping.code === 'ENOENT') throw new Error('the command `ping` is missing: install iputils-ping');
      const found = / = ([\d.]+)\//.exec(ping.stdout ?? '');
      return found ? Number(found[1]) : undefined;
    },
    async throughput() {
      const lines = [];
      for (const [from, to] of [
        [hosts[0], hosts[1]],
        [hosts[0], hosts[2]],
        [hosts[2], hosts[0]],
      ]) {
        lines.push(
          await speed(from, to).then(
            (text) => ({ text }),
            (error) => ({ text: error.message, failed: true }),
          ),
        );
        signal.throwIfAborted();
      }
      return lines;
    },
    async packet() {
      const decoder = ['tshark', 'tcpdump'].find(has);
      if (!decoder) return 'neither tshark nor tcpdump is installed here to decode one';
      const filter = `udp port 4789 and src ${hosts[0].underlay}`;
      const fields = ['ip.src', 'ip.dst', 'udp.srcport', 'vxlan.vni', 'vxlan.flags', '_ws.col.Info'];
      const words =
        decoder === 'tshark'
          ? ['-f', filter, '-T', 'fields', '-E', 'header=y', ...fields.flatMap((field) => ['-e', field])]
          : filter.split(' ');
      const capture = start(hosts[1].name, decoder, '-l', '-n', '-i', 'eth0', '-c', '1', ...words);
      await until(() => /Capturing on|listening on/.test(capture.text.error), `${decoder} to listen`);
      await until(async () => {
        await inside(hosts[0].name, 'ping', '-c', '1', '-W', '1', hosts[1].address);
        return /\n.*\n/.test(capture.text.out);
      }, 'a datagram to decode');
      if (decoder === 'tcpdump') return capture.text.out.trim().replace(/\s+/g, ' ');
      const [from, to, port, vni, flags, what] = capture.text.out.trim().split('\n')[1].split('\t');
      const [outer, inner] = [0, 1].map((i) => [from.split(',')[i], to.split(',')[i]]);
      const way = `IP ${outer[0]}.${port.split(',')[0]} > ${outer[1]}.4789`;
      return `${way}: VXLAN, flags ${flags}, vni ${vni}\n    IP ${inner[0]} > ${inner[1]}: ${what}`;
    },
    abort() {
      aborting.abort();
    },
    async close() {
      const running = children.filter((child) => child.exitCode === null && child.signalCode === null);
      const ended = Promise.all(
        running.map((child) => new Promise((resolve) => child.once('exit', resolve))),
      );
      for (const child of running) child.kill('SIGTERM');
      const patience = setTimeout(() => running.forEach((child) => void child.kill('SIGKILL')), 4000);
      await ended;
      clearTimeout(patience);
      for (const name of namespaces) spawnSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
    },
  };
}
