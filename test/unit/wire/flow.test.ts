import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as flowWire from '../../../src/wire/flow.ts';
import { embed, fromHex, guarded, overBytes, toHex } from '../../support/bytes.ts';
import { SCAPY_NOTE, scapy, WITHOUT_SCAPY } from '../../support/scapy.ts';

const flow = overBytes(flowWire);

const MACS = '020000000002 020000000001';

/** Hashes a frame that lies somewhere in a slab, refusing every read outside of it. */
function hashOf(frame: Uint8Array, at = 6): number {
  return flow.hash(guarded(embed(frame, at), at, at + frame.length), at, frame.length);
}

interface Ipv4Fields {
  tags?: string;
  protocol?: string;
  fragment?: string;
  source?: string;
  destination?: string;
  rest?: string;
  options?: string;
}

function ipv4Frame(fields: Ipv4Fields): Uint8Array {
  const { tags = '', protocol = '11', fragment = '4000', options = '' } = fields;
  const { source = '0a000001', destination = '0a000002', rest = '1234 0035 0010 0000' } = fields;
  const ihl = 5 + options.length / 8;
  return fromHex(
    `${MACS} ${tags} 0800 4${ihl}00 0030 0001 ${fragment} 40 ${protocol} 0000 ${source} ${destination} ${options} ${rest}`,
  );
}

function ipv6Frame(next: string, rest: string, source = '01'): Uint8Array {
  const prefix = '20010db8 00000000 00000000 000000';
  return fromHex(`${MACS} 86dd 60000000 0010 ${next} 40 ${prefix}${source} ${prefix}02 ${rest}`);
}

const PORTS = '1234 0035 0010 0000';

describe('the flow of a frame', () => {
  it('is the addresses, the protocol and the ports', () => {
    const frames = [
      ipv4Frame({}),
      ipv4Frame({ protocol: '06' }),
      ipv4Frame({ source: '0a000003' }),
      ipv4Frame({ destination: '0a000003' }),
      ipv4Frame({ rest: '1235 0035' }),
      ipv4Frame({ rest: '1234 0036' }),
      ipv6Frame('11', PORTS),
      ipv6Frame('06', PORTS),
      ipv6Frame('84', PORTS),
      ipv6Frame('11', PORTS, '03'),
      ipv6Frame('11', '1235 0035'),
    ];
    expect(new Set(frames.map((frame) => hashOf(frame))).size).toBe(frames.length);
  });

  it('is not what changes from packet to packet, nor where the frame lies', () => {
    const frame = ipv4Frame({});
    const later = ipv4Frame({ rest: `1234 0035 0400 abcd ${'77'.repeat(500)}` });
    later[14 + 8] = 3;
    later[14 + 5] = 99;
    expect(hashOf(later)).toBe(hashOf(frame));
    expect(hashOf(frame, 31)).toBe(hashOf(frame));
  });

  it('is looked for behind VLAN tags, IPv4 options and IPv6 extension headers', () => {
    const plain = hashOf(ipv4Frame({}));
    expect(hashOf(ipv4Frame({ tags: '8100 0005' }))).toBe(plain);
    expect(hashOf(ipv4Frame({ tags: '88a8 0005 8100 0006' }))).toBe(plain);
    expect(hashOf(ipv4Frame({ options: '01010101' }))).toBe(plain);
    expect(hashOf(ipv6Frame('3c', `11${'00'.repeat(7)} ${PORTS}`))).toBe(hashOf(ipv6Frame('11', PORTS)));
  });

  it('is the same for all fragments of a packet', () => {
    const first = hashOf(ipv4Frame({ fragment: '2000' }));
    const middle = hashOf(ipv4Frame({ fragment: '20b9', rest: '99'.repeat(40) }));
    const last = hashOf(ipv4Frame({ fragment: '0172', rest: '01' }));
    expect([middle, last]).toEqual([first, first]);

    const fragment6 = (field: string, rest: string) => ipv6Frame('2c', `1100${field}00000007 ${rest}`);
    const first6 = hashOf(fragment6('0001', PORTS));
    expect(hashOf(fragment6('05a9', '99'.repeat(40)))).toBe(first6);
    expect(hashOf(fragment6('0b50', '01'))).toBe(first6);
  });

  it('has ports in TCP, UDP and SCTP', () => {
    for (const protocol of ['06', '11', '84']) {
      const other = hashOf(ipv4Frame({ protocol, rest: '1234 0036' }));
      expect(hashOf(ipv4Frame({ protocol, rest: '1234 0035' }))).not.toBe(other);
    }
  });

  it('has no ports in ICMP', () => {
    expect(hashOf(ipv4Frame({ protocol: '01', rest: '0800 1111' }))).toBe(
      hashOf(ipv4Frame({ protocol: '01', rest: '0000 2222' })),
    );
  });

  it('is MACs and EtherType for everything else', () => {
    const arp = fromHex(`${MACS} 0806 ${'11'.repeat(28)}`);
    const other = fromHex(`${MACS} 0806 ${'22'.repeat(28)}`);
    expect(hashOf(other)).toBe(hashOf(arp));
    for (const i of [0, 5, 6, 11, 13]) {
      const changed = arp.slice();
      changed[i] ^= 4;
      expect(hashOf(changed)).not.toBe(hashOf(arp));
    }
  });

  it('falls back to coarser lines as the frame gets shorter', () => {
    const whole = ipv4Frame({});
    const cut = (length: number) => hashOf(whole.slice(0, length));
    expect(cut(38)).toBe(hashOf(whole));
    // Without ports: equal to the same packet with other ports, as short.
    expect(cut(37)).toBe(hashOf(ipv4Frame({ rest: '1299 99' })));
    expect(cut(37)).not.toBe(hashOf(whole));
    // Without a whole IP header: as any frame of these MACs and type.
    expect(cut(33)).toBe(hashOf(fromHex(`${MACS} 0800`)));
    expect(cut(13)).toBe(cut(0));
  });

  it('does not believe a version or a header length that is wrong', () => {
    const version = ipv4Frame({});
    version[14] = 0x65;
    expect(hashOf(version)).toBe(hashOf(fromHex(`${MACS} 0800`)));
    const length = ipv4Frame({});
    length[14] = 0x44;
    expect(hashOf(length)).toBe(hashOf(ipv4Frame({ rest: '' })));
    const long = ipv4Frame({});
    long[14] = 0x4f;
    expect(hashOf(long)).toBe(hashOf(ipv4Frame({ rest: '' })));
  });
});

