/** The way out, stage by stage, over ports that a test scripts. What ends there stands in `drop-reasons`. */
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../support/bytes.ts';
import { BROADCAST, frame } from '../../support/frames.ts';
import { SCAPY_NOTE, scapy, WITHOUT_SCAPY } from '../../support/scapy.ts';
import { A, B, world } from '../../support/world.ts';

describe('the way out', () => {
  it.skipIf(WITHOUT_SCAPY)(`is a VXLAN datagram to scapy, with the frame as it was${SCAPY_NOTE}`, () => {
    const frames = scapy<string[]>(`
ip = IP(src="10.1.0.1", dst="10.1.0.2") / UDP(sport=1, dport=2) / (b"x" * 50)
host = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
answer([bytes(each).hex() for each in [host / ip, host / Dot1Q(vlan=7, prio=3) / ip, host / Dot1AD(vlan=8) / Dot1Q(vlan=9) / ip,
  host / IPv6(src="fd00::1", dst="fd00::2") / TCP() / (b"y" * 99), Ether(dst="33:33:00:00:00:01", src=host.src) / IPv6() / ICMPv6ND_NS(), host]])
`);
    const sent = [0, 1, 0xabcdef, 0xffffff].flatMap((vni) => {
      const w = world({ remotes: ['10.0.0.1'], vni });
      for (const each of frames) w.out(fromHex(each));
      return w.udp.sent.map(({ bytes }) => ({ vni, bytes: toHex(bytes) }));
    });
    const decoded = scapy<unknown[]>(
      `
def decode(each):
    p = VXLAN(bytes.fromhex(each["bytes"]))
    return {"flags": int(p.flags), "vni": p.vni, "reserved": [p.reserved1, p.reserved2], "frame": bytes(p[Ether]).hex()}
answer([decode(each) for each in given])`,
      sent,
    );
    const expected = sent.map(({ vni }, i) => ({
      flags: 8,
      vni,
      reserved: [0, 0],
      frame: frames[i % frames.length],
    }));
    expect(decoded).toEqual(expected);
  });

  it('goes to all default destinations, once each', () => {
    const w = world({ remotes: ['10.0.0.1', '10.0.0.2', '10.0.0.3'] });
    w.out(frame(BROADCAST, A));
    expect(w.targets()).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    expect(w.counts().flooded).toBe(1);
  });

  it('goes to the one remote of its entry, group addresses too', () => {
    const w = world({ remotes: ['10.0.0.1'] });
    w.vtep.fdb.add({ mac: '02:00:00:00:00:02', dst: '10.0.0.7' });
    w.vtep.fdb.add({ mac: '01:00:5e:00:00:09', dst: '10.0.0.8' });
    w.out(frame(B, A));
    w.out(frame('01005e000009', A));
    expect(w.targets()).toEqual(['10.0.0.7', '10.0.0.8']);
  });

  it('carries a flow hash that is its own', () => {
    const w = world({ remotes: ['10.0.0.1'] });
    w.out(frame(B, A));
    w.out(frame(B, A));
    w.out(frame(B, 'aa0000000001'));
    const [first, second, third] = w.udp.sent.map(({ flow }) => flow);
    expect(second).toBe(first);
    expect(third).not.toBe(first);
  });

  it('ends where nothing is known, and says what was missed', async () => {
    const w = world();
    const missed: unknown[] = [];
    w.vtep.on('miss', (what) => missed.push(what));
    w.out(frame(B, A));
    w.vtep.deliverEvents();
    expect(missed).toEqual([{ mac: '02:00:00:00:00:02' }]);
  });

  it('costs one remote what it refuses, and the others get theirs', () => {
    const w = world({ remotes: ['10.0.0.1', '10.0.0.2', '10.0.0.3'] });
    w.udp.refusal = (target) => (w.vtep.fdb.address(target) === '10.0.0.2' ? 113 : 0);
    w.out(frame(BROADCAST, A));
    expect(w.targets()).toEqual(['10.0.0.1', '10.0.0.3']);
    expect(w.drops()).toEqual({ unreachable: 1 });
  });

  it('waits while the underlay is blocked: nothing is lost, doubled or reordered, and the TAP is not read', () => {
    const w = world({ remotes: ['10.0.0.1'] });
    w.udp.room = 3;
    for (let i = 0; i < 10; i++) w.tap.incoming.push({ bytes: frame(BROADCAST, A, `${i}0`.repeat(46)) });
    w.vtep.turn();
    w.tap.incoming.push({ bytes: frame(BROADCAST, A, 'ff'.repeat(46)) });
    w.vtep.turn();
    expect(w.udp.sent).toHaveLength(3);
    expect(w.tap.incoming).toHaveLength(1);
    w.udp.room = Number.POSITIVE_INFINITY;
    while (w.vtep.turn() > 0);
    expect(w.udp.sent.map(({ bytes }) => bytes[30])).toEqual([
      0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x80, 0x90, 0xff,
    ]);
  });

  it('takes the offload words of a superframe along, with every copy', () => {
    const w = world({ remotes: ['10.0.0.1', '10.0.0.2'] });
    const words = [0x00420101, 0x002205a8, 0x10] as const;
    const large = frame(BROADCAST, A, '33'.repeat(65_521));
    w.out(large, words);
    w.out(frame(BROADCAST, A));
    expect(w.udp.sent.map(({ vnet }) => vnet)).toEqual([[...words], [...words], [], []]);
    expect(w.udp.sent[1].bytes.length).toBe(8 + large.length);
    expect(w.drops()).toEqual({});
  });

  it('keeps offload words with their frame while it waits', () => {
    const w = world({ remotes: ['10.0.0.1'] });
    w.udp.room = 1;
    for (let i = 1; i <= 4; i++)
      w.tap.incoming.push({ bytes: frame(BROADCAST, A), vnet: i % 2 === 0 ? [0x101, i, i] : [0, 0, 0] });
    w.vtep.turn();
    w.udp.room = Number.POSITIVE_INFINITY;
    while (w.vtep.turn() > 0);
    expect(w.udp.sent.map(({ vnet }) => vnet)).toEqual([[], [0x101, 2, 2], [], [0x101, 4, 4]]);
  });

  it('drops, and counts, what neither leaves nor finds a place to wait', () => {
    const w = world({ remotes: Array.from({ length: 17 }, (_, i) => `10.0.1.${i + 1}`) });
    w.udp.room = 0;
    // 61 frames to 17 remotes are 1037 datagrams, and 1024 can wait
    for (let i = 0; i < 61; i++) w.tap.incoming.push({ bytes: frame(BROADCAST, A) });
    w.vtep.turn();
    w.udp.room = Number.POSITIVE_INFINITY;
    while (w.vtep.turn() > 0);
    expect(w.drops()).toEqual({ 'no-buffers': 13 });
    expect(w.udp.sent).toHaveLength(1024);
    expect(w.counts()['underlay-full']).toBeGreaterThan(0);
  });

  it('is the whole way for the largest frame of a datagram, and the smallest of all', () => {
    const w = world({ remotes: ['10.0.0.1'] });
    for (const length of [14, 65_499]) w.out(frame(BROADCAST, A, '00'.repeat(length - 14)));
    expect(w.udp.sent.map(({ bytes }) => bytes.length)).toEqual([22, 65_507]);
    expect(w.counts()).toMatchObject({ txFrames: 2, txBytes: 14 + 65_499 });
  });
});
