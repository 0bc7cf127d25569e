/** Merging frames in C beside the slow twin, byte for byte, through the real writing. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OFFLOAD_NAMES, type OffloadName } from '../../src/memory/offload-counts.ts';
import { Cutter, framePart, Merger, offloadPart } from '../support/offload-ports.ts';
import { build, merge, offloadBytes, type Packet } from '../support/offload-twin.ts';
import { Random, rounds } from '../support/random.ts';
import { damaged, MTU, randomBytes, randomPacket, randomTraffic } from '../support/random-packets.ts';

const FRAMES = 1_000_000;
const NOTHING = new Uint8Array(0);
const DAMAGED = 100_000;
const BYTES = randomBytes(new Random(2));
/** Where a frame says of which flow it is, behind the offload header: the two MACs. */
const MACS = [10, 22] as const;
/** A flag of the offload header (VIRTIO_NET_HDR_F_NEEDS_CSUM). */
const NEEDS_CHECKSUM = 1;

let merger: Merger;
beforeAll(async () => {
  merger = await Merger.open(14_792, MTU);
});
afterAll(() => merger.close());

interface Group {
  flows: Set<string>;
  expected: Buffer[];
}

/** By their MACs, which is all that is known of what was written without parsing it. */
function expectedOf(packets: readonly Packet[]): Map<string, Group> {
  const groups = new Map<string, Group>();
  for (const { flow, offload, frame } of merge(packets, MTU)) {
    const bytes = Buffer.concat([offloadBytes(offload), frame]);
    const macs = bytes.toString('latin1', ...MACS);
    const group = groups.get(macs) ?? { flows: new Set(), expected: [] };
    group.flows.add(flow);
    group.expected.push(bytes);
    groups.set(macs, group);
  }
  return groups;
}

const countOf = (name: string) => merger.tap.options.counts[OFFLOAD_NAMES.indexOf(name as OffloadName)];

describe('merging', () => {
  it('writes what the twin writes, each flow in order', { timeout: 120_000 }, async () => {
    await rounds(FRAMES, async (random) => {
      const packets = randomTraffic(random, BYTES);
      const groups = expectedOf(packets);
      const count = [...groups.values()].reduce((sum, { expected }) => sum + expected.length, 0);
      const written = await merger.write(packets.map(build), count);
      for (const [macs, { flows, expected }] of groups) {
        const got = written.filter((bytes) => bytes.toString('latin1', ...MACS) === macs);
        if (flows.size > 1) for (const all of [got, expected]) all.sort(Buffer.compare); // in any order
        const differs = expected.findIndex((bytes, i) => got[i]?.compare(bytes) !== 0);
        if (differs >= 0) expect(got[differs]?.toString('hex')).toBe(expected[differs].toString('hex'));
      }
      expect(written.length).toBe(count);
      return packets.length;
    });
    const [merged, frames, superframes] = ['merged', 'merged-frames', 'superframes'].map(countOf);
    expect(frames).toBeGreaterThan(2 * merged);
    expect(superframes).toBeGreaterThan(0);
  });

  it('does not overtake: a fragment stays behind the frames of its flow', async () => {
    const any = randomPacket(new Random(11), BYTES);
    const whole: Packet = {
      ...any,
      tags: [],
      ipv6: false,
      tcp: false,
      options: NOTHING,
      ipOptions: NOTHING,
      fragment: 0,
      payload: BYTES.subarray(0, 100),
      padding: 0,
    };
    const fragment: Packet = { ...whole, fragment: 0x2000 };
    const frames = [whole, whole, fragment, whole].map(build);
    const written = await merger.write(frames, 3);
    expect(written.map((bytes) => offloadPart(bytes)[1])).toEqual([5, 0, 0]);
    expect(framePart(written[1]).compare(frames[2])).toBe(0);
  });

  it('loses nothing of damaged frames: what it merged can be cut into what it was', {
    timeout: 60_000,
  }, async () => {
    const cutter = new Cutter(14_795, true);
    await rounds(DAMAGED, async (random) => {
      // not what merging may change: a padding goes, and an unfinished superframe is told how to be cut
      const packets = randomTraffic(random, BYTES)
        .filter(({ checksum }) => checksum !== 'unfinished')
        .map((p) => ({ ...p, padding: 0, payload: p.payload.subarray(0, 1300) }));
      const frames = packets
        .slice(0, 300)
        .map((p) => (random.oneIn(3) ? damaged(random, build(p)) : build(p)));
      const written = await merger.write(frames, Math.min(frames.length, 1));
      const got: string[] = [];
      for (const bytes of written) {
        const isWhole = offloadPart(bytes)[1] === 0;
        if (isWhole) got.push(anyId(framePart(bytes)));
        else cutter.queue(framePart(bytes), offloadPart(bytes));
      }
      expect(cutter.transmit()).toEqual([]);
      const cut = await cutter.take(frames.length - got.length);
      got.push(...cut.flat().map(anyId));
      expect(got.sort()).toEqual(frames.map(anyId).sort());
      return frames.length;
    });
    cutter.close();
  });

  it('reads nothing behind a frame', { timeout: 60_000 }, async () => {
    await rounds(DAMAGED, async (random) => {
      const p = randomPacket(random, BYTES);
      if (random.oneIn(3)) Object.assign(p, { checksum: 'unfinished', padding: 0 });
      const frame = random.oneIn(3)
        ? random.bytes(random.between(1, 200))
        : damaged(random, build({ ...p, payload: p.payload.subarray(0, 300) }));
      const [written, ...more] = merger.writeLast(frame);
      expect(more).toEqual([]);
      const bytes = framePart(written);
      expect(bytes.compare(frame.subarray(0, bytes.length))).toBe(0);
      // a padding goes where a checksum is unfinished, or looks so by chance, one time in 65536
      const isUnfinished = (offloadPart(written)[0] & NEEDS_CHECKSUM) !== 0;
      if (!isUnfinished) expect(bytes.length).toBe(frame.length);
      return 1;
    });
  });
});

/** A frame without what merging may change: the identification of IPv4, and its header's checksum. */
function anyId(frame: Uint8Array): string {
  const bytes = Buffer.from(frame);
  let at = 12;
  for (
    let tags = 0;
    tags < 2 && [0x8100, 0x88a8].includes(bytes.readUInt16BE(at)) && at + 6 <= bytes.length;
    tags++
  )
    at += 4;
  if (bytes.readUInt16BE(at) === 0x0800 && bytes.length >= at + 22)
    for (const k of [6, 7, 12, 13]) bytes[at + k] = 0;
  return bytes.toString('hex');
}
