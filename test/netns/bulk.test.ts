/**
 * Many bytes, and every one of them right.
 *
 *   a [ vx0 10.0.0.1 fd00::1 ] eth0 ──── eth0 [ vx0 10.0.0.2 fd00::2 ] b
 *
 * Over a veth as it comes a kernel peer leaves inner checksums unfinished and sends superframes of up to 64 KB whole:
 * ping works there where TCP hangs. A wire is a veth that does what a cable does.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Host, Lab } from '../support/netns.ts';
import { transfer } from '../support/transfer.ts';
import { VtepProcess } from '../support/vtep-process.ts';

const MEGABYTE = 1 << 20;
const CASES = (['veth', 'wire'] as const).flatMap((underlay) =>
  (['the kernel', 'itself'] as const).flatMap((peer) =>
    ['--transport native', '--transport native --offload off', '--transport dgram'].map((how) => ({
      underlay,
      peer,
      how,
    })),
  ),
);

describe.each(CASES)('$how over a $underlay, against $peer', ({ underlay, peer, how }) => {
  const lab = new Lab();
  let a: Host;
  let b: Host;

  beforeAll(async () => {
    a = lab.host('a');
    b = lab.host('b');
    lab.cable(a, ['192.0.2.1/24'], b, ['192.0.2.2/24']);
    if (underlay === 'wire') await lab.wire(a, b);
    await VtepProcess.start(a, `vx0 id 42 remote 192.0.2.2 ${how} up address 10.0.0.1/24 address fd00::1/64`);
    if (peer === 'itself') {
      await VtepProcess.start(
        b,
        `vx0 id 42 remote 192.0.2.1 ${how} up address 10.0.0.2/24 address fd00::2/64`,
      );
    } else {
      b.ip('link add vx0 type vxlan id 42 remote 192.0.2.1 dstport 4789 dev eth0');
      b.ip('address add 10.0.0.2/24 dev vx0', 'address add fd00::2/64 dev vx0 nodad', 'link set vx0 up');
    }
    await a.settled('vx0');
    await b.settled('vx0');
    expect(await a.ping('10.0.0.2')).toBe(2);
  });
  afterAll(() => lab.close());

  it.each([
    ['there', 'IPv4', 200],
    ['back', 'IPv4', 200],
    ['there', 'IPv6', 50],
    ['back', 'IPv6', 50],
  ])('TCP %s over %s, %d MB', async (direction, family, megabytes) => {
    const [from, to, number] = direction === 'there' ? [a, b, 2] : [b, a, 1];
    const address = family === 'IPv4' ? `10.0.0.${number}` : `fd00::${number}`;
    const [sent, got] = await transfer({ from, to, address, protocol: 'tcp', size: megabytes * MEGABYTE });
    expect(got).toMatch(/^[0-9a-f]{64}$/);
    expect(got).toBe(sent);
  });

  it.each([1, 1400, 8000, 60_000])('UDP both ways, datagrams of %d bytes', async (size) => {
    for (const [from, to, address] of [
      [a, b, '10.0.0.2'],
      [b, a, '10.0.0.1'],
    ] as const) {
      const [sent, got] = await transfer({ from, to, address, protocol: 'udp', size, count: 20 });
      expect(got).toBe(sent);
    }
  });
});
