/**
 * Which interface leads to the other nodes, as flanneld chooses it.
 *
 *   this namespace: ext0 192.0.2.7 2001:db8::7 (default route)   ext1 198.51.100.7, 198.51.100.8   ext2 (no address)
 */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FAMILIES, type Family } from '../../src/flannel/contract/subnet.ts';
import { type ExternalWords, findExternal } from '../../src/flannel/host/external.ts';

const ip = (...lines: string[]) => {
  for (const line of lines) execFileSync('ip', line.split(' '), { stdio: 'pipe' });
};

const find = (words: Partial<ExternalWords>, families: readonly Family[] = ['ipv4']) =>
  findExternal({ ifaces: [], ifaceRegexes: [], ...words }, families);

describe('the interface to the other nodes', () => {
  beforeAll(() => {
    for (const name of ['ext0', 'ext1', 'ext2']) {
      ip(`link add ${name} type veth peer name ${name}p`, `link set ${name}p up`);
      const ipv6 = `net.ipv6.conf.${name}`;
      // another suite may have switched it off for whatever comes
      execFileSync('sysctl', ['-qw', `${ipv6}.disable_ipv6=0`, `${ipv6}.accept_dad=0`]);
      ip(`link set ${name} up`);
    }
    ip(
      'address add 192.0.2.7/24 dev ext0',
      'address add 2001:db8::7/64 dev ext0',
      'link set ext0 mtu 1400',
      'address add 169.254.9.9/16 dev ext1',
      'address add 198.51.100.7/24 dev ext1',
      'address add 198.51.100.8/24 dev ext1',
      'route add default via 198.51.100.1 dev ext1 metric 200',
      'route add default via 192.0.2.1 dev ext0 metric 100',
      'route add 203.0.113.0/24 via 198.51.100.1',
      'route add default via 2001:db8::1 dev ext0',
    );
  });
  afterAll(() => ip('link del ext0', 'link del ext1', 'link del ext2'));

  const own = (name: string, local: string) => ({ name, ipv4: { local, publicIp: local } });

  it('is that of the best default route', () => {
    expect(find({})).toMatchObject({ ...own('ext0', '192.0.2.7'), mtu: 1400 });
    expect(find({}, ['ipv6'])).toMatchObject({
      name: 'ext0',
      ipv6: { local: '2001:db8::7', publicIp: '2001:db8::7' },
    });
    expect(find({}, FAMILIES)).toMatchObject({
      ipv4: { local: '192.0.2.7' },
      ipv6: { local: '2001:db8::7' },
    });
  });

  it.each([
    [{ ifaces: ['ext1'] }, own('ext1', '198.51.100.7')],
    [{ ifaces: ['198.51.100.8'] }, own('ext1', '198.51.100.8')],
    [{ ifaces: ['none0', 'ext1'] }, own('ext1', '198.51.100.7')],
    [{ ifaces: ['^ext[1-9]$'] }, own('ext1', '198.51.100.7')],
    [{ ifaceRegexes: [/^198\.51\.100\.8$/] }, own('ext1', '198.51.100.8')],
    [{ ifaceRegexes: [/^nothing/, /xt1/] }, own('ext1', '198.51.100.7')],
    [{ ifaces: ['none0'], ifaceRegexes: [/ext0/] }, own('ext0', '192.0.2.7')],
    [{ canReach: '203.0.113.5' }, own('ext1', '198.51.100.7')],
    [{ publicIp: '203.0.113.77' }, { name: 'ext0', ipv4: { local: '192.0.2.7', publicIp: '203.0.113.77' } }],
  ])('is the one that was said: %j', (words, expected) => {
    expect(find(words)).toMatchObject(expected);
  });

  it.each([
    [
      { ifaces: ['none0'] },
      'ipv4',
      /^--iface "none0" means no interface of this host; there is lo, .*ext0.*\(ENODEV\)$/,
    ],
    [
      { ifaces: ['ext2'] },
      'ipv4',
      /^ext2 has no IPv4 address that other nodes could send to \(EADDRNOTAVAIL\)$/,
    ],
    [{ ifaces: ['ext1'] }, 'ipv6', /^ext1 has no IPv6 address/],
  ] as const)('is refused with a sentence: %j', (words, family, sentence) => {
    expect(() => find(words, [family])).toThrow(sentence);
  });

  it('must be said where there is no default route', () => {
    ip('route del default metric 100', 'route del default metric 200');
    expect(() => find({})).toThrow(/^there is no default route to choose an interface by: say --iface DEV/);
    expect(() => find({ canReach: '192.88.99.1' })).toThrow(/there is no route to it \(ENETUNREACH\)$/);
  });
});
