/**
 * Remotes by their link-local addresses, which mean nothing without a device.
 *
 *   a [ vx0 10.0.0.1 ] fe80::1 ──── fe80::2 [ vx0 10.0.0.2 ] b      a: vtep, b: the kernel; both have another way out
 */
import { afterEach, describe, expect, it } from 'vitest';
import { Lab } from '../support/netns.ts';
import { VtepProcess } from '../support/vtep-process.ts';

describe.each(['remote fe80::2%eth0', 'remote fe80::2 dev eth0', 'remote fe80::2%eth0 local fe80::1'])(
  '%s',
  (words) => {
    let lab: Lab;
    afterEach(() => lab.close());

    it('reaches the kernel, and is answered', async () => {
      lab = new Lab();
      const [a, b] = [lab.host('a'), lab.host('b')];
      lab.cable(a, ['fe80::1/64'], b, ['fe80::2/64']);
      // elsewhere fe80::2 is nobody, and the first device in the list
      a.ip('link add aside type bridge', 'link set aside up');
      await a.settled('eth0');
      await b.settled('eth0');
      const vtep = await VtepProcess.start(a, `vx0 id 42 ${words} up address 10.0.0.1/24`);
      b.ip('link add vx0 type vxlan id 42 remote fe80::1 local fe80::2 dev eth0 dstport 4789');
      b.ip('address add 10.0.0.2/24 dev vx0', 'link set vx0 up');
      expect(await a.ping('10.0.0.2')).toBe(2);
      expect(await b.ping('10.0.0.1')).toBe(2);
      expect(await vtep.dump()).toMatch(/dst fe80::2 .*self/);
    });
  },
);
