// Other tunnels in user space, where they are installed: everything they need stands in the rig's folder, nothing of it
// meets what the machine itself runs.
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { until, untilSaid } from './rig.mjs';

/** How each says its version, and how to get it. */
const PEERS = {
  ovs: {
    version: ['ovs-vswitchd', '--version'],
    how: '`apt-get install openvswitch-switch` brings Open vSwitch',
  },
  fastd: { version: ['fastd', '--version'], how: '`apt-get install fastd` brings fastd' },
};
const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema';

/** The first line of what it says of itself, or nothing when it is not installed. */
export function versionOf(command, ...words) {
  const { error, stdout } = spawnSync(command, words, { encoding: 'utf8' });
  return error ? undefined : stdout.split('\n')[0].trim();
}

/** Versions by name of those that are there, and sentences about those that are not. */
export function findPeers() {
  const versions = {};
  const absent = [];
  for (const [name, { version, how }] of Object.entries(PEERS)) {
    const said = versionOf(...version);
    if (said === undefined) absent.push(`not measured beside ${name}: ${how}`);
    else versions[name] = said;
  }
  return { versions, absent };
}

/**
 * Open vSwitch's userspace datapath. It routes the outer packets itself, so the underlay's address stands on a bridge
 * that eth0 is a port of; the overlay's is on a second one, whose other port is the tunnel.
 */
export async function ovs(host, other) {
  const folder = mkdtempSync(join(host.rig.folder, 'ovs-'));
  const at = (name) => join(folder, name);
  const run = ['env', ...['RUN', 'LOG', 'DB'].map((which) => `OVS_${which}DIR=${folder}`)];
  const database = `unix:${at('db.sock')}`;
  const set = (line) => host.rig.run('ovs-vsctl', '--timeout=10', `--db=${database}`, ...line.split(' '));

  await host.rig.run('ovsdb-tool', 'create', at('conf.db'), SCHEMA);
  const server = host.spawn(
    ...run,
    'ovsdb-server',
    at('conf.db'),
    `--remote=p${database}`,
    `--unixctl=${at('db')}`,
  );
  await untilSaid(server, 'ovsdb-server (Open vSwitch)', 'ovsdb-server');
  await set('--no-wait init');
  host.spawn(...run, 'ovs-vswitchd', database, `--unixctl=${at('switch')}`);
  await host.ip(`address del ${host.underlay}/24 dev eth0`);
  await set('add-br phy -- set bridge phy datapath_type=netdev -- add-port phy eth0');
  await set('add-br vx0 -- set bridge vx0 datapath_type=netdev -- set interface vx0 mtu_request=1450');
  const tunnel = `type=vxlan options:remote_ip=${other.underlay} options:key=42 options:dst_port=4789`;
  await set(`add-port vx0 tunnel -- set interface tunnel ${tunnel}`);
  await host.ip(`address add ${host.underlay}/24 dev phy`, 'link set phy up');
  await host.ip(`address add ${host.address}/24 dev vx0`, 'link set vx0 up');
}

/** fastd on a TAP, without encryption or checks of its own. It drops what is not from a peer whose key it knows. */
export async function fastd(host, other) {
  const [mine, theirs] = [await keysOf(host), await keysOf(other)];
  const child = host.spawn('fastd', '--config', '-', '--log-level', 'info');
  child.stdin.end(`
    mode tap; interface "vx0"; method "null"; mtu 1450;
    bind ${host.underlay}:10000; secret "${mine.secret}";
    peer "other" { key "${theirs.public}"; remote ${other.underlay}:10000; }
  `);
  const exists = () =>
    host.ip('link show vx0').then(
      () => true,
      () => false,
    );
  await until(exists, `fastd: ${child.said}`);
  await host.ip(`address add ${host.address}/24 dev vx0`, 'link set vx0 up');
}

/** Made when first asked for. */
async function keysOf(host) {
  if (!host.fastdKeys) {
    const { stdout } = await host.rig.run('fastd', '--generate-key');
    const [, secret] = /Secret: (\w+)/.exec(stdout);
    const [, shown] = /Public: (\w+)/.exec(stdout);
    host.fastdKeys = { secret, public: shown };
  }
  return host.fastdKeys;
}
