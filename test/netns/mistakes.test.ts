/** Configuration errors: a sentence with the value and what would be right, exit code 2, and nothing left behind. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Host, Lab } from '../support/netns.ts';
import { failing, MAIN, TRANSPORTS } from '../support/vtep-process.ts';

const MISTAKES: [words: string, sentence: RegExp][] = [
  ['', /NAME is missing/],
  ['vx0', /VNI is missing: id VNI, from 0 to 16777215/],
  ['vx0 id 16777216', /id "16777216" is not a whole number from 0 to 16777215/],
  ['vx0 id -1', /id "-1" is not a whole number/],
  ['vx0 id 42 remote 1.2.3', /remote "1\.2\.3" is not an IP address, such as 192\.0\.2\.1/],
  ['vx0 id 42 remote 239.1.1.1', /remote "239\.1\.1\.1" is a group/],
  ['vx0 id 42 remote 0.0.0.0', /remote "0\.0\.0\.0" is no host's address/],
  ['vx0 id 42 remote', /"remote" wants a value/],
  ['vx0 id 42 dstport 65536', /dstport "65536" is not a whole number from 0 to 65535/],
  ['vx0 id 42 mtu 10', /mtu "10" is not a whole number from 68/],
  ['vx0 id 42 ageing -5', /ageing "-5" is not a whole number/],
  ['vx0 id 42 ttl 256', /ttl "256" is not a whole number from 0 to 255/],
  ['vx0 id 42 address 01:00:5e:00:00:01', /address "01:00:5e:00:00:01" is a group address/],
  ['vx0 id 42 address 10.0.0.1', /address "10\.0\.0\.1" is neither a MAC .* nor an IP with prefix/],
  ['vx0 id 42 address 10.0.0.1/33', /address "10\.0\.0\.1\/33" is neither/],
  ['vx0 id 42 porxy', /the word "porxy" is not known/],
  ['vx0 id 42 type vlan', /type "vlan" is not known; it takes vxlan/],
  ['a-name-that-is-long id 42', /NAME "a-name-that-is-long" is no name for an interface: 1 to 15 bytes/],
  ['vx0 id 42 --transport tcp', /--transport "tcp" is not known; it takes native or dgram/],
];

/** Each word is one of the form, which would only hide the sentence. */
const REFUSED: [string, RegExp][] = [
  ['vx0 id 42 remote 192.0.2.1 remote 2001:db8::1', /"2001:db8::1" is IPv6 and others are IPv4/],
  ['vx0 id 42 remote fe80::1', /remote "fe80::1" is link-local: it needs dev/],
  ['vx0 id 42 local 192.0.2.77', /local "192\.0\.2\.77" is no address of this host \(EADDRNOTAVAIL\)/],
  ['vx0 id 42 dev nope', /dev "nope" is no interface/],
  ['vx0 id 42 srcport 5 4', /srcport 5 4: the second must not be smaller/],
  ['vx0 id 42 group 239.1.1.1', /group "239.1.1.1" needs dev/],
  ['vx0 id 42 --transport dgram df set', /--transport dgram cannot do df/],
  ['vx0 id 42 --transport dgram noudpcsum', /--transport dgram cannot do noudpcsum/],
  [
    'lo id 42',
    /the TAP lo cannot be opened \(EINVAL\): an interface of this name is there, and it is no TAP/,
  ],
  ['vx0 id 42 gbp', /"gbp" is refused: /],
  ['vx0 external vnifilter', /"external" is refused: `vtep run` carries one VNI/],
];

describe('a mistake', () => {
  const lab = new Lab();
  let a: Host;
  beforeAll(() => {
    a = lab.host('a');
  });
  afterAll(() => lab.close());

  it.each([
    ...MISTAKES.map((each) => [...each, true] as const),
    ...REFUSED.map((each) => [...each, false] as const),
  ])('vtep run %s', async (words, sentence, isOfForm) => {
    const { code, stdout, stderr } = await failing(a, words);
    expect(stderr).toMatch(sentence);
    expect(stderr.startsWith('vtep: ')).toBe(true);
    expect(stderr).not.toContain('    at ');
    expect(stderr.includes('\nform: vtep run NAME id VNI')).toBe(isOfForm);
    expect(stdout).toBe('');
    expect(code).toBe(2);
    expect(await a.run('ip', 'link')).not.toContain('vx0');
    expect(await a.run('ss', '-Hlun')).toBe('');
  });

  it.each([
    [
      'setpriv --bounding-set -net_admin',
      /\(EPERM\): the capability NET_ADMIN is missing; `--cap-add NET_ADMIN`/,
    ],
    ['unshare -m sh -c', /\/dev\/net\/tun is missing \(ENOENT\): .* `--device \/dev\/net\/tun`/],
  ])('of a container, which root is told: %s', async (wrapper, sentence) => {
    const run = [process.execPath, MAIN, 'run', 'vx0', 'id', '42'];
    const command = wrapper.endsWith('-c') ? [`mount -t tmpfs none /dev/net && ${run.join(' ')}`] : run;
    const [first, ...words] = [...wrapper.split(' '), ...command];
    await expect(a.run(first, ...words)).rejects.toThrow(sentence);
  });

  it.each(TRANSPORTS)('two who want one port, --transport %s', async (transport) => {
    a.ip('link add kernel type vxlan id 5 dstport 4789', 'link set kernel up');
    const { code, stderr } = await failing(a, `vx0 id 42 --transport ${transport}`);
    a.ip('link del kernel');
    expect(code).toBe(2);
    expect(stderr).toMatch(/UDP port 4789 is in use \(EADDRINUSE\): a kernel vxlan or another VTEP/);
    expect(await a.run('ip', 'link')).not.toContain('vx0');
  });

  it.each(TRANSPORTS)(
    'found when the TAP is open already, --transport %s: it is given back',
    async (transport) => {
      a.ip('tuntap add dev vx0 mode tap', 'link set vx0 mtu 1333 address 02:00:00:00:00:55');
      await a.run('sysctl', '-qw', 'net.ipv6.conf.vx0.disable_ipv6=1');
      const before = await a.run('ip', 'address', 'show', 'vx0');
      const settings = 'mtu 1400 address 02:00:00:00:00:77 address 10.0.0.1/24 address fd00::1/64 up';
      const { code, stdout, stderr } = await failing(a, `vx0 id 42 ${settings} --transport ${transport}`);
      const after = await a.run('ip', 'address', 'show', 'vx0');
      a.ip('link del vx0');
      expect(stderr).toMatch(/^vtep: .*fd00::1\/64.*IPv6 is disabled/m);
      expect(stderr).not.toContain('    at ');
      expect({ code, stdout, after }).toEqual({ code: 2, stdout: '', after: before });
      expect(await a.run('ss', '-Hlun')).toBe('');
    },
  );
});
