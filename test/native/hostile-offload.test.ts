/** Offload headers that lie and packets that are damaged: a refusal or the right frames, and nothing else. */
import { afterAll, describe, expect, it } from 'vitest';
import { Cutter } from '../support/offload-ports.ts';
import {
  build,
  cut,
  ipAt,
  type Offload,
  offloadBytes,
  offloadOf,
  type Packet,
  TCP_FLAG,
  transportAt,
} from '../support/offload-twin.ts';
import { Random, rounds } from '../support/random.ts';
import { damaged, randomBytes, randomPacket } from '../support/random-packets.ts';

const CASES = 100_000;
const BYTES = randomBytes(new Random(3));
const EPROTO = 71;
const EMSGSIZE = 90;
const SIZE = 500;

const TCP4: Packet = {
  ...randomPacket(new Random(4), BYTES),
  tags: [],
  ipv6: false,
  tcp: true,
  fragment: 0x4000,
  flags: TCP_FLAG.ack | TCP_FLAG.psh | TCP_FLAG.cwr,
  options: Uint8Array.of(1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8),
  ipOptions: new Uint8Array(0),
  extensions: [],
  payload: BYTES.subarray(0, 1700),
  padding: 0,
};
const UDP4: Packet = { ...TCP4, tcp: false, options: new Uint8Array(0) };
const TCP6: Packet = { ...TCP4, ipv6: true };
const LONG = BYTES.subarray(0, 65_000);

/** A superframe of `p`, with bytes changed: [offset, value] each. */
type Lie = [
  name: string,
  p: Packet,
  offload?: Partial<Offload>,
  bytes?: (p: Packet) => [at: number, value: number][],
];
const REFUSED: Lie[] = [
  ['a size of 0', TCP4, { size: 0 }],
  ['no wish for a checksum', TCP4, { needsChecksum: false }],
  ['a transport one byte earlier', TCP4, { start: transportAt(TCP4) - 1 }],
  ['a transport one byte later', TCP4, { start: transportAt(TCP4) + 1 }],
  ['a transport outside of it', TCP4, { start: 65_535 }],
  ['the type of IPv6', TCP4, { type: 4 }],
  ['the type of UDP', TCP4, { type: 5 }],
  ['the type of TCP', UDP4, { type: 1 }],
  ['the type of IPv4', TCP6, { type: 1 }],
  ['a type that nobody offered', UDP4, { type: 3 }],
  ['a type of a tunnel', TCP4, { type: 0x21 }],
  ['ECN alone for its type', TCP4, { type: 0x80 }],
  ['no payload', { ...TCP4, payload: new Uint8Array(0) }],
  ['no payload, UDP', { ...UDP4, payload: new Uint8Array(0) }],
  ['more fragments to come', { ...TCP4, fragment: 0x2000 }],
  ['a fragment offset', { ...UDP4, fragment: 0x0001 }],
  ['an IPv4 header shorter than one', TCP4, {}, (p) => [[ipAt(p), 0x44]]],
  [
    'an IPv4 header longer than it',
    { ...TCP4, payload: BYTES.subarray(0, 4) },
    {},
    (p) => [[ipAt(p) + 3, 24]],
  ],
  ['a total length beyond its end', TCP4, {}, (p) => [[ipAt(p) + 2, 0xff]]],
  [
    'a total length before its payload',
    TCP4,
    {},
    (p) => [
      [ipAt(p) + 2, 0],
      [ipAt(p) + 3, 41],
    ],
  ],
  ['an IPv6 length beyond its end', TCP6, {}, (p) => [[ipAt(p) + 4, 0xff]]],
  ['another version of IP', TCP6, {}, (p) => [[ipAt(p), 0x40]]],
  ['a TCP header shorter than one', TCP4, {}, (p) => [[transportAt(p) + 12, 0x40]]],
  [
    'a TCP header longer than it',
    { ...TCP4, payload: BYTES.subarray(0, 4) },
    {},
    (p) => [[transportAt(p) + 12, 0xf0]],
  ],
  ['a UDP length that is another', UDP4, {}, (p) => [[transportAt(p) + 5, 1]]],
  ['another protocol', TCP4, {}, (p) => [[ipAt(p) + 9, 47]]],
  [
    'three tags',
    TCP4,
    {},
    () => [
      [12, 0x81],
      [13, 0],
      [16, 0x81],
      [17, 0],
      [20, 0x81],
      [21, 0],
    ],
  ],
  ['an IPv6 fragment header', { ...TCP6, extensions: [[44, 0]] }],
  ['nine extension headers', { ...TCP6, extensions: Array.from({ length: 9 }, () => [60, 0]) }],
  [
    'extension headers longer than headers may be',
    {
      ...TCP6,
      extensions: [
        [60, 20],
        [43, 10],
      ],
    },
  ],
  [
    'an extension header that leads outside',
    { ...TCP6, extensions: [[60, 0]] },
    {},
    (p) => [[ipAt(p) + 41, 255]],
  ],
  [
    'extension headers to the very end',
    { ...TCP6, payload: new Uint8Array(12) },
    {},
    (p) => Array.from({ length: 9 }, (_, i) => [ipAt(p) + (i === 0 ? 6 : 32 + 8 * i), 60]),
  ],
];
const RIGHT: Lie[] = [
  ['a size of 1', { ...TCP4, payload: BYTES.subarray(0, 700) }, { size: 1 }],
  ['a size of 65,535', TCP4, { size: 65_535 }],
  ['a header length of 0', TCP4, { headerLength: 0 }],
  ['a header length beyond its end', TCP6, { headerLength: 65_535 }],
  ['another place for the checksum', TCP4, { offset: 65_535 }],
  ['130 segments', { ...TCP4, payload: LONG }],
  ['130 segments, UDP', { ...UDP4, payload: LONG }],
  ['options in the IPv4 header', { ...TCP4, ipOptions: BYTES.subarray(0, 40) }],
  ['eight extension headers', { ...TCP6, extensions: Array.from({ length: 8 }, () => [60, 0]) }],
  ['bytes behind the packet', { ...TCP4, padding: 30 }],
  ['one byte for the last segment', { ...TCP4, payload: BYTES.subarray(0, 2 * SIZE + 1) }],
];

