/**
 * A device of a VRF: what arrives on it comes to sockets that are bound to the VRF, and to no other unless the host says
 * so (Linux 4.5, Documentation/networking/vrf.rst). Ours are bound to none, so whoever has such a `dev` is told what to do.
 */

import { readFileSync } from 'node:fs';
import { type Device, findDevice } from '../io/devices.ts';
import type { Say } from './link-options.ts';

/** Asked of the host. */
export interface VrfHost {
  find(index: number): Device | undefined;
  read(path: string): string;
}

const HOST: VrfHost = { find: findDevice, read: textOf };

export function tellOfVrf(name: string, device: Device | undefined, say: Say): void {
  const sentence = vrfSentence(device);
  if (sentence) say('warn', `${name}: ${sentence}`);
}

/** Undefined: datagrams reach us. */
export function vrfSentence(device: Device | undefined, host = HOST): string | undefined {
  const vrf = device && vrfOf(device, host);
  if (!vrf || host.read('/proc/sys/net/ipv4/udp_l3mdev_accept').trim() === '1') return undefined;
  // all sockets of those who are started by `ip vrf exec` are of it
  const groups = host.read('/proc/self/cgroup').split('\n');
  if (groups.some((each) => each.endsWith(`/vrf/${vrf.name}`))) return undefined;
  return `dev ${device.name} is of the VRF ${vrf.name}: nothing that arrives there is received, unless vtep is started by \`ip vrf exec ${vrf.name}\`, or after \`sysctl -w net.ipv4.udp_l3mdev_accept=1\``;
}

function vrfOf(device: Device, host: VrfHost): Device | undefined {
  for (let each: Device | undefined = device; each; each = each.master ? host.find(each.master) : undefined) {
    if (each.kind === 'vrf') return each;
  }
  return undefined;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // a kernel without VRFs
  }
}
