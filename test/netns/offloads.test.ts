/**
 * Each offload by itself: what is left out is not used, and all bytes arrive without it.
 *
 *   a [ vx0 10.0.0.1 ] 192.0.2.1 ──── 192.0.2.2 [ vx0 10.0.0.2 ] b      vtep at both ends, over a wire
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DaemonProcess } from '../support/daemon-process.ts';
import { type Host, Lab } from '../support/netns.ts';
import { transfer } from '../support/transfer.ts';
import { VtepProcess } from '../support/vtep-process.ts';

/** What the kernel says that it leaves to the TAP's owner. */
const FEATURES = { csum: 'tx-checksumming', tso: 'tcp-segmentation-offload', uso: 'tx-udp-segmentation' };
const ALL = ['csum', 'tso', 'uso', 'gso', 'gro', 'lro', 'tnl'];

describe('offloads', () => {
  const lab = new Lab();
  let a: Host;
  let b: Host;
  beforeAll(async () => {
    a = lab.host('a');
    b = lab.host('b');
    lab.cable(a, ['192.0.2.1/24'], b, ['192.0.2.2/24']);
    await lab.wire(a, b);
  });
  let ends: VtepProcess[] = [];
  afterEach(async () => {
    for (const vtep of ends) await vtep.stop();
    ends = [];
  });
  afterAll(() => lab.close());

  it.each([
    ['auto', ALL],
    ['off', []],
    ['nocsum', ['gso', 'gro', 'lro', 'tnl']],
    ['notso', ['csum', 'uso', 'gso', 'gro', 'lro', 'tnl']],
    ['nouso', ['csum', 'tso', 'gso', 'gro', 'lro', 'tnl']],
    ['nogso', ['csum', 'tso', 'uso', 'gro', 'lro', 'tnl']],
    ['nogro', ['csum', 'tso', 'uso', 'gso', 'lro', 'tnl']],
    ['nolro', ['csum', 'tso', 'uso', 'gso', 'gro', 'tnl']],
    ['notnl', ['csum', 'tso', 'uso', 'gso', 'gro', 'lro']],
    ['tso', ['csum', 'tso']],
  ])('--offload %s', async (word, inForce) => {
    for (const [host, own, other] of [
      [a, 1, 2],
      [b, 2, 1],
    ] as const) {
      const words = `vx0 id 42 remote 192.0.2.${other} up address 10.0.0.${own}/24 --offload ${word}`;
      ends.push(await VtepProcess.start(host, words));
    }
    const [sends, receives] = ends;
    expect(await a.ping('10.0.0.2')).toBe(2);
    const features = await a.run('ethtool', '-k', 'vx0');
    for (const [offload, feature] of Object.entries(FEATURES))
      expect(features).toContain(`${feature}: ${inForce.includes(offload) ? 'on' : 'off'}`);

    const [sent, got] = await transfer({
      from: a,
      to: b,
      address: '10.0.0.2',
      protocol: 'tcp',
      size: 20 << 20,
    });
    expect(got).toBe(sent);
    const used = async (vtep: VtepProcess, counter: string) => (await vtep.counter(counter)) > 0;
    expect(await used(sends, 'trains')).toBe(inForce.includes('gso'));
    expect(await used(sends, 'whole')).toBe(inForce.includes('tso') && inForce.includes('tnl'));
    // the kernel may put single datagrams together as well, or not
    const wholeTrains = inForce.includes('gso') && inForce.includes('gro');
    if (wholeTrains || !inForce.includes('gro'))
      expect(await used(receives, 'trains-received')).toBe(wholeTrains);
    expect(await used(receives, 'merged')).toBe(inForce.includes('lro'));
    expect(/^ {2}offloads: (.*)$/m.exec(await sends.dump())?.[1] ?? '').toBe(inForce.join(' '));
    const { stderr } = sends;
    expect(stderr).toContain(`vtep: offloads: ${inForce.join(', ') || 'none'}\n`);
  });

  it('names what cannot be had with its reason', async () => {
    const vtep = await VtepProcess.start(a, 'vx0 id 42 remote 192.0.2.2 up noudpcsum');
    const { stderr } = await vtep.stop();
    expect(stderr).toContain(
      'vtep: offloads: csum, tso, uso, gro, lro, tnl; no gso: a train needs checksums (noudpcsum)\n',
    );
  });

  it('come back with what they lacked, and stay where a change is refused', async () => {
    const daemon = await DaemonProcess.start(lab, a);
    await daemon.verb('link add vx0 type vxlan id 42 remote 192.0.2.2 noudpcsum');
    const inForce = async () => /offloads (\S+)/.exec(await daemon.verb('-d link show vx0'))?.[1];
    expect(await inForce()).toBe(ALL.filter((word) => word !== 'gso').join());
    await daemon.verb('link set vx0 udpcsum');
    expect(await inForce()).toBe(ALL.join());
    await a.run('sysctl', '-w', 'net.ipv6.conf.vx0.disable_ipv6=1');
    const refused = daemon.verb('link set vx0 noudpcsum address fd00::1/64');
    await expect(refused).rejects.toThrow('address'); // after the sockets were had
    expect(await inForce()).toBe(ALL.join());
    await daemon.end();
  });
});
