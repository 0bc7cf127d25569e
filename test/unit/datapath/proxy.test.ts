/** ARP and neighbour solicitations answered, consumed, forwarded, remembered. */
import { describe, expect, it } from 'vitest';
import { toHex } from '../../support/bytes.ts';
import { arp, datagram, frame } from '../../support/frames.ts';
import { advertisement, solicitation } from '../../support/nd.ts';
import { A, B, world } from '../../support/world.ts';

describe('the ARP proxy', () => {
  const ask = arp(1, A, '10.1.0.1', '000000000000', '10.1.0.2');

  it('answers for a neighbour, and nothing leaves', () => {
    const w = world({ proxy: true, remotes: ['10.0.0.1'] });
    w.vtep.neighbors.replace({ ip: '10.1.0.2', mac: '02:00:00:00:00:02' });
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
    w.vtep.neighbors.replace({ ip: '10.1.0.2', mac: '02:00:00:00:00:0f' });
    w.back(datagram(42, arp(2, B, '10.1.0.2', A, '10.1.0.1', A)));
    w.out(ask);
    expect(toHex(w.tap.sent[1].bytes)).toContain('02000000000f0a010002');
  });

  it('without the words ARP is a frame like any other', () => {
    const w = world({ remotes: ['10.0.0.1'] });
    w.vtep.neighbors.replace({ ip: '10.1.0.2', mac: '02:00:00:00:00:02' });
    w.out(ask);
    expect(w.udp.sent).toHaveLength(1);
  });
});

describe('the proxy and neighbour solicitations', () => {
  const ASK = solicitation(A, 'fd00::1', 'fd00::2');
  const TELL = advertisement(B, 'fd00::2', A, 'fd00::1');

  it('answers for a neighbour, and nothing leaves', () => {
    const w = world({ proxy: true, remotes: ['10.0.0.1'] });
    w.vtep.neighbors.replace({ ip: 'fd00::2', mac: '02:00:00:00:00:02' });
    w.out(ASK);
    expect(w.udp.sent).toEqual([]);
    expect(w.tap.sent.map(({ bytes }) => toHex(bytes))).toEqual([toHex(TELL)]);
  });

  it('answers no question whose option is longer than what is there', () => {
    const w = world({ proxy: true, remotes: ['10.0.0.1'] });
    w.vtep.neighbors.replace({ ip: 'fd00::2', mac: '02:00:00:00:00:02' });
    w.out(ASK.map((byte, i) => (i === 79 ? 2 : byte)));
    w.expectDropped('proxy-unanswered');
  });

  it('consumes questions that it cannot answer, and nothing else', () => {
    const w = world({ proxy: true, remotes: ['10.0.0.1'] });
    w.out(ASK);
    w.expectDropped('proxy-unanswered');
    w.out(TELL);
    expect(w.udp.sent).toHaveLength(1);
  });

  it.each([
    ['an answer', TELL],
    ['a question', solicitation(B, 'fd00::2', 'fd00::9')],
  ])('suppress: forwards what it does not know, and takes note of %s that comes by', (_, seen) => {
    const w = world({ suppress: true, remotes: ['10.0.0.1'] });
    w.out(ASK);
    expect(w.udp.sent).toHaveLength(1);
    w.back(datagram(42, seen));
    w.out(ASK);
    expect(w.udp.sent).toHaveLength(1);
    expect(toHex(w.tap.sent[1].bytes)).toBe(toHex(TELL));
  });

  const odd = (at: number, value: number, of = TELL) => of.map((byte, i) => (i === at ? value : byte));
  const useless: [what: string, seen: Uint8Array][] = [
    ['a wrong checksum', odd(56, 0xff)],
    ['a hop limit of 64', odd(21, 64)],
    ['an answer without a MAC', odd(78, 9)],
    ['a group for a MAC', odd(6, 2, advertisement('010000000002', 'fd00::2', A, 'fd00::1'))],
    ['nobody that asks', solicitation(B, '::', 'fd00::2')],
    ['an IPv4 address in IPv6', advertisement(B, '::ffff:10.1.0.2', A, 'fd00::1')],
  ];
  for (let length = 14; length < TELL.length; length++) {
    useless.push([`${length} bytes`, TELL.slice(0, length)]);
  }
  it.each(useless)('suppress: takes no note of %s', (_, seen) => {
    const w = world({ suppress: true, remotes: ['10.0.0.1'] });
    w.back(datagram(42, seen));
    w.out(ASK);
    w.out(arp(1, A, '10.1.0.1', '000000000000', '10.1.0.2'));
    expect([w.tap.sent.length, w.udp.sent.length]).toEqual([1, 2]);
  });

  it('suppress: an answer that overrides nothing does not change what is known', () => {
    const w = world({ suppress: true, remotes: ['10.0.0.1'] });
    w.back(datagram(42, TELL));
    w.back(datagram(42, advertisement('02000000000f', 'fd00::2', A, 'fd00::1', 0)));
    w.out(ASK);
    expect(toHex(w.tap.sent[2].bytes)).toBe(toHex(TELL));
    w.back(datagram(42, advertisement('02000000000f', 'fd00::2', A, 'fd00::1')));
    w.out(ASK);
    expect(toHex(w.tap.sent[4].bytes)).toContain('02000000000f');
  });

  it('suppress: who has just come to this side is not told that his address is taken', () => {
    const w = world({ suppress: true, remotes: ['10.0.0.1'] });
    w.back(datagram(42, TELL));
    w.back(datagram(42, arp(2, B, '10.1.0.2', A, '10.1.0.1', A)));
    w.out(solicitation(B, '::', 'fd00::2'));
    w.out(arp(1, B, '0.0.0.0', '000000000000', '10.1.0.2'));
    expect([w.tap.sent.length, w.udp.sent.length]).toEqual([2, 2]);
  });
});

describe('misses are told where the link asks for it', () => {
  it.each([
    [{}, ['10.1.0.2', 'fd00::2', '02:00:00:00:00:02']],
    [{ l2miss: false }, ['10.1.0.2', 'fd00::2']],
    [{ l3miss: false }, ['02:00:00:00:00:02']],
    [{ l2miss: false, l3miss: false }, []],
  ])('%j', (asked, told) => {
    const w = world({ proxy: true, ...asked });
    const missed: string[] = [];
    w.vtep.on('miss', (what) => missed.push('ip' in what ? what.ip : what.mac));
    w.out(arp(1, A, '10.1.0.1', '000000000000', '10.1.0.2'));
    w.out(solicitation(A, 'fd00::1', 'fd00::2'));
    w.out(frame(B, A));
    w.out(frame('ffffffffffff', A));
    w.vtep.deliverEvents();
    expect(missed).toEqual(told);
  });
});
