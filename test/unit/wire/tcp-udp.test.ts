import { describe, expect, it } from 'vitest';
import * as tcpWire from '../../../src/wire/tcp.ts';
import * as udpWire from '../../../src/wire/udp.ts';
import { embed, fromHex, overBytes } from '../../support/bytes.ts';

const tcp = overBytes(tcpWire);
const udp = overBytes(udpWire);

const AT = 1;

describe('tcp', () => {
  it('reads every field', () => {
    const bytes = embed(fromHex('c000 0016 ffffffff 00000000 8f92 0400 abcd 0000'), AT);
    expect(tcp.readSourcePort(bytes, AT)).toBe(49152);
    expect(tcp.readDestinationPort(bytes, AT)).toBe(22);
    expect(tcp.readSequence(bytes, AT)).toBe(-1);
    expect(tcp.readHeaderLength(bytes, AT)).toBe(32);
    expect(tcp.readFlags(bytes, AT)).toBe(tcp.FLAG_CWR | tcp.FLAG_ACK | tcp.FLAG_SYN);
    expect(tcp.readChecksum(bytes, AT)).toBe(0xabcd);
  });
});

describe('udp', () => {
  it('reads every field', () => {
    const bytes = embed(fromHex('c001 12b5 0020 fffe'), AT);
    expect(udp.readSourcePort(bytes, AT)).toBe(49153);
    expect(udp.readDestinationPort(bytes, AT)).toBe(4789);
    expect(udp.readLength(bytes, AT)).toBe(32);
    expect(udp.readChecksum(bytes, AT)).toBe(0xfffe);
  });
});
