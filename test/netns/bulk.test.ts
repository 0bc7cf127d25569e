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
import { VtepProcess } from '../support/vtep-process.ts';

const MEGABYTE = 1 << 20;
const UNDERLAYS = ['veth', 'wire'] as const;
const PEERS = ['the kernel', 'itself'] as const;
const WAYS = ['--transport native', '--transport native --offload off', '--transport dgram'];

interface Case {
  underlay: (typeof UNDERLAYS)[number];
  peer: (typeof PEERS)[number];
  how: string;
}

const CASES: Case[] = UNDERLAYS.flatMap((underlay) =>
  PEERS.flatMap((peer) => WAYS.map((how) => ({ underlay, peer, how }))),
);

async function connect(lab: Lab, { underlay, peer, how }: Case): Promise<[Host, Host]> {
  const a = lab.host('a');
  const b = lab.host('b');
  lab.cable(a, ['192.0.2.1/24'], b, ['192.0.2.2/24']);
  if (underlay === 'wire') await lab.wire(a, b);
  const words = `vx0 id 42 ${how} up`;
  await VtepProcess.start(a, `${words} remote 192.0.2.2 address 10.0.0.1/24 address fd00::1/64`);
  if (peer === 'itself') {
    await VtepProcess.start(b, `${words} remote 192.0.2.1 address 10.0.0.2/24 address fd00::2/64`);
  } else {
    b.ip('link add vx0 type vxlan id 42 remote 192.0.2.1 dstport 4789 dev eth0');
    b.ip('address add 10.0.0.2/24 dev vx0', 'address add fd00::2/64 dev vx0', 'link set vx0 up');
  }
  await a.settled('vx0');
  await b.settled('vx0');
  expect(await a.ping('10.0.0.2')).toBe(2);
  return [a, b];
}

describe.each(UNDERLAYS)('a kernel peer over a %s', (underlay) => {
  const lab = new Lab();
  afterAll(() => lab.close());

  it(`${underlay === 'veth' ? 'sends' : 'does not send'} superframes and unfinished checksums`, async () => {
    const [a, b] = await connect(lab, { underlay, peer: 'the kernel', how: '--transport native' });
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

describe.each(CASES)('$how over a $underlay, against $peer', (which) => {
  const lab = new Lab();
  let a: Host;
  let b: Host;

  beforeAll(async () => {
    [a, b] = await connect(lab, which);
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
