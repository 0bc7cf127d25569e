/** Senders of what does not fit the path are told, each in its own slot, and not too many. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../support/bytes.ts';
import { frame } from '../../support/frames.ts';
import { scapy } from '../../support/scapy.ts';
import { A, B, world } from '../../support/world.ts';

const MTU = 1400;
const GROUP = '01005e000001';

function ipv4(payload: number, start = '0a000001', transport = '11'): string {
  const length = (20 + payload).toString(16).padStart(4, '0');
  return `4500${length}0001400040${transport}0000${start}0a000002${'ab'.repeat(payload)}`;
}
function ipv6(payload: number): string {
  return `60000000${payload.toString(16).padStart(4, '0')}1140fd${'00'.repeat(14)}01fd${'00'.repeat(14)}02${'ab'.repeat(payload)}`;
}

function narrow(pathMtu = MTU) {
  const w = world({ remotes: ['10.0.0.1'] });
  w.vtep.pathMtu = pathMtu;
  return w;
}
const ends = ({ tap, udp }: ReturnType<typeof world>) => ({ told: tap.sent.length, left: udp.sent.length });

describe('a path of 1400 bytes', () => {
  it('carries 1400 and not one more', () => {
    const w = narrow();
    w.out(frame(B, A, ipv4(MTU - 20), '0800'));
    expect(ends(w)).toEqual({ told: 0, left: 1 });
    w.out(frame(B, A, ipv4(MTU - 19), '0800'));
    expect(ends(w)).toEqual({ told: 1, left: 1 });
    expect(w.counts()['too-big-answered']).toBe(1);
  });

  it('tells tagged senders too, with their tags, and less room', () => {
    const w = narrow();
    w.out(frame(B, A, `00070800${ipv4(MTU)}`, '8100'));
    w.out(frame(B, A, `0007810000090800${ipv4(MTU)}`, '88a8'));
    w.out(frame(B, A, `000786dd${ipv6(MTU)}`, '8100'));
    const script = `
def look(hex):
    raw = bytes.fromhex(hex)
    p = Ether(raw)
    tags = [t.vlan for t in p.iterpayloads() if isinstance(t, Dot1Q)]
    at = 14 + 4 * len(tags)
    if IPv6 in p:
        return [p.src, p.dst, tags, p[ICMPv6PacketTooBig].mtu, in6_chksum(58, p[IPv6], raw[at + 40:]), len(raw)]
    return [p.src, p.dst, tags, p[ICMP].nexthopmtu, checksum(raw[at:at + 20]) | checksum(raw[at + 20:]), len(raw)]
answer([look(each) for each in given])`;
    const seen = scapy<unknown[]>(
      script,
      w.tap.sent.map(({ bytes }) => toHex(bytes)),
    );
    const macs = ['02:00:00:00:00:02', '02:00:00:00:00:01'];
    expect(seen).toEqual([
      [...macs, [7], MTU - 4, 0, 18 + 576],
      [...macs, [7, 9], MTU - 8, 0, 22 + 576],
      [...macs, [7], MTU - 4, 0, 18 + 1280],
    ]);
  });

  it.each([
    ['to a group', frame(GROUP, A, ipv4(MTU), '0800')],
    ['of no host', frame(B, A, ipv4(MTU, '00000000'), '0800')],
    ['of another type', frame(B, A, ipv4(MTU), '88b5')],
    ['of another version', frame(B, A, ipv6(MTU), '0800')],
  ])('tells nobody of a packet %s', (_, given) => {
    const w = narrow();
    w.out(given);
    w.expectDropped('too-big');
  });

  it('judges a superframe by what it is cut into', () => {
    const w = narrow();
    const tcp = `${'00'.repeat(12)}50${'00'.repeat(7)}`;
    const long = frame(B, A, `${ipv4(0, '0a000001', '06')}${tcp}${'00'.repeat(5000)}`, '0800');
    const offload = (size: number) => [0x360101, (34 << 16) | size, 16] as const;
    w.out(long, offload(MTU - 40));
    expect(ends(w)).toEqual({ told: 0, left: 1 });
    w.out(long, offload(MTU - 39));
    expect(ends(w)).toEqual({ told: 1, left: 1 });
    // all of it is one segment, and fits
    w.out(long.slice(0, 1000), offload(9000));
    expect(ends(w)).toEqual({ told: 1, left: 2 });
  });

  it('tells a hundred a second, and the next second again', () => {
    const w = narrow();
    for (let i = 0; i < 150; i++) w.out(frame(B, A, ipv4(MTU), '0800'));
    expect([w.tap.sent.length, w.drops()]).toEqual([100, { 'too-big': 50 }]);
    w.clock.now = 1;
    w.out(frame(B, A, ipv4(MTU), '0800'));
    expect(w.tap.sent.length).toBe(101);
  });

  it('is not believed to be narrower than what every host takes, and tells IPv6 of nothing below 1280', () => {
    const w = narrow(68);
    expect(w.vtep.pathMtu).toBe(576);
    w.out(frame(B, A, ipv4(556), '0800'));
    w.out(frame(B, A, ipv6(600), '86dd'));
    expect([ends(w), w.drops()]).toEqual([{ told: 0, left: 1 }, { 'too-big': 1 }]);
  });

  it('answers of any bytes are shorter than the question, go back, and are counted', () => {
    const start = fc.constantFrom('450005dc00004000400600000a0000010a000002', '6000000005b43a40fd', '4f', '');
    const type = fc.constantFrom('0800', '86dd', '81000007', '88a8', '81000007' + '0800');
    const bytes = fc.uint8Array({ minLength: 1500, maxLength: 3000 });
    const words = fc.option(fc.tuple(fc.constantFrom(0x0101, 0x0401, 0x0501, 0x0201), fc.nat(), fc.nat()));
    const property = fc.property(start, type, bytes, words, (head, kind, rest, vnet) => {
      const w = narrow();
      const given = Uint8Array.from([...Buffer.from(`${B}${A}${kind}${head}`, 'hex'), ...rest]);
      w.out(given, vnet ? [vnet[0], vnet[1] | 0, vnet[2] | 0] : undefined);
      const dropped = Object.values(w.drops()).reduce((sum, each) => sum + each, 0);
      expect(w.tap.sent.length + w.udp.sent.length + dropped).toBe(1);
      for (const { bytes: told } of w.tap.sent) {
        expect(told.length).toBeLessThan(given.length);
        expect(toHex(told.subarray(0, 12))).toBe(A + B);
      }
    });
    fc.assert(property, { numRuns: 150 });
  });
});
