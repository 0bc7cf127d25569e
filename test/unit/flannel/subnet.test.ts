/** Subnets and keys, held against Node's own reading of addresses. */
import { BlockList } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatAddress,
  formatKey,
  formatSubnet,
  isWithin,
  lastOf,
  overlap,
  parseAddress,
  parseKey,
  parseSubnet,
  type Subnet,
} from '../../../src/flannel/contract/subnet.ts';

const subnet = (text: string) => parseSubnet(text) as Subnet;
const ips = fc.oneof(fc.ipV4(), fc.ipV6());
const subnets = ips.chain((ip) =>
  fc
    .integer({ min: 0, max: parseAddress(ip)?.family === 'ipv4' ? 32 : 128 })
    .map((length) => `${ip}/${length}`),
);

describe('a subnet', () => {
  it.each([
    ['10.5.52.0/24', '10.5.52.0/24'],
    ['10.5.52.7/16', '10.5.0.0/16'],
    ['2001:cafe:42:3::/64', '2001:cafe:42:3::/64'],
    ['2001:CAFE:42:0003:1::9/64', '2001:cafe:42:3::/64'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['255.255.255.255/32', '255.255.255.255/32'],
    ['::/0', '::/0'],
    ['fc00:0:0:1:0:0:0:0/64', 'fc00:0:0:1::/64'],
  ])('%s is %s', (text, plain) => {
    expect(formatSubnet(subnet(text))).toBe(plain);
  });

  it.each([
    '',
    '10.5.0.0',
    '10.5.0.0/33',
    '10.5.0.0/-1',
    '10.5/16',
    '::/129',
    '10.5.0.0/16/1',
    'a/1',
    '1.2.3.4/1e1',
    '/8',
  ])('%j is none', (text) => {
    expect(parseSubnet(text)).toBeUndefined();
  });

  it('has in it what Node finds in it', () => {
    fc.assert(
      fc.property(subnets, ips, fc.boolean(), (text, stranger, inside) => {
        const outer = subnet(text);
        const address = inside ? lastOf(outer) : parseAddress(stranger);
        if (!address) throw new Error(stranger);
        // ::ffff:1.2.3.4, the last of ::/80 among them, is read as an address of IPv4
        fc.pre(parseAddress(formatAddress(address))?.family === address.family);
        const family = (of: { family: string }) => of.family as 'ipv4' | 'ipv6';
        const list = new BlockList();
        list.addSubnet(formatSubnet(outer).split('/')[0], outer.length, family(outer));
        const point = subnet(`${formatAddress(address)}/${address.family === 'ipv4' ? 32 : 128}`);
        const found = address.family === outer.family && list.check(formatAddress(address), family(address));
        expect(isWithin(point, outer)).toBe(found);
        expect(overlap(point, outer)).toBe(found);
        expect(overlap(outer, point)).toBe(found);
      }),
    );
  });
});

describe('a key', () => {
  it.each([
    '10.5.52.0-24',
    '10.5.52.0-24&2001:cafe:42:3::-64',
    '10.5.52.0-24&2001::1:0:1:0:0-96',
    '0.0.0.0-0&fc00:0:0:1::-64',
  ])('%s is written as it was read', (key) => {
    const subnets = parseKey(key);
    expect(subnets && formatKey(subnets)).toBe(key);
  });

  it.each([
    '',
    'config',
    '10.5.52.0/24',
    '10.5.52.1-24',
    '10.5.52.0-024',
    '010.5.52.0-24',
    '10.5.52.0-33',
    '10.5.52.0-24&',
    '10.5.52.0-24&10.5.53.0-24',
    '10.5.52.0-24&2001:CAFE:42:3::-64',
    '10.5.52.0-24&2001:cafe:42:3:0::-64',
    '10.5.52.0-24&fc00::-64&fc01::-64',
    'fc00::-64',
    '0.0.0.0-0',
    '::ffff:10.5.52.0-24',
    ' 10.5.52.0-24',
    '10.5.52.0-24\n',
  ])('%j is none', (key) => {
    expect(parseKey(key)).toBeUndefined();
  });

  it('of any two subnets comes back', () => {
    fc.assert(
      fc.property(subnets, subnets, (first, second) => {
        const [a, b] = [subnet(first), subnet(second)];
        const pair = { ...(a.length > 0 && { [a.family]: a }), ...(b.length > 0 && { [b.family]: b }) };
        if (Object.keys(pair).length === 0) return;
        expect(parseKey(formatKey(pair))).toEqual(pair);
      }),
    );
  });
});
