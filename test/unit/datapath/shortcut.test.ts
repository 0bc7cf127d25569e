/** Packets for a router that go straight to the neighbour behind it. */
import { describe, expect, it } from 'vitest';
import { toHex } from '../../support/bytes.ts';
import { frame } from '../../support/frames.ts';
import { A, world } from '../../support/world.ts';

const ROUTER = '02000000000f';
const HOST = '020000000020';
const colons = (mac: string) => mac.replace(/(..)(?!$)/g, '$1:');
const ip = `4500002e0000400040110000${'0a000001'}${'0a020020'}${'00'.repeat(26)}`;

function routed(options = {}) {
  const w = world({ remotes: ['10.0.0.9'], shortCircuit: true, ...options });
  w.routers(colons(ROUTER));
  w.vtep.neighbors.replace({ ip: '10.2.0.32', mac: colons(HOST) });
  return w;
}

describe('route short-circuit', () => {
  const packet = frame(ROUTER, A, ip, '0800');

  it('goes to the neighbour from the router, with its TTL, and to where that MAC is', () => {
    const w = routed();
    w.vtep.fdb.add({ mac: colons(HOST), dst: '10.0.0.2' });
    w.out(packet);
    expect(toHex(w.udp.sent[0].bytes.subarray(8))).toBe(toHex(frame(HOST, ROUTER, ip, '0800')));
    expect(w.targets()).toEqual(['10.0.0.2']);
  });

  it('a superframe too', () => {
    const w = routed();
    const long = frame(ROUTER, A, ip + '00'.repeat(5000), '0800');
    w.vtep.pathMtu = 1450;
    w.out(long, [0x360101, 0x2203e8, 16]);
    expect(toHex(w.udp.sent[0].bytes.subarray(8, 20))).toBe(HOST + ROUTER);
    expect(w.udp.sent[0].vnet).toEqual([0x360101, 0x2203e8, 16]);
  });

  it.each([
    ['without the word', { shortCircuit: false }, packet],
    ['to a MAC that is no router', {}, frame(A, A, ip, '0800')],
    ['of another type', {}, frame(ROUTER, A, ip, '88b5')],
    ['cut off', {}, packet.slice(0, 33)],
    [
      'with an IPv4 address in IPv6',
      {},
      frame(ROUTER, A, `6000000000001140${'fd'.repeat(16)}${'00'.repeat(10)}ffff0a020020`, '86dd'),
    ],
  ])('leaves alone what is %s', (_, options, given) => {
    const w = routed(options);
    w.out(given);
    expect(toHex(w.udp.sent[0].bytes.subarray(8))).toBe(toHex(given));
  });
});
