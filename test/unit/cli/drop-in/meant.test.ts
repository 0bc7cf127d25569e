/** Command lines of real life, and what they are taken for; the shell's part lets through all that may concern us. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Tool, takeApart } from '../../../../src/cli/drop-in/command-line.ts';
import { meant } from '../../../../src/cli/drop-in/meant.ts';
import { asked } from '../../../../src/cli/drop-in/monitored.ts';
import { HAND_OVER, shim } from '../../../../src/cli/drop-in/shim.ts';

/** What each line is taken for; the last column: asked even where no daemon runs. */
const LINES: [string, string, 'always'?][] = [
  [
    'ip link add vxlan100 type vxlan id 100 remote 10.128.147.182 dstport 4789 dev eth0',
    'add vxlan100',
    'always',
  ],
  ['ip link add name vx0 mtu 1400 type vxlan id 1', 'add vx0 [mtu 1400]', 'always'],
  ['ip link add dev vx0 type vxlan id 1', 'add vx0', 'always'],
  ['ip link add link eth0 name vx0 up type vxlan id 1', 'add vx0 [link eth0 up]', 'always'],
  [
    'ip link add vx0 address 02:00:00:00:00:01 master br0 type vxlan id 1',
    'add vx0 [address 02:00:00:00:00:01 master br0]',
    'always',
  ],
  ['ip l a vx0 type vxlan id 1', 'add vx0', 'always'],
  ['ip link replace vx0 type vxlan id 1', 'add vx0', 'always'],
  ['ip -n blue link add vx0 type vxlan id 1', 'add vx0', 'always'],
  ['ip -netns blue -j link add vx0 type vxlan id 1', 'add vx0', 'always'],
  ['ip link add type vxlan id 1', 'add undefined', 'always'],
  ['ip link add vx0 type vxlan help', 'real'],
  ['ip link add br0 type bridge', 'real'],
  ['ip link add name vxlan-br0 type bridge', 'real'],
  ['ip link add dev veth1001 type veth peer name veth1002', 'real'],
  ['ip link add veth1 type veth peer name eth0 netns ns1', 'real'],
  ['ip link add vxlan type dummy', 'real'],
  ['ip link set vxlan100 up', 'real'],
  ['ip link set up dev vxlan100', 'real'],
  ['ip link set vxlan100 master br100', 'real'],
  ['ip link set dev vxlan0 master vxlan-br0', 'real'],
  ['ip link set vxlan100 nomaster', 'real'],
  ['ip link set vxlan100 mtu 1400', 'real'],
  ['ip link set vxlan100 address 02:00:00:00:00:01', 'real'],
  ['ip link set vxlan100 down', 'real'],
  ['ip link set vxlan100 name vx7', 'rename vxlan100 vx7'],
  ['ip link set dev vxlan100 name vx7', 'rename vxlan100 vx7'],
  ['ip link set vxlan100 netns blue name vx7', 'real'],
  ['ip link set veth1002 netns net100', 'real'],
  ['ip link set vxlan100 type vxlan ageing 10', 'change vxlan100', 'always'],
  ['ip link set dev vxlan100 type vxlan remote 192.0.2.1', 'change vxlan100', 'always'],
  ['ip link change vxlan100 type vxlan nolearning', 'change vxlan100', 'always'],
  ['ip link set vxlan100 type bridge_slave learning off', 'real'],
  ['ip link del vxlan100', 'delete vxlan100'],
  ['ip link delete dev vxlan100', 'delete vxlan100'],
  ['ip link del dev vxlan100 type vxlan', 'delete vxlan100', 'always'],
  ['ip link del br0 type bridge', 'real'],
  ['ip link del group 7', 'real'],
  ['ip l d vx0', 'delete vx0'],
  ['ip link', 'real'],
  ['ip link show', 'real'],
  ['ip -br link show vxlan100', 'real'],
  ['ip -s link show vxlan100', 'links vxlan100'],
  ['ip -statistics -j link', 'links undefined'],
  ['ip -s neigh show dev vxlan100', 'real'],
  ['ip -d link', 'links undefined'],
  ['ip -d link show vxlan100', 'links vxlan100'],
  ['ip -details link show dev vxlan100', 'links vxlan100'],
  ['ip -j -d link show', 'links undefined'],
  ['ip -d -j link show master br0', 'links undefined'],
  ['ip -d addr show vxlan100', 'links vxlan100'],
  ['ip -d -4 a s dev vxlan100', 'links vxlan100'],
  ['ip link show type vxlan', 'links undefined vxlan', 'always'],
  ['ip -d link ls type vxlan', 'links undefined vxlan', 'always'],
  ['ip link show up type vxlan', 'links undefined vxlan', 'always'],
  ['ip link help vxlan', 'real'],
  ['ip addr', 'real'],
  ['ip addr add 10.0.0.181/24 dev vxlan100', 'real'],
  ['ip addr show dev vxlan100', 'real'],
  ['ip a', 'real'],
  ['ip route add 192.169.2.0/24 via 192.169.2.0 dev vxlan100', 'real'],
  ['ip route del 192.169.2.0/24', 'real'],
  ['ip r get 192.0.2.1', 'real'],
  ['ip neighbor add 3.3.3.4 lladdr 32:39:e3:57:89:e7 dev vxlan100', 'real'],
  ['ip neigh flush all', 'real'],
  ['ip n', 'real'],
  ['ip -4 rule list', 'real'],
  ['ip netns add net100', 'real'],
  ['ip netns exec net100 ip link add vx0 type vxlan id 1', 'real'],
  ['ip netns exec net100 ip link del vx0', 'real'],
  ['ip -all netns exec ip -d link', 'real'],
  ['ip netns del net100', 'namespace net100'],
  ['ip netns delete net100', 'namespace net100'],
  ['ip netns', 'real'],
  ['ip netns list', 'real'],
  ['ip vrf exec red ip link add vx0 type vxlan id 1', 'real'],
  ['ip -batch lines', 'batch lines', 'always'],
  ['ip -force -b -', 'batch -', 'always'],
  ['ip -n blue -batch lines', 'batch lines', 'always'],
  ['ip -V', 'real'],
  ['ip', 'real'],
  ['ip help', 'real'],
  ['bridge fdb append to 00:00:00:00:00:00 dst 10.128.147.182 dev vxlan100', 'fdb append vxlan100'],
  ['bridge fdb append 00:00:00:00:00:00 dev vxlan100 dst 10.206.67.15', 'fdb append vxlan100'],
  ['bridge fdb add 02:00:00:00:00:01 dev vx0 dst 192.0.2.1 port 8472 vni 7 via eth0', 'fdb add vx0'],
  ['bridge fdb replace 02:00:00:00:00:01 dev vx0 dst 192.0.2.1', 'fdb replace vx0'],
  ['bridge fdb del 02:00:00:00:00:01 dev vx0', 'fdb delete vx0'],
  ['bridge f a 02:00:00:00:00:01 dev vx0 dst 192.0.2.1', 'fdb add vx0'],
  ['bridge -n blue fdb add 02:00:00:00:00:01 dev vx0 dst 192.0.2.1', 'fdb add vx0'],
  ['bridge fdb add 02:00:00:00:00:01 dev vx0 master static', 'real'],
  ['bridge fdb add 02:00:00:00:00:01 dev vx0 self master dst 192.0.2.1', 'fdb add vx0 and the bridge'],
  ['bridge fdb get 02:00:00:00:00:01 dev vx0 self', 'fdb get vx0'],
  ['bridge fdb get 02:00:00:00:00:01 dev vx0', 'real'],
  ['bridge fdb get 02:00:00:00:00:01 br br0', 'real'],
  ['bridge fdb flush dev vx0', 'fdb flush vx0'],
  ['bridge fdb', 'entries undefined'],
  ['bridge fdb show', 'entries undefined'],
  ['bridge fdb show dev vx0', 'entries vx0'],
  ['bridge fdb show brport vxlan100', 'entries vxlan100'],
  ['bridge fdb show br br0', 'entries undefined br0'],
  ['bridge -s -j fdb show dev vx0 dynamic', 'entries vx0'],
  ['bridge fdb help', 'real'],
  ['bridge vni add dev vx0 vni 100-199', 'vni add vx0'],
  ['bridge vni', 'vni show undefined'],
  ['bridge link show', 'real'],
  ['bridge -d link show dev vx0', 'real'],
  ['bridge vlan add vid 10 dev vx0', 'real'],
  ['bridge mdb show', 'real'],
  ['bridge mdb add dev vx0 port vx0 grp 239.1.1.1 permanent dst 192.0.2.1', 'refused vx0'],
  ['bridge mdb show dev vx0', 'real'],
  ['bridge link set dev vx0 vlan_tunnel on', 'refused vx0'],
  ['bridge link set dev vx0 vlan_tunnel off', 'real'],
  ['bridge vlan add dev vx0 vid 10 tunnel_info id 1000', 'refused vx0'],
  ['bridge vlan tunnelshow', 'real'],
  ['bridge monitor', 'real'],
  ['bridge -batch lines', 'batch lines'],
];

