/** RFC 6040 section 4.2, figure 4, pair by pair; behind VLAN tags too, where a kernel without offloads reads the wrong bytes. */
import { describe, expect, it } from 'vitest';
import * as ecnWire from '../../../src/wire/ecn.ts';
import { embed, fromHex, guarded, overBytes, toHex } from '../../support/bytes.ts';
import { SCAPY_NOTE, scapy, WITHOUT_SCAPY } from '../../support/scapy.ts';

const ecn = overBytes(ecnWire);
const AT = 5;
const DROP = -1;
/** Rows: inner not-ECT, ECT(1), ECT(0), CE; columns: the outer ones, in the same order as they are numbered. */
const TABLE = [
  [0, 0, 0, DROP],
  [1, 1, 1, 3],
  [2, 1, 2, 3],
  [3, 3, 3, 3],
];
const BUILD = `
answer([bytes(eval(kind)).hex() for kind in given])
`;
const PACKETS = {
  IPv4: (tos: number) => `Ether()/IP(tos=${tos}, id=0x1234)/UDP()/Raw(b"x" * 21)`,
  IPv6: (tos: number) => `Ether()/IPv6(tc=${tos}, fl=0xabcde)/UDP()/Raw(b"x" * 21)`,
  'IPv4 behind a tag': (tos: number) => `Ether()/Dot1Q(vlan=3)/IP(tos=${tos})/UDP()`,
  'IPv6 behind two tags': (tos: number) => `Ether()/Dot1AD(vlan=1)/Dot1Q(vlan=3)/IPv6(tc=${tos})/UDP()`,
};

describe.skipIf(WITHOUT_SCAPY)(`ecn${SCAPY_NOTE}`, () => {
  it.each(Object.keys(PACKETS) as (keyof typeof PACKETS)[])('%s: every pair, as the table says', (kind) => {
    for (const dscp of [0, 0xfc]) {
      const built = scapy<string[]>(
        BUILD,
        [0, 1, 2, 3].map((mark) => PACKETS[kind](dscp | mark)),
      );
      for (const [inner, row] of TABLE.entries()) {
        for (const [outer, expected] of row.entries()) {
          const frame = fromHex(built[inner]);
          const bytes = embed(frame, AT);
          const goesOn = ecn.decapsulate(bytes, AT, frame.length, 0xb8 | outer);
          expect([inner, outer, goesOn]).toEqual([inner, outer, expected !== DROP]);
          const result = expected === DROP ? built[inner] : built[expected];
          expect(toHex(bytes)).toBe(toHex(embed(fromHex(result), AT)));
        }
      }
    }
  });

  it('mends a checksum by the difference alone', () => {
    const [wrong, expected] = scapy<string[]>(BUILD, [
      'Ether()/IP(tos=2, chksum=0x0000)/UDP()',
      'Ether()/IP(tos=3, chksum=0xfffe)/UDP()',
    ]);
    const bytes = fromHex(wrong);
    ecn.decapsulate(bytes, 0, bytes.length, 3);
    expect(toHex(bytes)).toBe(expected);
  });

  it('lets pass what has no mark, and reads nothing behind the end of a frame that is cut short', () => {
    const [arp, v4, v6] = scapy<string[]>(BUILD, ['Ether()/ARP()', 'Ether()/IP()', 'Ether()/IPv6()']).map(
      fromHex,
    );
    expect(ecn.decapsulate(arp, 0, arp.length, 3)).toBe(true);
    for (const whole of [v4, v6]) {
      for (let length = 14; length < whole.length; length++) {
        const bytes = guarded(whole, 0, length);
        expect(ecn.decapsulate(bytes, 0, length, 3)).toBe(true);
        expect(toHex(bytes)).toBe(toHex(whole));
      }
      expect(ecn.decapsulate(whole, 0, whole.length, 3)).toBe(false);
    }
  });
});