describe.each([true, false])('superframes, trains %s', (trains) => {
  const cutter = new Cutter(trains ? 14_793 : 14_794, trains);
  afterAll(() => cutter.close());
  const queue = ([, p, offload = {}, bytes = () => []]: Lie) => {
    const frame = build({ ...p, checksum: 'unfinished' });
    for (const [at, value] of bytes(p)) frame[at] = value;
    cutter.queueLast(frame, offloadBytes({ ...offloadOf(p, SIZE), ...offload }));
  };

  it.each(REFUSED)('with %s are refused', async (...lie) => {
    queue(lie);
    expect(cutter.transmit()).toEqual([EPROTO]);
    expect((await cutter.take(0)).flat()).toEqual([]);
  });

  it.each(RIGHT)('with %s are cut as ever', async (...lie) => {
    queue(lie);
    const expected = cut(lie[1], lie[2]?.size ?? SIZE);
    expect(cutter.transmit()).toEqual([]);
    const got = (await cutter.take(expected.length)).flat();
    expect(got.map((bytes) => bytes.toString('hex'))).toEqual(
      expected.map((bytes) => Buffer.from(bytes).toString('hex')),
    );
  });

  it('whose only segment is larger than a datagram are refused as too large', () => {
    queue(['', { ...TCP4, payload: BYTES.subarray(0, 65_480) }, { size: 65_535 }]);
    expect(cutter.transmit()).toEqual([EMSGSIZE]);
  });

  it('of any bytes, with any header: refused or sent, and the next ones are unharmed', {
    timeout: 60_000,
  }, async () => {
    await rounds(CASES, async (random) => {
      const p = randomPacket(random, BYTES.subarray(0, 4500));
      const honest = { ...p, checksum: 'unfinished' as const, payload: p.payload.subarray(0, 400) };
      const offload = offloadBytes(offloadOf(honest, random.between(1, 200)));
      if (random.oneIn(2)) offload[random.below(10)] = random.below(256);
      cutter.queueLast(
        random.oneIn(4) ? random.bytes(random.below(200)) : damaged(random, build(honest)),
        offload,
      );
      for (const errno of cutter.transmit()) expect(errno).toBe(EPROTO);
      cutter.discard();
      return 1;
    });
    queue(['', TCP4]);
    expect(cutter.transmit()).toEqual([]);
    expect((await cutter.take(4)).flat()).toHaveLength(4);
  });
});
