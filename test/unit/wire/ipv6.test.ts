import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as ipv6Wire from '../../../src/wire/ipv6.ts';
import { embed, fromHex, guarded, overBytes } from '../../support/bytes.ts';
import { SCAPY_NOTE, scapy, WITHOUT_SCAPY } from '../../support/scapy.ts';

const ipv6 = overBytes(ipv6Wire);

const SOURCE = '20010db8 00000000 80000000 00000001';
const DESTINATION = 'ff020000 00000000 00000001 ff000002';
const AT = 3;

/** A packet with the given first next header, and what follows. */
function packet(nextHeader: string, rest: string): Uint8Array {
  return fromHex(`6b81 2345 0010 ${nextHeader} 40 ${SOURCE} ${DESTINATION} ${rest}`);
}

/** Where the transport starts behind the fixed header, and its protocol. */
function transportOf(bytes: Uint8Array, missing = 0): [offset: number, protocol: number] | -1 {
  const end = AT + bytes.length - missing;
  const transport = ipv6.findTransport(guarded(embed(bytes, AT), AT, end), AT, end);
  if (transport === -1) return -1;
  const offset = ipv6.transportOffset(AT, transport) - AT - ipv6.HEADER_LENGTH;
  return [offset, ipv6.transportProtocol(transport)];
}

const extension = (next: string, length = '00', fill = 6) => next + length + '00'.repeat(fill);

describe('ipv6', () => {
  it('reads every field', () => {
    const bytes = embed(packet('11', ''), AT);
    expect(ipv6.readVersion(bytes, AT)).toBe(6);
    expect(ipv6.readTrafficClass(bytes, AT)).toBe(0xb8);
    expect(ipv6.readFlowLabel(bytes, AT)).toBe(0x12345);
    expect(ipv6.readPayloadLength(bytes, AT)).toBe(16);
    expect(ipv6.readNextHeader(bytes, AT)).toBe(17);
    expect(ipv6.readHopLimit(bytes, AT)).toBe(64);
    const words = [0, 1, 2, 3];
    expect(words.map((word) => ipv6.readSource(bytes, AT, word))).toEqual([0x20010db8, 0, 0x80000000 | 0, 1]);
    expect(words.map((word) => ipv6.readDestination(bytes, AT, word))).toEqual([
      0xff020000 | 0,
      0,
      1,
      0xff000002 | 0,
    ]);
    ipv6.writePayloadLength(bytes, AT, 0xfffe);
    expect(ipv6.readPayloadLength(bytes, AT)).toBe(0xfffe);
  });

  it('finds the transport behind each kind of extension header', () => {
    expect(transportOf(packet('06', '0000'))).toEqual([0, 6]);
    expect(transportOf(packet('00', extension('11')))).toEqual([8, 17]);
    expect(transportOf(packet('2b', extension('11', '01', 14)))).toEqual([16, 17]);
    expect(transportOf(packet('3c', extension('3a')))).toEqual([8, ipv6.PROTOCOL_ICMPV6]);
    // The authentication header counts in words: (4 + 2) * 4.
    expect(transportOf(packet('33', extension('06', '04', 22)))).toEqual([24, 6]);
    expect(transportOf(packet('00', extension('2b') + extension('3c') + extension('06')))).toEqual([24, 6]);
  });

  it('finds none in fragments, cut chains and endless ones', () => {
    expect(transportOf(packet('2c', extension('06')))).toBe(-1);
    expect(transportOf(packet('00', extension('2c') + extension('06')))).toBe(-1);
    expect(transportOf(packet('00', extension('06')), 1)).toBe(-1);
    expect(transportOf(packet('00', extension('06', '01')))).toBe(-1);
    expect(transportOf(packet('06', ''), 1)).toBe(-1);
    expect(transportOf(packet('3c', extension('3c').repeat(7) + extension('06')))).toEqual([64, 6]);
    expect(transportOf(packet('3c', extension('3c').repeat(8) + extension('06')))).toBe(-1);
  });

  it('reads nothing outside of any bytes', () => {
    const header = fc.constantFrom('00', '2b', '2c', '33', '3c', '06');
    fc.assert(
      fc.property(header, fc.uint8Array({ maxLength: 90 }), fc.nat(50), (next, rest, missing) => {
        for (let i = 0; i < rest.length; i += 8) if (rest[i] & 1) rest[i] = 0x3c;
        const bytes = packet(next, Buffer.from(rest).toString('hex'));
        const found = transportOf(bytes, Math.min(missing, bytes.length));
        return found === -1 || found[0] <= bytes.length - missing - ipv6.HEADER_LENGTH;
      }),
    );
  });
});

describe.skipIf(WITHOUT_SCAPY)(`ipv6 against scapy${SCAPY_NOTE}`, () => {
  it('finds the transports of packets that scapy built', () => {
    const cases = scapy<{ hex: string; found: [number, number] | -1 }[]>(`
ip = IPv6(src="2001:db8::1", dst="2001:db8::2")
udp = UDP(sport=1, dport=2) / b"x"
def case(packet, protocol):
    length = len(bytes(packet)) - 40
    transport = len(bytes(packet[UDP])) if UDP in packet else len(bytes(packet[TCP]))
    return {"hex": bytes(packet).hex(), "found": -1 if protocol < 0 else [length - transport, protocol]}
answer([
    case(ip / udp, 17),
    case(ip / TCP(sport=1, dport=2), 6),
    case(ip / IPv6ExtHdrHopByHop(options=[PadN(optdata=b"0" * 12)]) / udp, 17),
    case(ip / IPv6ExtHdrRouting(addresses=["2001:db8::3"]) / udp, 17),
    case(ip / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / TCP(), 6),
    case(ip / IPv6ExtHdrFragment(m=1, id=7) / udp, -1),
])`);
    for (const { hex, found } of cases) expect(transportOf(fromHex(hex))).toEqual(found);
  });
});
