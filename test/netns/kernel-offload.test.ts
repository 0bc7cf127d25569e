/**
 * The kernel as the judge of the offloads: it checks every offload header that is written to a TAP, and cuts superframes
 * itself where the TAP that they leave by takes none.
 *
 *   written here ──▶ tapin ── br0 ── tapout ──▶ read here       in the namespace that `npm test` runs these suites in
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync, writeSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { native } from '../../src/io/native.ts';
import { TapPort } from '../../src/io/tap.ts';
import { Batch } from '../../src/memory/batch.ts';
import { FramePool } from '../../src/memory/frame-pool.ts';
import { OFFLOAD_COUNTS } from '../../src/memory/offload-counts.ts';
import { Outgoing } from '../support/offload-ports.ts';
import {
  build,
  cut,
  headerLength,
  ipAt,
  merge,
  offloadBytes,
  offloadOf,
  type Packet,
  TCP_FLAG,
  transportAt,
  type Written,
} from '../support/offload-twin.ts';
import { Random, rounds } from '../support/random.ts';
import { MTU, randomBytes, randomPacket, randomTraffic } from '../support/random-packets.ts';
import { waitFor } from '../support/wait-for.ts';

const SUPERFRAMES = 20_000;
const FRAMES = 100_000;
const BYTES = randomBytes(new Random(6));
const IP_PACKET_MOST = 65_535;

const ip = (line: string) => execFileSync('ip', line.split(' '), { stdio: 'pipe' });
const pool = new FramePool(64);
const outgoing = new Outgoing(new FramePool(80), 1024);
const incoming = Batch.receiving(pool, 0, 64);
let tapIn: TapPort;
let tapOut: TapPort;

function open(name: string): TapPort {
  const tap = new TapPort({
    fd: native().tapOpen(name, 0),
    mtu: Int32Array.of(MTU),
    merge: true,
    counts: new Float64Array(OFFLOAD_COUNTS),
  });
  ip(`link set ${name} master br0 mtu 65521 txqueuelen 10000 up`);
  execFileSync('bridge', ['link', 'set', 'dev', name, 'learning', 'off']);
  return tap;
}

beforeAll(async () => {
  writeFileSync('/proc/sys/net/ipv6/conf/default/disable_ipv6', '1'); // nothing comes out but what was put in
  // a firewall of bridges would look into packets, and cut off what is behind them
  const firewall = '/proc/sys/net/bridge';
  for (const name of existsSync(firewall) ? readdirSync(firewall) : [])
    if (name.startsWith('bridge-nf-call-')) writeFileSync(`${firewall}/${name}`, '0');
  ip('link add br0 type bridge mcast_snooping 0 forward_delay 0');
  ip('link set br0 mtu 65521 up');
  tapIn = open('tapin');
  tapOut = open('tapout');
  const forwards = () =>
    execFileSync('bridge', ['link', 'show'], { encoding: 'utf8' }).match(/state forwarding/g);
  await waitFor(() => forwards()?.length === 2, 'the bridge to forward');
});
afterAll(() => {
  tapIn.close();
  tapOut.close();
  ip('link del br0');
});

/** What comes out of the other TAP. */
async function take(count: number): Promise<Buffer[]> {
  const got: Buffer[] = [];
  const drain = () => {
    while (tapOut.receive(incoming) > 0) {
      for (let i = 0; i < incoming.count; i++) {
        const at = incoming.offset(i);
        got.push(Buffer.from(pool.bytes.subarray(at, at + incoming.length[i])));
      }
    }
    return got.length >= count;
  };
  if (!drain()) await waitFor(drain, `${count} frames`);
  return got;
}

/** As the kernel counts them: a superframe is one. */
function packetsIn(): number {
  const [link] = JSON.parse(execFileSync('ip', ['-s', '-j', 'link', 'show', 'tapin'], { encoding: 'utf8' }));
  return link.stats64.rx.packets;
}

const hex = (all: readonly Uint8Array[]) => all.map((bytes) => Buffer.from(bytes).toString('hex'));

function write(frames: readonly Uint8Array[]): void {
  outgoing.clear();
  for (const frame of frames) outgoing.put(frame);
  tapIn.transmit(outgoing.batch, 0, outgoing.batch.count);
  expect(tapIn.failures).toBe(0);
}

/** Frames as the host behind the TAP gets them, when the kernel has cut and finished what was left to it. */
function arriving({ packet, offload, frame }: Written): Uint8Array[] {
  if (offload.type !== 0) return cut(packet, offload.size);
  return [offload.needsChecksum ? build({ ...packet, padding: 0, checksum: 'right' }) : frame];
}

/** Which TCP may as well write as 0xffff, and so the kernel does when it cuts. */
function hasZeroChecksum(written: Written): boolean {
  const at = transportAt(written.packet) + 16;
  return written.packet.tcp && arriving(written).some((bytes) => bytes[at] === 0 && bytes[at + 1] === 0);
}

describe('the kernel', () => {
  it('cuts superframes as the twin does', async () => {
    await rounds(SUPERFRAMES, async (random) => {
      const any = randomPacket(random, BYTES);
      const p: Packet = { ...any, padding: 0, checksum: 'unfinished' };
      const size = Math.ceil(p.payload.length / random.between(2, 10));
      if (size === p.payload.length) return 0;
      writeSync(tapIn.options.fd, Buffer.concat([offloadBytes(offloadOf(p, size)), build(p)]));
      const expected = cut(p, size);
      expect(hex(await take(expected.length))).toEqual(hex(expected));
      return 1;
    });
  });

  it('takes what is merged, and makes the frames of it that came', async () => {
    await rounds(FRAMES, async (random) => {
      const packets = randomTraffic(random, BYTES);
      const merged = merge(packets, MTU);
      if (merged.some(hasZeroChecksum)) return packets.length;
      write(packets.map(build));
      const expected = hex(merged.flatMap(arriving));
      const got = hex(await take(expected.length));
      expect(got.sort()).toEqual(expected.sort());
      return packets.length;
    });
  });

  it.each([
    ['TCP', false],
    ['TCP', true],
  ])('takes the largest superframe there can be: %s, IPv6 %s', async (_, ipv6) => {
    const p: Packet = {
      ...randomPacket(new Random(7), BYTES),
      tags: [],
      ipv6,
      tcp: true,
      flags: TCP_FLAG.ack,
      ipOptions: new Uint8Array(0),
      extensions: [],
      padding: 0,
    };
    for (const [payload, superframes] of [
      [IP_PACKET_MOST - (headerLength(p) - ipAt(p)), 1],
      [IP_PACKET_MOST - (headerLength(p) - ipAt(p)) + 1, 2],
    ]) {
      const frames = cut({ ...p, payload: BYTES.subarray(0, payload) }, 1400);
      const before = packetsIn();
      write(frames);
      expect(packetsIn() - before).toBe(superframes);
      expect(hex((await take(frames.length)).sort(Buffer.compare))).toEqual(hex(frames.sort(Buffer.compare)));
    }
  });
});
