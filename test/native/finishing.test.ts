/** Checksums that the kernel leaves unfinished in frames from the TAP: finished once, or left alone where it lies. */
import { afterAll, describe, expect, it } from 'vitest';
import { TapPort } from '../../src/io/tap.ts';
import { Batch } from '../../src/memory/batch.ts';
import { FramePool, HEADROOM } from '../../src/memory/frame-pool.ts';
import { Outgoing } from '../support/offload-ports.ts';
import { build, offloadBytes, offloadOf, type Packet } from '../support/offload-twin.ts';
import { Random, rounds } from '../support/random.ts';
import { damaged, randomBytes, randomPacket } from '../support/random-packets.ts';
import { openNative, recordsOf } from '../support/underlay-ports.ts';
import { waitFor } from '../support/wait-for.ts';

const CASES = 100_000;
const BYTES = randomBytes(new Random(9));
const FRAME_MOST = 400;
const PORT = 14_796;

describe('what is read from a TAP', () => {
  // a TAP is a descriptor that gives a frame at each read, an offload header in front: so does a UDP socket
  const from = openNative('127.0.14.4', PORT);
  const to = openNative('127.0.14.5', PORT);
  from.bind(recordsOf([['127.0.14.5', PORT]]));
  const outgoing = new Outgoing(new FramePool(4), 32);
  // slots as short as the longest frame, so that who reads behind it reads behind all memory
  const pool = new FramePool(1, HEADROOM + FRAME_MOST);
  const incoming = Batch.receiving(pool, 0, 1);
  const tap = new TapPort({
    fd: to.fd,
    mtu: Int32Array.of(1450),
    merge: false,
    counts: new Float64Array(16),
  });
  afterAll(() => {
    from.close();
    to.close();
  });

  /** The frames as they are read, and whether an offload is still asked for. */
  async function read(all: readonly (readonly [Uint8Array, Uint8Array])[]): Promise<[string, boolean][]> {
    outgoing.clear();
    for (const [offload, frame] of all) outgoing.put(Uint8Array.from(Buffer.concat([offload, frame])));
    expect(from.transmit(outgoing.batch, 0, outgoing.batch.count)).toBe(0);
    const got: [string, boolean][] = [];
    const drain = () => {
      while (tap.receive(incoming) > 0) {
        const at = incoming.offset(0);
        const bytes = Buffer.from(pool.bytes.subarray(at, at + incoming.length[0]));
        got.push([bytes.toString('hex'), (incoming.vnet[0] & 0xffff) !== 0]);
      }
      return got.length === all.length;
    };
    if (!drain()) await waitFor(drain, `${all.length} frames`);
    return got;
  }

  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  const short = (p: Packet): Packet => ({
    ...p,
    payload: p.payload.subarray(0, 150),
    padding: p.padding % 10,
  });
  const fits = (frame: Uint8Array) => frame.subarray(0, FRAME_MOST);

  it('has its checksum when only that was missing', { timeout: 60_000 }, async () => {
    await rounds(CASES, async (random) => {
      const packets = random
        .list(30, () => short(randomPacket(random, BYTES)))
        .filter((p) => build(p).length <= FRAME_MOST);
      const unfinished = packets.map((p) => {
        const offload = offloadBytes({ ...offloadOf(p, 0), type: 0, headerLength: 0 });
        return [offload, build({ ...p, checksum: 'unfinished' })] as const;
      });
      const expected = packets.map((p) => [hex(build(p)), false]);
      expect(await read(unfinished)).toEqual(expected);
      return packets.length;
    });
  });

  it('is left alone where its offload header points outside of it, and still asks', async () => {
    const p = short({ ...randomPacket(new Random(10), BYTES), padding: 0 });
    const frame = build({ ...p, checksum: 'unfinished' });
    const lies = [
      { start: frame.length },
      { start: 65_535, offset: 65_535 },
      { start: frame.length - 1, offset: 0 },
      { start: 0, offset: frame.length - 1 },
      { offset: 65_535 },
    ];
    const headers = lies.map((lie) => offloadBytes({ ...offloadOf(p, 0), type: 0, headerLength: 0, ...lie }));
    const expected = lies.map(() => [hex(frame), true]);
    expect(await read(headers.map((header) => [header, frame] as const))).toEqual(expected);
  });

  it('changes in two bytes at most, whatever the header says', { timeout: 60_000 }, async () => {
    await rounds(CASES, async (random) => {
      const all = random.list(30, () => {
        const offload = random.bytes(10);
        offload[0] |= 1;
        if (random.oneIn(2))
          offload.set([0, random.pick([0, 1, 5]), 0, 0, 0, 0, random.below(256), 0, random.below(256), 0], 0);
        if (random.oneIn(2)) offload.set([1, 0], 0);
        return [offload, fits(damaged(random, build(short(randomPacket(random, BYTES)))))] as const;
      });
      const got = await read(all);
      for (const [i, [text]] of got.entries()) {
        const [, before] = all[i];
        const after = Buffer.from(text, 'hex');
        expect(after.length).toBe(before.length);
        expect(after.filter((byte, at) => byte !== before[at]).length).toBeLessThanOrEqual(2);
      }
      return all.length;
    });
  });
});
