/** The words of `ip link add ... type vxlan`, in any order. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRun, UsageError } from '../../../src/cli/words.ts';

const parse = (text: string) => parseRun(text.split(' '));

describe('the words', () => {
  it('may stand in any order', () => {
    const parts = [
      'vx0',
      'id 42',
      'remote 192.0.2.1',
      'remote 192.0.2.2',
      'local 192.0.2.9',
      'dstport 8472',
      'nolearning',
      'up',
    ];
    const expected = parse(parts.join(' '));
    fc.assert(
      fc.property(fc.shuffledSubarray(parts, { minLength: parts.length }), (order) => {
        const found = parse(order.join(' '));
        expect({ ...found, remotes: [...found.remotes].sort() }).toEqual(expected);
      }),
    );
  });

  it('have the defaults of this program', () => {
    expect(parse('vx0 id 42')).toMatchObject({
      name: 'vx0',
      vni: 42,
      port: 4789,
      sourcePorts: [49_152, 65_535],
      ageing: 300,
      maxAddresses: 0,
      learning: true,
      proxy: false,
      checksum: true,
      transport: 'native',
      up: false,
    });
  });

  it.each([
    ['type vxlan vni 7 vx0', { vni: 7, name: 'vx0' }],
    ['vx0 id 0x2a', { vni: 42 }],
    ['vx0 id 42 dstport 0', { port: 8472 }],
    ['vx0 id 42 srcport 0 0', { sourcePorts: [49_152, 65_535] }],
    ['vx0 id 42 ageing 0', { ageing: 300 }],
    ['vx0 id 42 ttl auto', { ttl: 0 }],
    ['vx0 id 42 address 2:0:0:0:0:1', { mac: { high: 0x0200, low: 1 } }],
    ['vx0 id 42 address 10.0.0.1/24 address fd00::1/64', { addresses: ['10.0.0.1/24', 'fd00::1/64'] }],
    ['vx0 id 42 proxy noproxy', { proxy: false }],
    ['vx0 id 42 noudpcsum', { checksum: false }],
    ['vx0 id 42 nol2miss nol3miss norsc noexternal', { name: 'vx0' }],
    [
      'vx0 id 42 --transport dgram --log-level debug --offload off',
      { transport: 'dgram', logLevel: 'debug', offload: false },
    ],
  ])('%s', (text, expected) => {
    expect(parse(text)).toMatchObject(expected);
  });

  it('any others end in a sentence, never in anything else', () => {
    const word = fc.oneof(
      fc.constantFrom(
        'id',
        'remote',
        'dev',
        'local',
        'dstport',
        'srcport',
        'mtu',
        'address',
        'up',
        'vx0',
        '42',
        'ttl',
        'df',
        '__proto__',
        'constructor',
      ),
      fc.string({ maxLength: 12 }),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 12 }), (words) => {
        try {
          expect(parseRun(words).vni).toBeGreaterThanOrEqual(0);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
