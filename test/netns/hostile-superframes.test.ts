/**
 * Offload headers that lie, from the host behind the TAP, and datagrams that look like unfinished superframes, from the
 * underlay: each is carried or counted, nothing grows, and what comes after them is unharmed.
 *
 *   a [ vx0 10.0.0.1 ] eth0 ──── eth0 [ vx0 10.0.0.2 of the kernel ] b
 */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DROP_REASONS } from '../../src/tables/counters.ts';
import { type Host, Lab } from '../support/netns.ts';
import { build, offloadBytes, offloadOf, type Packet } from '../support/offload-twin.ts';
import { Random } from '../support/random.ts';
import { damaged, randomBytes, randomPacket } from '../support/random-packets.ts';
import { transfer } from '../support/transfer.ts';
import { openTunnel, type Tunnel } from '../support/tunnel.ts';
import type { VtepProcess } from '../support/vtep-process.ts';
import { waitFor } from '../support/wait-for.ts';

const EACH = 3000;
/** In KB: all slots of the pool, should they be met only late; a sanitizer takes its own notes of them. */
const GROWTH_MOST = process.env.ASAN_OPTIONS ? 65_536 : 16_384;
const SEED = Number(process.env.VTEP_SEED ?? Date.now() % 1_000_000_000);
const BYTES = randomBytes(new Random(8));
const VXLAN = [8, 0, 0, 0, 0, 0, 42, 0];
/** Python: lines of hex out of a device, an offload header in front of each; how many the kernel took. */
const INTO_TAP = `
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.setsockopt(263, 15, 1)  # PACKET_VNET_HDR
s.bind(("vx0", 0))
taken = 0
for line in open(sys.argv[1]):
    try:
        s.send(bytes.fromhex(line))
        taken += 1
    except OSError:
        pass
print(taken)
`;
/** Lines of hex as datagrams to a VTEP, a train where a size stands in front. */
const INTO_UNDERLAY = `
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("192.0.2.1", 4789))
for i, line in enumerate(open(sys.argv[1])):
    size, datagram = line.split()
    s.setsockopt(17, 103, int(size))  # UDP_SEGMENT
    s.send(bytes.fromhex(datagram))
    if i % 50 == 49: time.sleep(0.002)  # so that the receiver's socket does not overflow
`;

const hex = (...parts: ArrayLike<number>[]) =>
  parts.map((part) => Buffer.from(part as Uint8Array).toString('hex')).join('');
const resident = (pid: number) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

function unfinished(random: Random): Packet {
  const p = randomPacket(random, BYTES);
  // from another station than those that the test speaks by, and not to everybody
  return { ...p, tags: random.oneIn(8) ? p.tags : [], station: 200, checksum: 'unfinished', padding: 0 };
}

/** A superframe whose offload header or bytes lie in something. */
function lyingSuperframe(random: Random): string {
  const p = unfinished(random);
  const offload = offloadBytes(
    offloadOf(p, random.pick([0, 1, 65_535, Math.ceil(p.payload.length / 3), 1400])),
  );
  if (random.oneIn(2)) offload[random.below(10)] = random.pick([0, 1, 255, random.below(256)]);
  // size 1 of a large one is a right wish, of 65,000 frames
  if (p.payload.length > 2000) offload.set([random.below(256), 2], 4);
  return hex(offload, random.oneIn(2) ? build(p) : damaged(random, build(p)));
}

/** A datagram with a frame in it that says that its checksum is unfinished, and may say more that is not so. */
function lyingDatagram(random: Random): string {
  const frame = build(unfinished(random)).subarray(0, 65_000);
  return `0 ${hex(VXLAN, random.oneIn(3) ? frame : damaged(random, frame))}`;
}

/** A train whose first datagram claims to be a UDP superframe as long as all of it, or nearly. */
function lyingTrain(random: Random): string {
  const p: Packet = {
    ...unfinished(random),
    tcp: false,
    payload: BYTES.subarray(0, random.between(1500, 9000)),
  };
  const datagram = [
    ...VXLAN,
    ...build({ ...p, checksum: random.pick(['right', 'unfinished', 'none'] as const) }),
  ];
  return `${random.between(600, 1400)} ${hex(datagram, random.oneIn(2) ? [] : [0])}`;
}

describe('hostile superframes', () => {
  const lab = new Lab();
  let tunnel: Tunnel;
  let vtep: VtepProcess;
  beforeAll(async () => {
    tunnel = await openTunnel(lab, { underlay: 'wire', peer: 'the kernel', words: '--offload auto' });
    [vtep] = tunnel.vteps;
  });
  afterAll(() => lab.close());

  async function run(host: Host, script: string, lines: string[]): Promise<number> {
    const folder = mkdtempSync(join(tmpdir(), 'vtep-hostile-'));
    lab.folders.push(folder);
    writeFileSync(join(folder, 'lines'), lines.join('\n'));
    return Number(await host.run('/usr/bin/python3', '-c', script, join(folder, 'lines')));
  }

  /** The same twice, so that what grows once is told from what grows for ever. */
  async function attack(host: Host, script: string, make: (random: Random) => string): Promise<void> {
    const random = new Random(SEED);
    const lines = () => random.list(EACH, () => make(random));
    await run(host, script, lines());
    const before = resident(vtep.pid);
    await run(host, script, lines());
    expect(resident(vtep.pid) - before).toBeLessThan(GROWTH_MOST);
    expect(vtep.closed).toBe(false);
  }

  async function isWell(): Promise<void> {
    const { a: from, b: to } = tunnel;
    expect(await from.ping('10.0.0.2')).toBe(2);
    const [sent, got] = await transfer({ from, to, address: '10.0.0.2', protocol: 'tcp', size: 10 << 20 });
    expect(got).toBe(sent);
  }

  it(`from the TAP (seed ${SEED})`, async () => {
    const before = await vtep.counter('txFrames');
    await attack(tunnel.a, INTO_TAP, lyingSuperframe);
    // most were stopped by the kernel, which looks at them first
    expect((await vtep.counter('txFrames')) - before).toBeGreaterThan(EACH / 10);
    expect(await vtep.counter('bad-offload')).toBeGreaterThan(0);
    await isWell();
  });

  it(`from the underlay, unfinished frames (seed ${SEED})`, async () => {
    // what reaches the TAP and is refused there was counted as received
    const reasons = Object.keys(DROP_REASONS).filter((name) => !name.startsWith('tap-'));
    const accounted = async () => {
      const dump = await vtep.dump();
      const of = (name: string) => Number(new RegExp(`^ {2}${name}: (\\d+)`, 'm').exec(dump)?.[1] ?? 0);
      return ['rxFrames', ...reasons].reduce((sum, name) => sum + of(name), 0);
    };
    const before = await accounted();
    await attack(tunnel.b, INTO_UNDERLAY, lyingDatagram);
    await waitFor(async () => (await accounted()) >= before + 2 * EACH, 'all datagrams to be accounted for');
    expect((await accounted()) - before).toBeLessThan(2 * EACH + 20); // ARP and the like
    expect(await vtep.counter('superframes')).toBeGreaterThan(10);
    await isWell();
  });

  it(`from the underlay, trains (seed ${SEED})`, async () => {
    await attack(tunnel.b, INTO_UNDERLAY, lyingTrain);
    expect(await vtep.counter('trains-received')).toBeGreaterThan(100);
    await isWell();
  });
});
