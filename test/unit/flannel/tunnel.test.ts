/** What a tunnel is called, and what it carries. */
import { expect, it } from 'vitest';
import { tunnelMtu, tunnelName } from '../../../src/flannel/host/tunnel.ts';

it.each([
  [1, false, 'flannel.1'],
  [1, true, 'flannel-v6.1'],
  [4096, true, 'flannel-v6.4096'],
  [65_536, true, 'fl-v6.65536'],
  [16_777_215, true, 'fl-v6.16777215'],
  [9_999_999, false, 'flannel.9999999'],
  [16_777_215, false, 'fl.16777215'],
])('VNI %i, IPv6 %s: %s, which an interface may be called', (vni, ipv6, name) => {
  expect(tunnelName(vni, ipv6)).toBe(name);
  expect(name.length).toBeLessThan(16);
});

it('leaves room for the headers', () => {
  expect([tunnelMtu(1500, false), tunnelMtu(1500, true)]).toEqual([1450, 1430]);
});
