/** Overlays on the LAN in memory: who gets what, with losses, over time, and never in another VNI. */
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { type MemoryHost, MemoryLan } from '../../src/lan/memory-lan.ts';
import { toHex } from '../support/bytes.ts';
import { BROADCAST, frame } from '../support/frames.ts';

const lans: MemoryLan[] = [];
function lanOf(
  count: number,
  options = {},
  vni = (_: number) => 42,
): { lan: MemoryLan; hosts: MemoryHost[] } {
  const lan = new MemoryLan(options);
  lans.push(lan);
  const addresses = Array.from({ length: count }, (_, i) => `192.0.2.${i + 1}`);
  const hosts = addresses.map((address, i) =>
    lan.host(address, { vni: vni(i), remotes: addresses.filter((other) => other !== address), fdbSize: 64 }),
  );
  return { lan, hosts };
}
const mac = (i: number) => `0200000000${(i + 1).toString(16).padStart(2, '0')}`;
const taken = (host: MemoryHost) => {
  const frames: string[] = [];
  for (let next = host.tap.take(); next; next = host.tap.take()) frames.push(toHex(next));
  return frames;
};

afterEach(async () => {
  for (const lan of lans.splice(0)) await lan.close();
});

describe('a LAN in memory', () => {
  it('floods what nobody knows, then sends to one', () => {
    const { lan, hosts } = lanOf(3);
    hosts[0].tap.send(frame(BROADCAST, mac(0)));
    lan.settle();
    expect(hosts.map((host) => taken(host).length)).toEqual([0, 1, 1]);
    hosts[1].tap.send(frame(mac(0), mac(1)));
    lan.settle();
    expect(hosts.map((host) => taken(host).length)).toEqual([1, 0, 0]);
  });

  it('a MAC that moves is followed', () => {
    const { lan, hosts } = lanOf(3);
    for (const from of [1, 2]) {
      hosts[from].tap.send(frame(BROADCAST, mac(9)));
      lan.settle();
      hosts.forEach(taken);
      hosts[0].tap.send(frame(mac(9), mac(0)));
      lan.settle();
      expect(taken(hosts[from])).toHaveLength(1);
      expect(taken(hosts[3 - from])).toHaveLength(0);
    }
  });

  it('forgets with its clock', () => {
    const { lan, hosts } = lanOf(2);
    hosts[0].tap.send(frame(BROADCAST, mac(0)));
    lan.settle();
    expect([...hosts[1].vtep.fdb.list()]).toHaveLength(2);
    lan.advance(300);
    expect([...hosts[1].vtep.fdb.list()]).toHaveLength(2);
    lan.advance(1);
    expect([...hosts[1].vtep.fdb.list()]).toHaveLength(1);
  });

  it('loses the same datagrams with the same seed', () => {
    const received = (seed: number) => {
      const { lan, hosts } = lanOf(2, { seed, loss: 0.5 });
      for (let i = 0; i < 100; i++) {
        hosts[0].tap.send(frame(BROADCAST, mac(0), i.toString(16).padStart(2, '0').repeat(46)));
        lan.settle();
      }
      return taken(hosts[1]);
    };
    expect(received(5)).toEqual(received(5));
    expect(received(5)).not.toEqual(received(6));
    expect(received(5).length).toBeGreaterThan(25);
    expect(received(5).length).toBeLessThan(75);
  });

  it('reorders and doubles as it is told, and loses nothing by it', () => {
    const { lan, hosts } = lanOf(2, { reorder: 0.3, duplicate: 0.2 });
    const sent = Array.from({ length: 100 }, (_, i) =>
      frame(BROADCAST, mac(0), i.toString(16).padStart(2, '0').repeat(46)),
    );
    for (const each of sent) hosts[0].tap.send(each);
    lan.settle();
    const got = taken(hosts[1]);
    expect(new Set(got)).toEqual(new Set(sent.map(toHex)));
    expect(got.length).toBeGreaterThan(100);
    expect(got).not.toEqual([...got].sort());
  });

  it('an address is attached once', () => {
    const { lan } = lanOf(1);
    expect(() => lan.host('192.0.2.1', { vni: 1 })).toThrow(
      '192.0.2.1 has a port 4789 on this network already',
    );
  });

  it('tells its events', () => {
    const { lan, hosts } = lanOf(2);
    const told: unknown[] = [];
    hosts[1].vtep.on('learn', (what) => told.push(what));
    hosts[0].tap.send(frame(BROADCAST, mac(0)));
    lan.settle();
    expect(told).toEqual([{ mac: '02:00:00:00:00:01', dst: '192.0.2.1' }]);
  });

  it('whatever is sent, by whom and to whom: every host of the VNI that should have it has it, nobody else', async () => {
    const step = fc.record({ from: fc.nat(4), to: fc.option(fc.nat(4)) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(7, 8), { minLength: 5, maxLength: 5 }),
        fc.array(step, { maxLength: 30 }),
        async (vnis, steps) => {
          const { lan, hosts } = lanOf(5, {}, (i) => vnis[i]);
          const known = hosts.map(() => new Map<number, number>());
          for (const [number, { from, to }] of steps.entries()) {
            const bytes = frame(
              to === null ? BROADCAST : mac(to),
              mac(from),
              number.toString(16).padStart(2, '0').repeat(46),
            );
            hosts[from].tap.send(bytes);
            lan.settle();
            const only = to === null ? undefined : known[from].get(to);
            hosts.forEach((host, i) => {
              const gets = i !== from && vnis[i] === vnis[from] && (only === undefined || only === i);
              expect(taken(host)).toEqual(gets ? [toHex(bytes)] : []);
              if (gets) known[i].set(from, from);
            });
          }
          await lan.close(); // each host has a pool of its own, and there are hundreds
        },
      ),
      { numRuns: 60 },
    );
  });
});
