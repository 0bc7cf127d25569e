/** Cutting and merging in C beside the twin, byte for byte, over the real sending and writing. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TapPort } from '../../src/io/tap.ts';
import { Batch } from '../../src/memory/batch.ts';
import { FramePool, HEADROOM } from '../../src/memory/frame-pool.ts';
import { OFFLOAD_COUNTS } from '../../src/memory/offload-counts.ts';
import { toHex } from '../support/bytes.ts';
import {
  build,
  cut,
  merge,
  type Offload,
  offloadOf,
  type Packet,
  TCP_FLAG,
  type Written,
} from '../support/offload-twin.ts';
import { SCAPY_NOTE, scapy, WITHOUT_SCAPY } from '../support/scapy.ts';
import { openNative, recordsOf } from '../support/underlay-ports.ts';
import { waitFor } from '../support/wait-for.ts';

const RUNS = 400;
const VXLAN = [8, 0, 0, 0, 0, 0, 42, 0];

const bytes = (most: number) => fc.uint8Array({ minLength: 1, maxLength: most });
const base = fc.record({
  tags: fc.array(fc.integer({ min: 1, max: 4094 }), { maxLength: 2 }),
  ipv6: fc.boolean(),
  tcp: fc.boolean(),
  extension: fc.boolean(),
  source: fc.integer({ min: 1, max: 250 }),
  destination: fc.integer({ min: 1, max: 250 }),
  ports: fc.tuple(fc.nat(65_535), fc.nat(65_535)),
  id: fc.nat(65_535),
  sequence: fc.oneof(fc.nat(2 ** 31 - 1), fc.constant(2 ** 32 - 700)),
  ack: fc.nat(2 ** 31 - 1),
  flags: fc.constantFrom(16, 24, 17, 25, 16 | 128, 16 | 64),
  window: fc.nat(65_535),
  options: fc.nat(10).map((words) => Array.from({ length: 4 * words }, (_, i) => (i * 7 + 1) & 0xff)),
  payload: bytes(6000),
});
const packet: fc.Arbitrary<Packet> = base.map((p) => ({
  ...p,
  extension: p.ipv6 && p.extension,
  options: p.tcp ? p.options : [],
}));

function vnetWords(o: Offload): [number, number, number] {
  return [
    (o.needsChecksum ? 1 : 0) | (o.type << 8) | (o.headerLength << 16),
    o.size | (o.start << 16),
    o.offset,
  ];
}

describe.each([true, false])('cutting, trains %s', (trains) => {
  const from = openNative('127.0.14.1', trains ? 14_790 : 14_791, { trains, sockets: 2 });
  const to = openNative('127.0.14.2', trains ? 14_790 : 14_791, { trains });
  const pool = new FramePool(80);
  const [outgoing, incoming] = [new Batch(pool, 8), Batch.receiving(pool, 8, 64, 1024)];
  beforeAll(() => from.bind(recordsOf([['127.0.14.2', trains ? 14_790 : 14_791]])));
  afterAll(() => {
    from.close();
    to.close();
  });

  function queue(frame: Uint8Array, offload: Offload): void {
    const slot = outgoing.count;
    pool.bytes.set(VXLAN, slot * pool.slotBytes + HEADROOM);
    pool.bytes.set(frame, slot * pool.slotBytes + HEADROOM + 8);
    const item = outgoing.queue(slot, HEADROOM, frame.length + 8, 0, 1);
    outgoing.vnet.set(vnetWords(offload), 3 * item);
  }
  async function send(count: number): Promise<string[]> {
    expect(from.transmit(outgoing, 0, outgoing.count)).toBe(0);
    outgoing.count = 0;
    const got: string[] = [];
    await waitFor(() => {
      to.receive(incoming);
      for (let i = 0; i < incoming.count; i++) {
        const at = incoming.offset(i);
        got.push(toHex(pool.bytes.subarray(at + 8, at + incoming.length[i])));
      }
      return got.length >= count;
    }, `${count} frames`);
    return got;
  }

  it('makes the frames that the twin makes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(packet, fc.integer({ min: 100, max: 1448 })), { minLength: 1, maxLength: 4 }),
        async (superframes) => {
          const expected = superframes.flatMap(([p, size]) => cut(p, size).map(toHex));
          for (const [p, size] of superframes) queue(build(p, 'unfinished'), offloadOf(p, size));
          expect(await send(expected.length)).toEqual(expected);
          expect(from.failures).toBe(0);
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('cuts 64 KB, with plain frames before and behind it, in order', async () => {
    const large: Packet = {
      ...fc.sample(packet, 1)[0],
      tcp: true,
      ipv6: false,
      extension: false,
      tags: [],
      options: [],
    };
    large.payload = Uint8Array.from({ length: 65_000 }, (_, i) => i & 0xff);
    const small = build({ ...large, payload: Uint8Array.of(1, 2, 3) });
    queue(small, { ...offloadOf(large, 0), needsChecksum: false, type: 0 });
    queue(build(large, 'unfinished'), offloadOf(large, 1448));
    queue(small, { ...offloadOf(large, 0), needsChecksum: false, type: 0 });
    const expected = [toHex(small), ...cut(large, 1448).map(toHex), toHex(small)];
    expect(await send(expected.length)).toEqual(expected);
  });

  it.each<[string, Partial<Offload>]>([
    ['a size of 0', { size: 0 }],
    ['a transport elsewhere', { start: 20 }],
    ['a type of another protocol', { type: 5 }],
    ['a type that nobody offered', { type: 3 }],
    ['no wish for a checksum', { needsChecksum: false }],
  ])('refuses a superframe with %s', (_, lie) => {
    const p: Packet = { ...fc.sample(packet, 1)[0], tcp: true, extension: false };
    queue(build(p, 'unfinished'), { ...offloadOf(p, 500), ...lie });
    expect(from.transmit(outgoing, 0, 1)).toBe(0);
    outgoing.count = 0;
    expect([from.failures, from.failed[0], from.failed[1]]).toEqual([1, 0, 71]);
    from.failures = 0;
  });

  it('any offload header over any bytes: frames or a refusal, nothing else', () => {
    const words = fc.tuple(fc.integer(), fc.integer(), fc.integer());
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 400 }),
          packet.map((p) => build(p, 'unfinished')),
        ),
        words,
        (frame, vnet) => {
          queue(frame, offloadOf(fc.sample(packet, 1)[0], 1));
          outgoing.vnet.set([vnet[0], vnet[1], vnet[2] & 0xffff], 0);
          expect(from.transmit(outgoing, 0, 1)).toBe(0);
          outgoing.count = 0;
          from.failures = 0;
          while (to.receive(incoming) > 0);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('merging', () => {
  // a TAP is a descriptor that a frame is written to at once: a connected UDP socket keeps the frames apart as well
  let reader: Socket;
  let writer: Socket;
  let tap: TapPort;
  const pool = new FramePool(64);
  const inbound = new Batch(pool, 64);
  const got: Written[] = [];

  beforeAll(async () => {
    reader = createSocket({ type: 'udp4', recvBufferSize: 1 << 24 }).bind(0, '127.0.0.1');
    await once(reader, 'listening');
    reader.on('message', (message) => {
      const u16 = (at: number) => message.readUInt16LE(at);
      const offload = {
        needsChecksum: message[0] === 1,
        type: message[1],
        headerLength: u16(2),
        size: u16(4),
        start: u16(6),
        offset: u16(8),
      };
      got.push({ offload, frame: Uint8Array.from(message.subarray(10)) });
    });
    writer = createSocket('udp4');
    writer.connect(reader.address().port, '127.0.0.1');
    await once(writer, 'connect');
    const { fd } = (writer as unknown as { _handle: { fd: number } })._handle;
    tap = new TapPort({
      fd,
      mtu: Int32Array.of(1450),
      merge: true,
      counts: new Float64Array(OFFLOAD_COUNTS),
    });
  });
  afterAll(() => {
    reader.close();
    writer.close();
  });

  async function write(frames: readonly Uint8Array[], expected: number): Promise<Written[]> {
    got.length = 0;
    inbound.count = 0;
    for (const [i, frame] of frames.entries()) {
      pool.bytes.set(frame, i * pool.slotBytes + HEADROOM);
      inbound.queue(i, HEADROOM, frame.length, 1, 0);
    }
    tap.transmit(inbound, 0, inbound.count);
    expect(tap.failures).toBe(0);
    await waitFor(() => got.length >= expected, `${expected} frames`);
    return [...got];
  }
  const plain = (all: readonly Written[]) => all.map(({ offload, frame }) => [offload, toHex(frame)]);

  /** A stretch of one flow: consecutive parts, with now and then something that breaks the run. */
  const stretch = fc
    .tuple(
      packet,
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 900 }),
      fc.array(
        fc.tuple(
          fc.nat(11),
          fc.constantFrom('gap', 'push', 'short', 'window', 'ack', 'syn', 'empty', 'fin', 'options'),
        ),
        { maxLength: 3 },
      ),
    )
    .map(([p, count, size, breaks]) => {
      let sequence = p.sequence;
      return Array.from({ length: count }, (_, i) => {
        const kinds = breaks.filter(([at]) => at === i).map(([, kind]) => kind);
        const each: Packet = {
          ...p,
          flags: TCP_FLAG.ack,
          id: (p.id + i) & 0xffff,
          payload: new Uint8Array(size).fill(i + 1),
        };
        if (kinds.includes('gap')) sequence = (sequence + 9) >>> 0;
        each.sequence = sequence;
        if (kinds.includes('push')) each.flags |= TCP_FLAG.psh;
        if (kinds.includes('fin')) each.flags |= TCP_FLAG.fin;
        if (kinds.includes('syn')) each.flags |= TCP_FLAG.syn;
        if (kinds.includes('window')) each.window ^= 1;
        if (kinds.includes('ack')) each.ack ^= 1;
        if (kinds.includes('options') && p.options.length > 0) each.options = [...p.options.slice(1), 9];
        if (kinds.includes('short')) each.payload = each.payload.subarray(0, Math.ceil(size / 2));
        if (kinds.includes('empty')) each.payload = new Uint8Array(0);
        sequence = (sequence + each.payload.length) >>> 0;
        return each;
      });
    });
  /** Several flows, their packets interleaved but each flow's in order. */
  const traffic = fc
    .tuple(fc.array(stretch, { minLength: 1, maxLength: 4 }), fc.array(fc.nat(3), { maxLength: 48 }))
    .map(([flows, turns]) => {
      const left = flows.map((flow) => [...flow]);
      const mixed = turns.flatMap((turn) => left[turn % left.length].splice(0, 1));
      return [...mixed, ...left.flat()].slice(0, 60);
    });

  it('makes the superframes that the twin makes, flow by flow', async () => {
    await fc.assert(
      fc.asyncProperty(traffic, async (packets) => {
        const expected = merge(packets);
        const written = await write(
          packets.map((p) => build(p)),
          expected.length,
        );
        const sorted = (all: unknown[]) => all.map((each) => JSON.stringify(each)).sort();
        expect(sorted(plain(written))).toEqual(sorted(plain(expected)));
      }),
      { numRuns: RUNS },
    );
  });

  it('leaves alone what looks unfinished and is right', async () => {
    // the source port makes up for the rest, so that header and payload add up to twice the pseudo-header's complement
    const model: Packet = { ...fc.sample(packet, 1)[0], tcp: false, ipv6: false, extension: false, tags: [] };
    const candidates = Array.from({ length: 65_536 }, (_, port) => ({
      ...model,
      ports: [port, 9] as [number, number],
      payload: Uint8Array.of(1, 2),
    }));
    const p = candidates.find((each) => toHex(build(each)) === toHex(build(each, 'unfinished'))) as Packet;
    const expected = merge([p, p]);
    expect(expected).toHaveLength(2);
    expect(plain(await write([build(p), build(p)], 2))).toEqual(plain(expected));
  });

  it('hands over what is damaged as it is, and never repairs it', async () => {
    const p: Packet = {
      ...fc.sample(packet, 1)[0],
      tcp: true,
      extension: false,
      flags: 16,
      payload: new Uint8Array(100),
    };
    const next = { ...p, sequence: (p.sequence + 100) >>> 0 };
    const frames = [build(p), build(next, 'wrong')];
    const written = await write(frames, 2);
    expect(written.map(({ frame }) => toHex(frame)).sort()).toEqual(frames.map(toHex).sort());
    for (const { offload } of written) expect(offload.needsChecksum).toBe(false);
  });

  it('says of an unfinished frame what it lacks, and of a superframe how to cut it', async () => {
    const p: Packet = {
      ...fc.sample(packet, 1)[0],
      tcp: true,
      ipv6: false,
      extension: false,
      tags: [],
      options: [],
      payload: new Uint8Array(1000),
    };
    const small = await write([build(p, 'unfinished')], 1);
    expect(small[0].offload).toEqual({ ...offloadOf(p, 0), type: 0, headerLength: 0, size: 0 });
    const large = await write([build({ ...p, payload: new Uint8Array(20_000) }, 'unfinished')], 1);
    expect(large[0].offload).toEqual(offloadOf(p, 1450 - 40));
  });

  it.skipIf(WITHOUT_SCAPY)(`what was cut from what was merged is right to scapy${SCAPY_NOTE}`, async () => {
    const packets = fc.sample(stretch, { numRuns: 40, seed: 7 }).flat().slice(0, 60);
    const frames = merge(packets).flatMap(({ offload, frame }) => (offload.type === 0 ? [frame] : []));
    const verdicts = scapy<boolean[]>(
      `
from scapy.layers.inet import in4_chksum
from scapy.layers.inet6 import in6_chksum
verdicts = []
for text in given:
    packet = Ether(bytes.fromhex(text))
    layer, number = (TCP, 6) if TCP in packet else (UDP, 17)
    whole = packet[layer].original
    rest = in4_chksum(number, packet[IP], whole) if IP in packet else in6_chksum(number, packet[IPv6], whole)
    verdicts.append(rest in (0, 0xffff))
answer(verdicts)`,
      [...frames, ...packets.flatMap((p) => (p.payload.length > 0 ? cut(p, 300) : []))].map(toHex),
    );
    expect(verdicts.length).toBeGreaterThan(60);
    expect(verdicts.every(Boolean)).toBe(true);
  });

  it('any bytes are written as they are, or merged, and nothing is lost', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { minLength: 1, maxLength: 20 }),
        async (frames) => {
          const written = await write(frames, frames.length);
          expect(written.map(({ frame }) => toHex(frame)).sort()).toEqual(frames.map(toHex).sort());
        },
      ),
      { numRuns: 200 },
    );
  });
});
