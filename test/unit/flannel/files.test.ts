/** The two small files of a node: subnet.env and the MACs of its state folder. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeAtomically } from '../../../src/flannel/atomic-file.ts';
import { parseNetwork } from '../../../src/flannel/contract/network.ts';
import { formatKey, parseKey, type Subnets } from '../../../src/flannel/contract/subnet.ts';
import { formatSubnetEnv, readSubnetEnv } from '../../../src/flannel/contract/subnet-env.ts';
import { randomMac, State } from '../../../src/flannel/state.ts';

const IPV4 = '"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}';
const IPV6 = '"EnableIPv6":true,"IPv6Network":"2001:cafe:42::/56"';

let folder: string;
let said: string[];
const log = (level: string, sentence: string) => void said.push(`${level}: ${sentence}`);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vtep-'));
  said = [];
});

afterEach(() => rmSync(folder, { recursive: true }));

/** The file of one family: as flannel's `Documentation/running.md` shows it. */
const SUBNET_ENV = `FLANNEL_NETWORK=10.5.0.0/16
FLANNEL_SUBNET=10.5.72.1/24
FLANNEL_MTU=1450
FLANNEL_IPMASQ=false
`;

/** Of both: the order of `WriteSubnetFile` in `pkg/subnet/subnet.go`. */
const BOTH = `FLANNEL_NETWORK=10.5.0.0/16
FLANNEL_SUBNET=10.5.72.1/24
FLANNEL_IPV6_NETWORK=2001:cafe:42::/56
FLANNEL_IPV6_SUBNET=2001:cafe:42:3::1/64
FLANNEL_MTU=1430
FLANNEL_IPMASQ=true
`;

describe('subnet.env', () => {
  const texts = [
    [`{${IPV4}}`, '10.5.72.0-24', 1450, false, SUBNET_ENV],
    [`{${IPV4},${IPV6}}`, '10.5.72.0-24&2001:cafe:42:3::-64', 1430, true, BOTH],
    [
      `{${IPV4},${IPV6},"EnableIPv4":false}`,
      '0.0.0.0-0&2001:cafe:42:3::-64',
      1430,
      true,
      BOTH.split('\n').slice(2).join('\n'),
    ],
  ] as const;

  it.each(texts)('of %s is as flannel writes it, and is read back', (config, key, mtu, ipMasq, text) => {
    expect(formatSubnetEnv(parseNetwork(config), parseKey(key) as Subnets, mtu, ipMasq)).toBe(text);
    const path = join(folder, 'run', 'flannel', 'subnet.env');
    writeAtomically(path, text);
    expect(formatKey(readSubnetEnv(path))).toBe(key);
  });

  it('is what a shell reads', () => {
    const path = join(folder, 'subnet.env');
    writeAtomically(path, BOTH);
    const echo = `. ${path}; echo $FLANNEL_SUBNET $FLANNEL_IPV6_SUBNET $FLANNEL_MTU $FLANNEL_IPMASQ`;
    expect(execFileSync('sh', ['-c', echo], { encoding: 'utf8' })).toBe(
      '10.5.72.1/24 2001:cafe:42:3::1/64 1430 true\n',
    );
  });

  it.each([
    ['', {}],
    ['FLANNEL_SUBNET=\n', {}],
    ['FLANNEL_SUBNET=nonsense\n', {}],
    ['FLANNEL_SUBNET=2001:cafe:42:3::1/64\n', {}],
    ['#FLANNEL_SUBNET=10.5.72.1/24\n', {}],
    ["export FLANNEL_SUBNET='10.5.72.1/24'", parseKey('10.5.72.0-24')],
  ])('that says %j is no more than that', (text, subnets) => {
    const path = join(folder, 'subnet.env');
    writeFileSync(path, text);
    expect(readSubnetEnv(path)).toEqual(subnets);
  });

  it('may not be there', () => {
    expect(readSubnetEnv(join(folder, 'none'))).toEqual({});
    expect(readSubnetEnv(folder)).toEqual({});
  });
});

describe('a file', () => {
  it('is written for all to read, whatever was there, and nothing lies beside it', () => {
    const path = join(folder, 'subnet.env');
    writeFileSync(path, 'old', { mode: 0o600 });
    const before = process.umask(0o077);
    writeAtomically(path, 'new');
    process.umask(before);
    expect(readFileSync(path, 'utf8')).toBe('new');
    expect(statSync(path).mode & 0o777).toBe(0o644);
    expect(readdirSync(folder)).toEqual(['subnet.env']);
  });

  it('that cannot be written stays as it was', () => {
    mkdirSync(join(folder, 'subnet.env'));
    expect(() => writeAtomically(join(folder, 'subnet.env'), 'new')).toThrow('EISDIR');
    expect(readdirSync(folder)).toEqual(['subnet.env']);
  });
});

describe('the state folder', () => {
  const state = (path = folder) => new State(path, log);

  it('keeps a MAC for each device', () => {
    const path = join(folder, 'state');
    const first = state(path).macOf('flannel.1');
    const second = state(path).macOf('flannel-v6.1');
    expect(second).not.toBe(first);
    expect(state(path).macOf('flannel.1')).toBe(first);
    expect(state(path).macOf('flannel-v6.1')).toBe(second);
    expect(said).toEqual([]);
  });

  it('begins with the one that the device has', () => {
    expect(state().macOf('flannel.1', '02:00:00:00:00:07')).toBe('02:00:00:00:00:07');
    expect(state().macOf('flannel.1', '02:00:00:00:00:08')).toBe('02:00:00:00:00:07');
  });

  it.each(['', 'nonsense', '01:00:5e:00:00:01', '00:00:00:00:00:00', '\0'.repeat(18)])(
    'mends a file with %j',
    (text) => {
      writeFileSync(join(folder, 'flannel.1.mac'), text);
      const mac = state().macOf('flannel.1');
      expect(said).toEqual([
        expect.stringMatching(/^warn: \S+flannel\.1\.mac has ".*" where a MAC should be, so flannel\.1 gets/),
      ]);
      expect(state().macOf('flannel.1')).toBe(mac);
      expect(said).toHaveLength(1);
    },
  );

  it('that is not to be had is said, and life goes on', () => {
    const path = join(folder, 'file');
    writeFileSync(path, '');
    const one = state(path);
    const mac = one.macOf('flannel.1');
    expect(one.macOf('flannel.1')).toBe(mac);
    expect(said).toEqual([
      expect.stringMatching(
        /^warn: cannot read \S+flannel\.1\.mac, so flannel\.1 gets another MAC \(ENOTDIR\)$/,
      ),
      expect.stringMatching(
        /^warn: cannot write \S+flannel\.1\.mac: flannel\.1 has the MAC \S+ only until .* \(E\w+\)$/,
      ),
    ]);
  });

  it('makes MACs that are of one device and of no vendor', () => {
    const macs = Array.from({ length: 200 }, randomMac);
    expect(new Set(macs).size).toBe(200);
    expect(macs.filter((mac) => (Number.parseInt(mac.slice(0, 2), 16) & 3) !== 2)).toEqual([]);
  });
});
