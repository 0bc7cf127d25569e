/**
 * Packets for a router, and frames for which there is no destination, with the kernel as the oracle: the same frames to
 * both.
 *
 *   kernel [ vx0 rsc l2miss l3miss ] 192.0.2.1 ──── 192.0.2.2 peer          ours, between two ports of the test
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KernelLink } from '../support/kernel-link.ts';
import { Lab } from '../support/netns.ts';
import { scapy } from '../support/scapy.ts';
import { outcomeOf, world } from '../support/world.ts';

const ROUTER = '02:00:00:00:00:0f';
const NEIGHBORS = {
  '10.2.0.32': '02:00:00:00:00:20',
  '10.2.0.33': ROUTER,
  '10.2.0.34': '02:00:00:00:00:22',
  'fd02::20': '02:00:00:00:00:20',
};
/** Where 10.2.0.34 is, nobody knows. */
const ENTRIES = [ROUTER, '02:00:00:00:00:20'];

const MAKE = `
def packet(to="${ROUTER}", tag=None, ip4=None, ip6=None, ttl=64, cut=None):
    frame = Ether(src="02:00:00:00:00:55", dst=to)
    if tag: frame = frame / Dot1Q(vlan=tag)
    if ip4: frame = frame / IP(src="10.0.0.1", dst=ip4, ttl=ttl) / UDP(sport=1, dport=2) / Raw(b"x" * 30)
    if ip6: frame = frame / IPv6(src="fd00::1", dst=ip6, hlim=ttl) / UDP(sport=1, dport=2) / Raw(b"x" * 30)
    return bytes(frame)[:cut].hex()
answer([packet(**each) for each in given])
`;
const FRAMES = scapy<string[]>(MAKE, [
  { ip4: '10.2.0.32' },
  { ip4: '10.2.0.32', ttl: 1 },
  { ip4: '10.2.0.33' }, // the router itself
  { ip4: '10.2.0.34' }, // a shorter way to nowhere
  { ip4: '10.2.0.99' }, // nobody knows
  { ip6: 'fd02::20' },
  { ip6: 'fd02::99' },
  { ip6: 'fd02::20', tag: 7 },
  { ip4: '10.2.0.32', tag: 7 },
  { ip4: '10.2.0.32', to: '02:00:00:00:00:20' },
  { ip4: '10.2.0.32', to: '02:00:00:00:00:77' }, // no destination
  { ip4: '10.2.0.32', to: 'ff:ff:ff:ff:ff:ff' },
  { ip4: '10.2.0.32', to: '01:00:5e:00:00:01' },
]);

describe('rsc and misses', () => {
  let lab: Lab;
  beforeEach(() => {
    lab = new Lab();
  });
  afterEach(() => lab.close());

  async function kernels(words: string) {
    const kernel = new KernelLink(lab, words);
    for (const [ip, mac] of Object.entries(NEIGHBORS))
      kernel.host.ip(`neigh add ${ip} lladdr ${mac} dev vx0 nud permanent`);
    for (const mac of ENTRIES)
      await kernel.host.run(
        'bridge',
        'fdb',
        'add',
        mac,
        'dev',
        'vx0',
        'dst',
        '192.0.2.2',
        ...(mac === ROUTER ? ['router'] : []),
      );
    return kernel.carry(FRAMES);
  }

  function ours(options: object) {
    const w = world({ l2miss: false, l3miss: false, ...options });
    for (const [ip, mac] of Object.entries(NEIGHBORS)) w.vtep.neighbors.replace({ ip, mac });
    w.routers(ROUTER);
    w.vtep.fdb.add({ mac: ENTRIES[1], dst: '10.0.0.1' });
    return outcomeOf(w, FRAMES);
  }

  it('goes the way and asks for what the kernel does', async () => {
    const expected = await kernels('rsc l2miss l3miss');
    expect(expected.left.filter((frame) => frame.startsWith('02000000002002000000000f')).length).toBe(3);
    expect(expected.missed).toEqual([
      '020000000022',
      '0a020063',
      'fd020000000000000000000000000099',
      '020000000077',
    ]);
    expect(ours({ shortCircuit: true, l2miss: true, l3miss: true })).toEqual(expected);
  });

  it('asks for nothing where it is not to', async () => {
    const expected = await kernels('rsc');
    expect(expected.missed).toEqual([]);
    expect(ours({ shortCircuit: true })).toEqual(expected);
  });

  it('goes to the router without the word, and tells of no neighbour', async () => {
    const expected = await kernels('l2miss l3miss');
    expect(expected.missed).toEqual(['020000000077']);
    expect(ours({ l2miss: true, l3miss: true })).toEqual(expected);
  });
});
