/** ARP answered, consumed, forwarded, remembered. */
import { describe, expect, it } from 'vitest';
import { toHex } from '../../support/bytes.ts';
import { arp, datagram } from '../../support/frames.ts';
import { A, B, world } from '../../support/world.ts';

describe('the ARP proxy', () => {
  const ask = arp(1, A, '10.1.0.1', '000000000000', '10.1.0.2');

  it('answers for a neighbour, and nothing leaves', () => {
    const w = world({ proxy: true, remotes: ['10.0.0.1'] });
    w.vtep.setNeighbor('10.1.0.2', '02:00:00:00:00:02');
    w.out(ask);
    expect(w.udp.sent).toEqual([]);
    expect(toHex(w.tap.sent[0].bytes)).toBe(toHex(arp(2, B, '10.1.0.2', A, '10.1.0.1', A)));
  });

  it('consumes what it cannot answer, as the kernel does, and names the address', () => {
    const w = world({ proxy: true, remotes: ['10.0.0.1'] });
    const missed: unknown[] = [];
    w.vtep.on('miss', (what) => missed.push(what));
    w.out(ask);
    w.vtep.deliverEvents();
    expect(missed).toEqual([{ ip: '10.1.0.2' }]);
  });

  it('suppress: forwards what it does not know, and takes note of what comes by', () => {
    const w = world({ suppress: true, remotes: ['10.0.0.1'] });
    w.out(ask);
    expect(w.udp.sent).toHaveLength(1);
    w.back(datagram(42, arp(2, B, '10.1.0.2', A, '10.1.0.1', A)));
    w.out(ask);
    expect(w.udp.sent).toHaveLength(1);
    expect(toHex(w.tap.sent[1].bytes)).toBe(toHex(arp(2, B, '10.1.0.2', A, '10.1.0.1', A)));
  });

  it('suppress: what was set by hand is not overwritten by what comes by', () => {
    const w = world({ suppress: true, remotes: ['10.0.0.1'] });
    w.vtep.setNeighbor('10.1.0.2', '02:00:00:00:00:0f');
    w.back(datagram(42, arp(2, B, '10.1.0.2', A, '10.1.0.1', A)));
    w.out(ask);
    expect(toHex(w.tap.sent[1].bytes)).toContain('02000000000f0a010002');
  });

  it('without the words ARP is a frame like any other', () => {
    const w = world({ remotes: ['10.0.0.1'] });
    w.vtep.setNeighbor('10.1.0.2', '02:00:00:00:00:02');
    w.out(ask);
    expect(w.udp.sent).toHaveLength(1);
  });
});
