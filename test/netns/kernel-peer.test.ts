/**
 * Ours beside the kernel's own vxlan, and beside itself, over both underlays.
 *
 *   a [ vx0 10.0.0.1 fd00::1 ] 192.0.2.1, 2001:db8::1 ──── 192.0.2.2, 2001:db8::2 [ vx0 10.0.0.2 fd00::2 ] b
 *     vtep run                                                            vtep run, or the kernel
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Capture } from '../support/capture.ts';
import { type Host, Lab } from '../support/netns.ts';
import { TRANSPORTS, VtepProcess } from '../support/vtep-process.ts';

const UNDERLAYS = {
  IPv4: ['192.0.2.1', '192.0.2.2'],
  IPv6: ['2001:db8::1', '2001:db8::2'],
} as const;
const CASES = TRANSPORTS.flatMap((transport) =>
  (['IPv4', 'IPv6'] as const).flatMap((family) =>
    (['the kernel', 'itself'] as const).map((peer) => ({ transport, family, peer })),
  ),
);

describe.each(CASES)('vtep over $transport and $family, against $peer', ({ transport, family, peer }) => {
  const lab = new Lab();
  const [local, remote] = UNDERLAYS[family];
  let a: Host;
  let b: Host;
  let vtep: VtepProcess;

  beforeAll(async () => {
    a = lab.host('a');
    b = lab.host('b');
    lab.cable(a, ['192.0.2.1/24', '2001:db8::1/64'], b, ['192.0.2.2/24', '2001:db8::2/64']);
    const words = `id 42 --transport ${transport} up address 10.0.0.1/24 address fd00::1/64`;
    vtep = await VtepProcess.start(a, `vx0 remote ${remote} local ${local} ${words}`);
    if (peer === 'itself') {
      const theirs = words.replace('10.0.0.1', '10.0.0.2').replace('fd00::1', 'fd00::2');
      await VtepProcess.start(b, `vx0 remote ${local} local ${remote} ${theirs}`);
    } else {
      b.ip(`link add vx0 type vxlan id 42 remote ${local} local ${remote} dstport 4789 dev eth0`);
      b.ip('address add 10.0.0.2/24 dev vx0', 'address add fd00::2/64 dev vx0 nodad', 'link set vx0 up');
    }
    await a.settled('vx0');
    await b.settled('vx0');
  });
  afterAll(() => lab.close());

  it('carries ARP and IPv4 both ways', async () => {
    expect(await a.ping('10.0.0.2')).toBe(2);
    expect(await b.ping('10.0.0.1')).toBe(2);
  });

  it('carries neighbour discovery and IPv6 both ways', async () => {
    expect(await a.ping('fd00::2')).toBe(2);
    expect(await b.ping('fd00::1')).toBe(2);
  });

  it('has the MTU of the way less the headers', async () => {
    const [link] = await a.json<{ mtu: number }[]>('ip', '-j', 'link', 'show', 'vx0');
    expect(link.mtu).toBe(family === 'IPv4' ? 1450 : 1430);
  });

  it('learned where the other address is, and so did the peer', async () => {
    const [{ address }] = await b.json<{ address: string }[]>('ip', '-j', 'link', 'show', 'vx0');
    expect(await vtep.dump()).toMatch(
      new RegExp(`^${address} dev vx0 dst ${remote} used \\d+/\\d+ self$`, 'm'),
    );
    if (peer === 'itself') return;
    const [{ address: ours }] = await a.json<{ address: string }[]>('ip', '-j', 'link', 'show', 'vx0');
    const entries = await b.json<{ mac: string; dst?: string }[]>(
      'bridge',
      '-j',
      'fdb',
      'show',
      'dev',
      'vx0',
    );
    expect(entries).toContainEqual(expect.objectContaining({ mac: ours, dst: local }));
  });

  it('answers to the configured port, whatever port the question came from', async () => {
    const capture = await Capture.start(a, 'eth0', 'udp or icmp');
    expect(await b.ping('10.0.0.1')).toBe(2);
    expect(await b.ping('fd00::1')).toBe(2);
    await capture.stop();
    const source = family === 'IPv4' ? 'ip.src' : 'ipv6.src';
    const rows = capture.tshark([source, 'udp.srcport', 'udp.dstport'], 'udp');
    const [theirs, ours] = [remote, local].map((address) =>
      rows.filter(([from]) => from.startsWith(address)),
    );
    expect(theirs.length).toBeGreaterThanOrEqual(4);
    expect(theirs.every(([, from, to]) => from !== '4789' && to === '4789')).toBe(true);
    expect(ours.length).toBeGreaterThanOrEqual(4);
    expect(ours.every(([, from, to]) => Number(from) >= 49_152 && to === '4789')).toBe(true);
  });

  it('takes away what it made', async () => {
    const { code, stdout } = await vtep.stop();
    expect(code).toBe(0);
    expect(stdout.split('\n')).toHaveLength(2);
    await expect(a.run('ip', 'link', 'show', 'vx0')).rejects.toThrow('does not exist');
    expect(await a.run('ss', '-Hlun')).toBe('');
  });
});
