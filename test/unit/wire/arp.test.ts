import { describe, expect, it } from 'vitest';
import * as arpWire from '../../../src/wire/arp.ts';
import { embed, fromHex, overBytes, toHex } from '../../support/bytes.ts';
import { SCAPY_NOTE, scapy, WITHOUT_SCAPY } from '../../support/scapy.ts';

const arp = overBytes(arpWire);

const REQUEST = fromHex('0001 0800 06 04 0001 82a3b4c5d6e7 c0a80001 000000000000 c0a80002');
const AT = 5;

describe('arp', () => {
  it('reads every field', () => {
    const bytes = embed(REQUEST, AT);
    expect(REQUEST.length).toBe(arp.LENGTH);
    expect(arp.isEthernetIpv4(bytes, AT)).toBe(true);
    expect(arp.readOperation(bytes, AT)).toBe(arp.REQUEST);
    expect(arp.readSenderMacHigh(bytes, AT)).toBe(0x82a3);
    expect(arp.readSenderMacLow(bytes, AT)).toBe(0xb4c5d6e7 | 0);
    expect(arp.readSenderIp(bytes, AT)).toBe(0xc0a80001 | 0);
    expect(arp.readTargetMacHigh(bytes, AT)).toBe(0);
    expect(arp.readTargetMacLow(bytes, AT)).toBe(0);
    expect(arp.readTargetIp(bytes, AT)).toBe(0xc0a80002 | 0);
  });

  it('does not take other hardware, protocols or lengths for Ethernet and IPv4', () => {
    for (let i = 0; i < 6; i++) {
      const other = REQUEST.slice();
      other[i] ^= 0x10;
      expect(arp.isEthernetIpv4(other, 0)).toBe(false);
    }
  });

  it('turns a request into its reply and touches nothing around it', () => {
    const bytes = embed(REQUEST, AT);
    arp.turnIntoReply(bytes, AT, 0x02ff, 0x80000001 | 0);
    const reply = fromHex('0001 0800 06 04 0002 02ff80000001 c0a80002 82a3b4c5d6e7 c0a80001');
    expect(toHex(bytes)).toBe(toHex(embed(reply, AT)));
  });
});

describe.skipIf(WITHOUT_SCAPY)(`arp against scapy${SCAPY_NOTE}`, () => {
  it('answers a request of scapy with a reply as scapy builds it', () => {
    const [request, reply] = scapy<string[]>(`
a, b = "82:a3:b4:c5:d6:e7", "02:ff:80:00:00:01"
answer([bytes(p).hex() for p in (
    ARP(op="who-has", hwsrc=a, psrc="192.168.0.1", hwdst="00:00:00:00:00:00", pdst="192.168.0.2"),
    ARP(op="is-at", hwsrc=b, psrc="192.168.0.2", hwdst=a, pdst="192.168.0.1"))])`);
    const bytes = fromHex(request);
    arp.turnIntoReply(bytes, 0, 0x02ff, 0x80000001 | 0);
    expect(toHex(bytes)).toBe(reply);
  });
});
