import { describe, expect, it } from 'vitest';
import * as ethernetWire from '../../../src/wire/ethernet.ts';
import { dirty, embed, fromHex, overBytes, toHex } from '../../support/bytes.ts';

const ethernet = overBytes(ethernetWire);

const FRAME = fromHex('01005e0000fb 82a3b4c5d6e7 0806');

describe('ethernet', () => {
  it('reads MACs in two halves and the type, anywhere in a slab', () => {
    for (const at of [0, 1, 7]) {
      const bytes = embed(FRAME, at);
      expect(ethernet.readDestinationHigh(bytes, at)).toBe(0x0100);
      expect(ethernet.readDestinationLow(bytes, at)).toBe(0x5e0000fb);
      expect(ethernet.readSourceHigh(bytes, at)).toBe(0x82a3);
      expect(ethernet.readSourceLow(bytes, at)).toBe(0xb4c5d6e7 | 0);
      expect(ethernet.readType(bytes, at)).toBe(ethernet.TYPE_ARP);
    }
  });

  it('tells groups by the last bit of the first byte', () => {
    expect(ethernet.isGroup(0x0100)).toBe(true);
    expect(ethernet.isGroup(0xffff)).toBe(true);
    expect(ethernet.isGroup(0x3333)).toBe(true);
    expect(ethernet.isGroup(0x02ff)).toBe(false);
    expect(ethernet.isGroup(0xfe01)).toBe(false);
  });

  it('writes exactly the header', () => {
    const bytes = dirty(18);
    ethernet.writeDestination(bytes, 2, 0x0100, 0x5e0000fb);
    ethernet.writeSource(bytes, 2, 0x82a3, 0xb4c5d6e7 | 0);
    ethernet.writeType(bytes, 2, ethernet.TYPE_ARP);
    expect(toHex(bytes)).toBe(`a5a5${toHex(FRAME)}a5a5`);
  });
});