function taken(line: string): string {
  const [tool, ...words] = line.split(' ');
  const what = meant(takeApart(tool as Tool, words));
  switch (what.kind) {
    case 'add':
    case 'change':
      return `${what.kind} ${what.name}${what.general.length > 0 ? ` [${what.general.join(' ')}]` : ''}`;
    case 'delete':
      return `delete ${what.name}`;
    case 'rename':
      return `rename ${what.name} ${what.newName}`;
    case 'links':
      return `links ${what.name}${what.vxlanOnly ? ' vxlan' : ''}`;
    case 'fdb':
      return `fdb ${what.verb} ${what.dev}${what.alsoBridge ? ' and the bridge' : ''}`;
    case 'entries':
      return `entries ${what.dev}${what.bridge ? ` ${what.bridge}` : ''}`;
    case 'vni':
      return `vni ${what.verb} ${what.dev}`;
    case 'batch':
      return `batch ${what.file}`;
    case 'refused':
      return `refused ${what.dev}`;
    case 'namespace':
      return `namespace ${what.names.join(' ')}`;
    default:
      return what.kind;
  }
}

describe('a command line', () => {
  it.each(LINES)('%s', (line, as) => {
    expect(taken(line)).toBe(as);
  });
});

describe('what is watched', () => {
  it.each([
    ['bridge monitor', 'entries'],
    ['bridge monitor fdb', 'entries'],
    ['bridge mon link fdb', 'entries'],
    ['bridge monitor link', ''],
    ['bridge monitor f lines', ''],
    ['bridge monitor all', 'entries [NEIGH]'],
    ['ip monitor', 'entries misses'],
    ['ip monitor all', 'entries misses [NEIGH]'],
    ['ip monitor label n', 'entries misses [NEIGH]'],
    ['ip monitor neigh dev vx0', 'entries misses vx0'],
    ['ip monitor all-nsid', 'entries misses [nsid current]'],
    ['ip monitor route', ''],
    ['ip -4 monitor neigh', 'misses'],
    ['ip -f inet6 monitor neigh', ''],
    ['ip link', ''],
  ])('%s: %s', (line, told) => {
    const [tool, ...words] = line.split(' ');
    const { entries, misses, only, label } = asked(takeApart(tool as Tool, words));
    const isTold = entries || misses;
    const parts = [entries && 'entries', misses && 'misses', isTold && only, isTold && label];
    expect(parts.filter(Boolean).join(' ')).toBe(told);
  });

  it.each([
    ['bridge monitor', ''],
    ['bridge -t monitor', 'Timestamp: Sun Mar  1 04:05:06 2026 7000 usec\n'],
    ['ip -timestamp monitor', 'Timestamp: Sun Mar  1 04:05:06 2026 7000 usec\n'],
    ['ip -ts monitor', '[2026-03-01T04:05:06.007000] '],
  ])('%s: when', (line, when) => {
    const [tool, ...words] = line.split(' ');
    const { time } = asked(takeApart(tool as Tool, words));
    expect(time(new Date(2026, 2, 1, 4, 5, 6, 7))).toBe(when);
  });
});

