import { describe, expect, it } from 'vitest';
import * as ipv4Wire from '../../../src/wire/ipv4.ts';
import { embed, fromHex, overBytes, toHex } from '../../support/bytes.ts';
import { SCAPY_NOTE, scapy, WITHOUT_SCAPY } from '../../support/scapy.ts';

const ipv4 = overBytes(ipv4Wire);

const HEADER = fromHex('46b8 05dc 1234 4000 3f 11 0000 c0a80001 08080404 01010101');
const AT = 3;

function withFragmentField(field: string): Uint8Array {
  return fromHex(`4500 0028 0001 ${field} 4006 0000 0a000001 0a000002`);
}

describe('ipv4', () => {
  it('reads every field', () => {
    const bytes = embed(HEADER, AT);
    expect(ipv4.readVersion(bytes, AT)).toBe(4);
    expect(ipv4.readHeaderLength(bytes, AT)).toBe(24);
    expect(ipv4.readTos(bytes, AT)).toBe(0xb8);
    expect(ipv4.readTotalLength(bytes, AT)).toBe(1500);
    expect(ipv4.readTtl(bytes, AT)).toBe(63);
    expect(ipv4.readProtocol(bytes, AT)).toBe(ipv4.PROTOCOL_UDP);
    expect(ipv4.readSource(bytes, AT)).toBe(0xc0a80001 | 0);
    expect(ipv4.readDestination(bytes, AT)).toBe(0x08080404);
  });

  it('tells whole packets, first and later fragments apart', () => {
    const kinds = ['0000', '4000', '8000', '2000', '0001', '2fff', '1fff'].map((field) => {
      const bytes = withFragmentField(field);
      const is = [ipv4.isFragment, ipv4.isLaterFragment];
      return `${field} ${is.map((test) => (test(bytes, 0) ? 'y' : 'n')).join('')}`;
    });
    expect(kinds).toEqual(['0000 nn', '4000 nn', '8000 nn', '2000 yn', '0001 yy', '2fff yy', '1fff yy']);
  });

  it('writes lengths, identifications and checksums in place', () => {
    const bytes = embed(HEADER, AT);
    ipv4.writeTotalLength(bytes, AT, 0x0064);
    ipv4.writeIdentification(bytes, AT, 0xbeef);
    ipv4.finishHeader(bytes, AT);
    const sum = ipv4.readChecksum(bytes, AT).toString(16).padStart(4, '0');
    const expected = fromHex(`46b8 0064 beef 4000 3f 11 ${sum} c0a80001 08080404 01010101`);
    expect(toHex(bytes)).toBe(toHex(embed(expected, AT)));
  });
});

describe.skipIf(WITHOUT_SCAPY)(`ipv4 against scapy${SCAPY_NOTE}`, () => {
  it('reads what scapy wrote, and computes the same checksum', () => {
    const headers = scapy<string[]>(`
from scapy.layers.inet import IPOption_Timestamp
answer([bytes(packet).hex() for packet in (
    IP(src="10.1.2.3", dst="255.255.255.255", ttl=7, tos=3, proto=1),
    IP(src="10.1.2.3", dst="10.3.2.1", ttl=7, flags="DF", id=65535, proto=6),
    IP(src="10.1.2.3", dst="10.3.2.1", ttl=7, flags="MF", frag=0, proto=17),
    IP(src="10.1.2.3", dst="10.3.2.1", ttl=7, frag=185, proto=17),
    IP(src="10.1.2.3", dst="10.3.2.1", ttl=7, proto=132, options=[IPOption_Router_Alert()]),
)])`).map(fromHex);
    const protocols = headers.map((bytes) => ipv4.readProtocol(bytes, 0));
    expect(protocols).toEqual([1, 6, 17, 17, 132]);
    expect(headers.map((bytes) => ipv4.readHeaderLength(bytes, 0))).toEqual([20, 20, 20, 20, 24]);
    expect(headers.map((bytes) => ipv4.readTtl(bytes, 0))).toEqual([7, 7, 7, 7, 7]);
    expect(headers.map((bytes) => ipv4.readTos(bytes, 0))).toEqual([3, 0, 0, 0, 0]);
    expect(headers.map((bytes) => ipv4.readSource(bytes, 0))).toEqual(Array(5).fill(0x0a010203));
    expect(headers.map((bytes) => ipv4.isFragment(bytes, 0))).toEqual([false, false, true, true, false]);
    for (const bytes of headers) {
      const again = bytes.slice();
      ipv4.finishHeader(again, 0);
      expect(toHex(again)).toBe(toHex(bytes));
    }
  });
});
