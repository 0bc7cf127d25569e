import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as ethernetWire from '../../../src/wire/ethernet.ts';
import * as vlanWire from '../../../src/wire/vlan.ts';
import { embed, fromHex, guarded, overBytes } from '../../support/bytes.ts';

const ethernet = overBytes(ethernetWire);
const vlan = overBytes(vlanWire);

const MACS = 'ffffffffffff 020000000001';
const AT = 3;

function typeOffset(rest: string, missing = 0): number {
  const frame = fromHex(MACS + rest);
  const end = AT + frame.length - missing;
  const found = vlan.skipTags(guarded(embed(frame, AT), AT, end), AT, end);
  return found < 0 ? found : found - AT;
}

describe('vlan', () => {
  it('knows both kinds of tag', () => {
    expect(vlan.isTag(ethernet.TYPE_VLAN)).toBe(true);
    expect(vlan.isTag(ethernet.TYPE_QINQ)).toBe(true);
    expect(vlan.isTag(ethernet.TYPE_IPV4)).toBe(false);
  });

  it('reads the id without priority and drop bit', () => {
    expect(vlan.readId(fromHex('8100 ffff'), 0)).toBe(4095);
    expect(vlan.readId(fromHex('8100 f02a'), 0)).toBe(42);
  });

  it('finds the type behind none, one and two tags, and leaves a third alone', () => {
    expect(typeOffset('0800')).toBe(12);
    expect(typeOffset('8100 0001 0800')).toBe(16);
    expect(typeOffset('88a8 0001 8100 0002 0800')).toBe(20);
    expect(typeOffset('88a8 0001 8100 0002 8100 0003 0800')).toBe(20);
  });

  it('reports a frame that ends before the type', () => {
    expect(typeOffset('0800', 1)).toBe(-1);
    expect(typeOffset('8100 0001 0800', 1)).toBe(-1);
    expect(typeOffset('8100 0001', 0)).toBe(-1);
    expect(typeOffset('88a8 0001 8100 0002 0800', 2)).toBe(-1);
  });

  it('reads nothing outside of any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (frame) => {
        const end = AT + frame.length;
        const found = vlan.skipTags(guarded(embed(frame, AT), AT, end), AT, end);
        return found === -1 || (found >= AT + 12 && found + 2 <= end);
      }),
    );
  });
});
