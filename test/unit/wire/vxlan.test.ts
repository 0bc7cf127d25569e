import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as vxlanWire from '../../../src/wire/vxlan.ts';
import { dirty, embed, fromHex, overBytes, toHex } from '../../support/bytes.ts';
import { SCAPY_NOTE, scapy, WITHOUT_SCAPY } from '../../support/scapy.ts';

const vxlan = overBytes(vxlanWire);

function written(vni: number): Uint8Array {
  const bytes = dirty(vxlan.HEADER_LENGTH);
  vxlan.writeHeader(bytes, 0, vni);
  return bytes;
}

describe('vxlan', () => {
  it('writes the eight bytes of RFC 7348 and no others', () => {
    const bytes = dirty(12);
    vxlan.writeHeader(bytes, 2, 0x123456);
    expect(toHex(bytes)).toBe('a5a5 08000000 12345600 a5a5'.replaceAll(' ', ''));
  });

  it('reads back what it wrote, for any VNI', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: vxlan.MAX_VNI }), (vni) => {
        const bytes = written(vni);
        expect(vxlan.readVni(bytes, 0)).toBe(vni);
        expect(vxlan.hasVni(bytes, 0)).toBe(true);
        expect(vxlan.hasReservedBits(bytes, 0)).toBe(false);
      }),
    );
  });

  it('finds each reserved bit, and the VNI in spite of it', () => {
    for (let bit = 0; bit < 64; bit++) {
      const bytes = written(0x123456);
      bytes[bit >> 3] ^= 0x80 >> (bit & 7);
      const isFlag = bit === 4;
      const isVni = bit >= 32 && bit < 56;
      expect(vxlan.hasReservedBits(bytes, 0)).toBe(!isFlag && !isVni);
      expect(vxlan.hasVni(bytes, 0)).toBe(!isFlag);
      if (!isVni) expect(vxlan.readVni(bytes, 0)).toBe(0x123456);
    }
  });

  it('reads at an offset', () => {
    const bytes = embed(fromHex('08000000 ffffff00'), 9);
    expect(vxlan.readVni(bytes, 9)).toBe(vxlan.MAX_VNI);
    expect(vxlan.hasReservedBits(bytes, 9)).toBe(false);
  });
});

describe.skipIf(WITHOUT_SCAPY)(`vxlan against scapy${SCAPY_NOTE}`, () => {
  it('is decoded by scapy, and equals what scapy builds', () => {
    const vnis = [0, 1, 42, 0x7fffff, 0x800000, vxlan.MAX_VNI];
    const given = vnis.map((vni) => ({ vni, hex: toHex(written(vni)) }));
    const seen = scapy<{ vni: number; flags: string; hex: string }[]>(
      `
def look(case):
    got = VXLAN(bytes.fromhex(case["hex"]))
    return {"vni": got.vni, "flags": str(got.flags), "hex": bytes(VXLAN(vni=case["vni"], flags="Instance")).hex()}
answer([look(case) for case in given])`,
      given,
    );
    expect(seen).toEqual(given.map((one) => ({ ...one, flags: 'Instance' })));
  });
});