describe('the shell that stands before it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vtep-shim-'));
  const run = join(folder, 'run');
  const at = (name: string) => join(folder, name);
  const daemon = createServer();

  function program(name: string, text: string): string {
    writeFileSync(at(name), text);
    chmodSync(at(name), 0o755);
    return at(name);
  }

  function says(line: string): string {
    const [tool, ...words] = line.split(' ');
    return execFileSync(at(tool), words, { encoding: 'utf8', input: 'input' });
  }

  beforeAll(() => {
    mkdirSync(run);
    const real = program('real', '#!/bin/sh\necho "real: $*"; cat');
    const node = program('node', '#!/bin/sh\necho "asked: $*"; cat > /dev/null');
    for (const tool of ['ip', 'bridge'] as const)
      program(tool, shim({ tool, real, node, main: 'main', beside: 'beside', run, sockets: run }));
  });
  afterAll(() => {
    daemon.close();
    rmSync(folder, { recursive: true });
  });

  const concerned = LINES.filter(([, as]) => as !== 'real');

  it.each(concerned.filter(([, , always]) => always))('asks where no daemon runs: %s', (line) => {
    const [tool, ...words] = line.split(' ');
    expect(says(line)).toBe(`asked: main ${tool} ${at('real')} ${words.join(' ')}\n`);
  });

  it.each(LINES.filter(([, as, always]) => as !== 'real' && !always))(
    'does not ask where none runs: %s',
    (line) => {
      expect(says(line)).toBe(`real: ${line.split(' ').slice(1).join(' ')}\ninput`);
    },
  );

  it('asks of all that may concern us where a daemon runs', async () => {
    await new Promise<void>((resolve) => daemon.listen(join(run, '4026531840.sock'), resolve));
    for (const [line] of concerned) expect(says(line), line).toMatch(/^asked: /);
  });

  it('hands over at once what people type all day', () => {
    for (const line of [
      'ip addr',
      'ip route del 192.0.2.0/24',
      'ip link set vx0 up',
      'ip link',
      'ip netns exec a ip -d link',
    ]) {
      expect(says(line)).toBe(`real: ${line.split(' ').slice(1).join(' ')}\ninput`);
    }
  });

  it.each(['bridge monitor fdb', 'ip -n blue mon neigh', 'ip -t -4 monitor', 'ip -netns mo monitor all'])(
    'has somebody beside it as long as it runs: %s',
    (line) => {
      program('node', '#!/bin/sh\ncat; shift 2; echo "beside: $*"');
      const [tool, ...words] = line.split(' ');
      expect(says(line)).toBe(`real: ${words.join(' ')}\ninputbeside: ${tool} ${words.join(' ')}\n`);
    },
  );

  it.each([
    'ip addr show mon0',
    'ip -n monitor addr',
    'ip -br addr show monitor',
    'bridge vlan show dev mon0',
  ])('has nobody beside it: %s', (line) => {
    program('node', '#!/bin/sh\ncat; echo beside');
    expect(says(line)).toMatch(/^real: .*\ninput$/);
  });

  it('hands over what it was told to, with the words and the input as they were', () => {
    program('node', `#!/bin/sh\nexit ${HAND_OVER}`);
    const odd = execFileSync(at('ip'), ['link', 'del', 'a  b', '', '*'], {
      encoding: 'utf8',
      input: 'input',
    });
    expect(odd).toBe('real: link del a  b  *\ninput');
  });

  it('ends as the one who was asked', () => {
    program('node', '#!/bin/sh\ncat > /dev/null; exit 7');
    expect(() => says('ip link del vx0')).toThrow(expect.objectContaining({ status: 7 }));
  });
});
