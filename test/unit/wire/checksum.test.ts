import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as checksumWire from '../../../src/wire/checksum.ts';
import * as ipv4Wire from '../../../src/wire/ipv4.ts';
import * as ipv6Wire from '../../../src/wire/ipv6.ts';
import { embed, fromHex, guarded, overBytes } from '../../support/bytes.ts';
import { SCAPY_NOTE, scapy, WITHOUT_SCAPY } from '../../support/scapy.ts';

const checksum = overBytes(checksumWire);
const ipv4 = overBytes(ipv4Wire);
const ipv6 = overBytes(ipv6Wire);

/** The same with numbers that cannot overflow, and one reduction at the end. */
function plainChecksum(bytes: Uint8Array): number {
  let total = 0n;
  bytes.forEach((byte, i) => {
    total += BigInt(i % 2 === 0 ? byte << 8 : byte);
  });
  // 0 and 0xffff are the same residue; a sum of anything but zeros folds to 0xffff.
  const residue = total === 0n ? 0 : Number(total % 0xffffn) || 0xffff;
  return 0xffff - residue;
}

const whole = (bytes: Uint8Array) => checksum.finish(checksum.sum(bytes, 0, bytes.length, 0));

describe('checksum', () => {
  it('gives the example of RFC 1071', () => {
    const sum = checksum.sum(fromHex('0001 f203 f4f5 f6f7'), 0, 8, 0);
    expect(checksum.fold(sum)).toBe(0xddf2);
    expect(checksum.finish(sum)).toBe(0x220d);
  });

  it('equals the plain sum for any bytes, and reads nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(9), (content, at) => {
        const end = at + content.length;
        const bytes = guarded(embed(content, at), at, end);
        const sum = checksum.sum(bytes, at, content.length, 0);
        expect(checksum.finish(sum)).toBe(plainChecksum(content));
      }),
    );
  });

  it('may be computed in pieces', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(150), (bytes, half) => {
        const cut = Math.min(half * 2, bytes.length & ~1);
        const first = checksum.sum(bytes, 0, cut, 0);
        const both = checksum.sum(bytes, cut, bytes.length - cut, first);
        expect(checksum.finish(both)).toBe(whole(bytes));
      }),
    );
  });

  it('stays small however many pieces there are', () => {
    const bytes = new Uint8Array(65_534).fill(0xff);
    let total = 0;
    for (let piece = 0; piece < 10; piece++) {
      total = checksum.sum(bytes, 0, bytes.length, total);
      expect(total).toBeLessThanOrEqual(0x1fffe);
    }
    expect(checksum.fold(total)).toBe(0xffff);
  });

  it('folds the carry of the first folding too', () => {
    expect(checksum.fold(0x1ffff)).toBe(1);
    expect(checksum.fold(-1)).toBe(0xffff);
  });

  it('does not overflow on the largest packet of ones', () => {
    for (const length of [65_534, 65_535, 65_575]) {
      const bytes = new Uint8Array(length).fill(0xff);
      expect(checksum.finish(checksum.sum(bytes, 0, length, 0x1fffe))).toBe(plainChecksum(bytes));
    }
  });
});

describe.skipIf(WITHOUT_SCAPY)(`checksum against scapy${SCAPY_NOTE}`, () => {
  it('verifies the TCP, UDP and ICMPv6 checksums of packets that scapy built', () => {
    const packets = scapy<{ hex: string; version: number; protocol: number }[]>(`
import random
random.seed(7)
def packets():
    for length in list(range(0, 40)) + [1399, 1400, 9001]:
        data = bytes(random.randrange(256) for _ in range(length))
        four = IP(src="192.168.255.1", dst="10.%d.2.3" % (length % 256))
        six = IPv6(src="fe80::ffff:1", dst="2001:db8::%x" % length)
        yield four / TCP(sport=length, dport=2) / data, 4, 6
        yield four / UDP(sport=length, dport=2) / data, 4, 17
        yield six / TCP(sport=length, dport=2) / data, 6, 6
        yield six / UDP(sport=length, dport=2) / data, 6, 17
        yield six / ICMPv6EchoRequest(data=data), 6, 58
answer([{"hex": bytes(p).hex(), "version": v, "protocol": n} for p, v, n in packets()])`);

    expect(packets.length).toBeGreaterThan(200);
    for (const { hex, version, protocol } of packets) {
      const packet = fromHex(hex);
      const at = 5;
      const bytes = embed(packet, at);
      const header = version === 4 ? ipv4.MINIMUM_LENGTH : ipv6.HEADER_LENGTH;
      const pseudo = version === 4 ? checksum.pseudoHeaderIpv4 : checksum.pseudoHeaderIpv6;
      const length = packet.length - header;
      // A sum over a finished checksum is all ones.
      const sum = checksum.sum(bytes, at + header, length, pseudo(bytes, at, protocol, length));
      expect(checksum.finish(sum)).toBe(0);
    }
  });
});
