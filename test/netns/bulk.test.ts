/**
 * Many bytes, and every one of them right.
 *
 *   a [ vx0 10.0.0.1 fd00::1 ] eth0 ──── eth0 [ vx0 10.0.0.2 fd00::2 ] b
 *
 * Over a veth as it comes a kernel peer leaves inner checksums unfinished and sends superframes of up to 64 KB whole:
 * ping works there where TCP hangs. A wire is a veth that does what a cable does.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Capture } from '../support/capture.ts';
import { type Host, Lab } from '../support/netns.ts';
import { transfer } from '../support/transfer.ts';
import { openTunnel, PEERS, UNDERLAYS } from '../support/tunnel.ts';

const MEGABYTE = 1 << 20;
const WAYS = ['--transport native', '--transport native --offload off', '--transport dgram'];

const CASES = UNDERLAYS.flatMap((underlay) =>
  PEERS.flatMap((peer) => WAYS.map((words) => ({ underlay, peer, words }))),
);

describe.each(UNDERLAYS)('a kernel peer over a %s', (underlay) => {
  const lab = new Lab();
  afterAll(() => lab.close());

  it(`${underlay === 'veth' ? 'sends' : 'does not send'} superframes and unfinished checksums`, async () => {
    const { a, b } = await openTunnel(lab, { underlay, peer: 'the kernel', words: '--transport native' });
    const capture = await Capture.start(b, 'eth0', 'udp port 4789 and src host 192.0.2.2');
    await transfer({ from: b, to: a, address: '10.0.0.1', protocol: 'tcp', size: 4 * MEGABYTE });
    await capture.stop();
    const rows = capture.tshark(['ip.len', 'tcp.checksum.status'], 'tcp.len > 0');
    const superframes = rows.filter(([lengths]) => Number(lengths.split(',')[0]) > 1500);
    const unfinished = rows.filter(([, status]) => !/^(1|Good)$/.test(status));
    expect(rows.length).toBeGreaterThan(20);
    expect(superframes.length > 0).toBe(underlay === 'veth');
    expect(unfinished.length > 0).toBe(underlay === 'veth');
  });
});

describe.each(CASES)('$words over a $underlay, against $peer', (which) => {
  const lab = new Lab();
  let a: Host;
  let b: Host;

  beforeAll(async () => {
    ({ a, b } = await openTunnel(lab, which));
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