describe('the hash', () => {
  it('is an int32 for any bytes, and reads nothing else', () => {
    const type = fc.constantFrom(
      '0800',
      '86dd',
      '8100 0001 0800',
      '88a8 0001 8100 0002 86dd',
      '8100',
      '0806',
    );
    const first = fc.constantFrom('45', '46', '4f', '60', '00');
    const frame = fc
      .tuple(type, first, fc.uint8Array({ maxLength: 120 }), fc.nat(140))
      .map(([t, f, rest, length]) => fromHex(MACS + t + f + toHex(rest)).slice(0, length));
    fc.assert(
      fc.property(fc.oneof(frame, fc.uint8Array({ maxLength: 120 })), (bytes) => {
        const value = hashOf(bytes);
        return value === (value | 0);
      }),
      { numRuns: 2000 },
    );
  });

  const buckets = 64;
  const flows = 64 * 1024;

  /** Chi square over 63 degrees of freedom: mean 63, standard deviation sqrt(126). */
  function chiSquare(bucketOf: (hash: number) => number, frameOf: (i: number) => Uint8Array): number {
    const counts = new Array<number>(buckets).fill(0);
    for (let i = 0; i < flows; i++) {
      const frame = frameOf(i);
      counts[bucketOf(flow.hash(frame, 0, frame.length))]++;
    }
    const mean = flows / buckets;
    return counts.reduce((total, count) => total + (count - mean) ** 2 / mean, 0);
  }

  const reductions = [
    ['low bits', (hash: number) => hash & (buckets - 1)],
    ['high bits', (hash: number) => hash >>> 26],
    ['scaling', (hash: number) => Math.floor(((hash >>> 0) / 2 ** 32) * buckets)],
  ] as const;

  const field = (frame: Uint8Array, at: number, value: number) => {
    frame[at] = value >>> 8;
    frame[at + 1] = value;
    return frame;
  };
  const udp4 = ipv4Frame({});
  const udp6 = ipv6Frame('11', PORTS);
  const arp = fromHex(`${MACS} 0806 ${'11'.repeat(28)}`);
  /** Flows as they are met: neighbours of each other, in one field only. */
  const families = [
    ['source ports', (i: number) => field(udp4, 34, i)],
    ['destination ports', (i: number) => field(udp4, 36, i)],
    ['IPv4 sources', (i: number) => field(udp4, 28, i)],
    ['IPv4 destinations', (i: number) => field(udp4, 32, i)],
    ['IPv6 sources', (i: number) => field(udp6, 36, i)],
    ['IPv6 source ports', (i: number) => field(udp6, 54, i)],
    ['source MACs', (i: number) => field(arp, 10, i)],
  ] as const;

  for (const [familyName, frameOf] of families) {
    for (const [reductionName, bucketOf] of reductions) {
      it(`spreads ${familyName} evenly over ${buckets} buckets by ${reductionName}`, () => {
        // More even than chance is no fault: only the upper side is bounded, by four deviations.
        expect(chiSquare(bucketOf, frameOf)).toBeLessThan(63 + 4 * Math.sqrt(126));
      });
    }
  }
});

describe('different flows', () => {
  it('do not collide because their fields differ in the same bits', () => {
    const frame = ipv4Frame({});
    const seen = new Set<number>();
    for (let i = 0; i < 65_536; i++) {
      // The topmost bytes of two words: a multiplication alone would let one cancel the other.
      frame[26] = i >> 8;
      frame[34] = i;
      seen.add(flow.hash(frame, 0, frame.length));
    }
    // By chance half a pair collides (65536^2 / 2 / 2^32).
    expect(seen.size).toBeGreaterThan(65_536 - 8);
  });
});

describe.skipIf(WITHOUT_SCAPY)(`the flow against scapy${SCAPY_NOTE}`, () => {
  it('keeps the fragments together that scapy makes of a packet', () => {
    const groups = scapy<string[][]>(`
eth = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
udp = UDP(sport=5000, dport=53) / (b"x" * 4000)
four = fragment(IP(src="10.0.0.1", dst="10.0.0.2", id=9) / udp, fragsize=1400)
six = fragment6(IPv6(src="2001:db8::1", dst="2001:db8::2") / IPv6ExtHdrFragment(id=9) / udp, 1400)
tagged = [Dot1Q(vlan=7) / p for p in four]
answer([[bytes(eth / p).hex() for p in group] for group in (four, six, tagged)])`);
    for (const group of groups) {
      expect(group.length).toBeGreaterThan(2);
      expect(new Set(group.map((hex) => hashOf(fromHex(hex)))).size).toBe(1);
    }
    expect(hashOf(fromHex(groups[2][0]))).toBe(hashOf(fromHex(groups[0][0])));
  });
});
