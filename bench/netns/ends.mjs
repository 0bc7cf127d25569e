// What can stand at an end of the tunnel: each puts `vx0` (or a bridge) with the host's address up.
import { join } from 'node:path';
import { fastd, ovs } from './peers.mjs';
import { untilSaid } from './rig.mjs';

const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js');

async function kernel(host, other) {
  await host.ip(
    `link add vx0 type vxlan id 42 remote ${other.underlay} dstport 4789 dev eth0 df set`,
    `address add ${host.address}/24 dev vx0`,
    'link set vx0 up',
  );
}

function vtep(...words) {
  return async (host, other) => {
    const line = `run vx0 id 42 remote ${other.underlay} dev eth0 address ${host.address}/24 up`;
    host.vtep = host.spawn(process.execPath, MAIN, ...line.split(' '), ...words);
    await untilSaid(host.vtep, ' ready: ', 'vtep');
  };
}

export const ENDS = {
  kernel,
  native: vtep('--transport', 'native'),
  plain: vtep('--transport', 'native', '--offload', 'off'),
  dgram: vtep('--transport', 'dgram'),
  ovs,
  fastd,
};
