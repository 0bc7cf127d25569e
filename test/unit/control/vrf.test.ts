/** Who is told that a device is of a VRF. Many kernels have none: hosts here are made up. */
import { describe, expect, it } from 'vitest';
import { type VrfHost, vrfSentence } from '../../../src/control/vrf.ts';
import type { Device } from '../../../src/io/devices.ts';

const device = (index: number, name: string, kind = '', master = 0) =>
  ({ index, name, kind, master }) as Device;
const DEVICES = [
  device(1, 'eth0', '', 2),
  device(2, 'br0', 'bridge', 3),
  device(3, 'blue', 'vrf'),
  device(4, 'eth1', '', 5),
  device(5, 'br1', 'bridge'),
];
const [eth0, , blue, eth1] = DEVICES;

function host(files: Record<string, string> = {}): VrfHost {
  return {
    find: (index) => DEVICES.find((each) => each.index === index),
    read: (path) => files[path] ?? '',
  };
}

describe('a device of a VRF', () => {
  it.each([eth0, blue])('is told of: $name', (dev) => {
    expect(vrfSentence(dev, host())).toBe(
      `dev ${dev.name} is of the VRF blue: nothing that arrives there is received, unless vtep is started by \`ip vrf exec blue\`, or after \`sysctl -w net.ipv4.udp_l3mdev_accept=1\``,
    );
  });

  it.each([eth1, undefined])('or of none is not: $name', (dev) => {
    expect(vrfSentence(dev, host())).toBeUndefined();
  });

  it.each([
    ['/proc/sys/net/ipv4/udp_l3mdev_accept', '1\n'],
    ['/proc/self/cgroup', '0::/vrf/blue\n'],
  ])('is heard anyway: %s', (path, text) => {
    expect(vrfSentence(eth0, host({ [path]: text }))).toBeUndefined();
  });

  it('is not heard by those of another VRF', () => {
    expect(vrfSentence(eth0, host({ '/proc/self/cgroup': '0::/vrf/blue2\n' }))).toContain('the VRF blue');
  });
});
