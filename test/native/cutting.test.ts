/** Cutting superframes in C beside the slow twin, byte for byte, through the real sending. */
import { afterAll, describe, expect, it } from 'vitest';
import { OFFLOAD_NAMES } from '../../src/memory/offload-counts.ts';
import { Cutter } from '../support/offload-ports.ts';
import { build, cut, NO_OFFLOAD, offloadBytes, offloadOf, type Packet } from '../support/offload-twin.ts';
import { Random, rounds } from '../support/random.ts';
import { randomBytes, randomPacket } from '../support/random-packets.ts';
import { SCAPY_NOTE, scapy, WITHOUT_SCAPY } from '../support/scapy.ts';

const SUPERFRAMES = 1_000_000;
const BYTES = randomBytes(new Random(1));
/** A round's datagrams are on their way at once, and the receiver's buffer has to hold them. */
const DATAGRAMS_MOST = 1500;

/** One superframe and what it is cut into; or a frame that is none, with nothing to be done. */
function randomCase(random: Random): [frame: Uint8Array, offload: Uint8Array, expected: Uint8Array[]] {
  const p = randomPacket(random, BYTES);
  if (random.oneIn(6)) {
    const frame = build({ ...p, payload: p.payload.subarray(0, 1500) });
    return [frame, offloadBytes(NO_OFFLOAD), [frame]];
  }
  const { length } = p.payload;
  const size = random.pick([
    length, // one segment
    Math.ceil(length / random.between(1, 10)),
    random.between(1, 1448),
    1400,
  ]);
  if (length / size > 200 || size > 60_000) return randomCase(random);
  const offload = offloadOf(p, size);
  if (p.tcp && random.oneIn(8)) offload.type |= 0x80;
  if (random.oneIn(8)) offload.headerLength = random.below(65_536); // a hint, which is not believed
  return [build({ ...p, checksum: 'unfinished' }), offloadBytes(offload), cut(p, size)];
}

describe.each([true, false])('cutting, trains %s', (trains) => {
  const cutter = new Cutter(trains ? 14_790 : 14_791, trains);
  afterAll(() => cutter.close());

  it('makes the frames that the twin makes', { timeout: 120_000 }, async () => {
    await rounds(trains ? SUPERFRAMES : SUPERFRAMES / 4, async (random) => {
      const expected: Uint8Array[][] = [[], []];
      let cases = 0;
      for (; cases < 60 && expected[0].length + expected[1].length < DATAGRAMS_MOST; cases++) {
        const [frame, offload, frames] = randomCase(random);
        const flow = random.below(2);
        cutter.queue(frame, offload, flow);
        expected[flow].push(...frames);
      }
      expect(cutter.transmit()).toEqual([]);
      const got = await cutter.take(expected[0].length + expected[1].length);
      for (const flow of [0, 1]) expectSame(got[flow], expected[flow]);
      return cases;
    });
    const [sent, refused] = (['trains', 'trains-refused'] as const).map(
      (name) => cutter.from.counts[OFFLOAD_NAMES.indexOf(name)],
    );
    expect(sent > 0).toBe(trains);
    expect(refused).toBe(0);
  });

  it.skipIf(WITHOUT_SCAPY)(`makes frames that are right to scapy${SCAPY_NOTE}`, async () => {
    const random = new Random(5);
    const given: [superframe: string, frames: string[]][] = [];
    while (given.length < 200) {
      const any = randomPacket(random, BYTES.subarray(0, 6000));
      // scapy knows routing headers of whole addresses only
      const extensions = any.extensions.filter(([type]) => type !== 43);
      const p: Packet = { ...any, extensions, padding: 0, tags: [], checksum: 'unfinished' };
      const size = Math.ceil(p.payload.length / random.between(1, 12));
      cutter.queue(build(p), offloadBytes(offloadOf(p, size)));
      expect(cutter.transmit()).toEqual([]);
      const frames = (await cutter.take(Math.ceil(p.payload.length / size))).flat();
      given.push([Buffer.from(build(p)).toString('hex'), frames.map((frame) => frame.toString('hex'))]);
    }
    const verdicts = scapy<boolean[]>(JUDGE, given);
    expect(verdicts).toHaveLength(given.length);
    expect(verdicts.every(Boolean)).toBe(true);
  });
});

function expectSame(got: readonly Buffer[], expected: readonly Uint8Array[]): void {
  const at = expected.findIndex((frame, i) => got[i] === undefined || got[i].compare(frame) !== 0);
  if (at >= 0) expect(got[at]?.toString('hex')).toBe(Buffer.from(expected[at]).toString('hex'));
  expect(got.length).toBe(expected.length);
}

/** Python: of each superframe, its headers' checksums as scapy makes them for what was cut, and the payloads put together. */
const JUDGE = `
from scapy.layers.inet import in4_chksum
from scapy.layers.inet6 import in6_chksum

def split(text):
    packet = Ether(bytes.fromhex(text))
    ip = packet[IP] if IP in packet else packet[IPv6]
    layer, number = (TCP, 6) if TCP in packet else (UDP, 17)
    length = ip.len - 4 * ip.ihl if IP in packet else ip.plen - (bytes(packet).index(packet[layer].original) - bytes(packet).index(ip.original) - 40)
    whole = packet[layer].original[:length]
    return ip, number, whole, whole[(whole[12] >> 4) * 4 if number == 6 else 8:]

def is_right(superframe, frames):
    _, number, whole, payload = split(superframe)
    data, sequence = b"", int.from_bytes(whole[4:8], "big")
    for text in frames:
        ip, _, transport, part = split(text)
        rest = in4_chksum(number, ip, transport) if ip.version == 4 else in6_chksum(number, ip, transport)
        if rest not in (0, 0xffff):
            return False
        if ip.version == 4 and IP(bytes(ip)[:4 * ip.ihl]).chksum != checksum_of(ip):
            return False
        if number == 6 and int.from_bytes(transport[4:8], "big") != (sequence + len(data)) % 2**32:
            return False
        data += part
    return data == payload

def checksum_of(ip):
    header = IP(ip.original[:4 * ip.ihl])
    del header.chksum
    return IP(bytes(header)).chksum

answer([is_right(*each) for each in given])
`;
