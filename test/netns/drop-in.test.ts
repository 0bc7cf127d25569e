/**
 * The same lines typed on two hosts like one another, on one of them by `vtep exec`: what is said and the exit status
 * are the same, but for what makes a TAP another device than the kernel's.
 *
 *   kernel [ bash -e ]               ours [ vtep exec -- bash -e ]       each with eth0 192.0.2.1
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Machine } from '../support/machine.ts';
import { Lab } from '../support/netns.ts';
import { FIRST_SEED, Random } from '../support/random.ts';
import { MAIN } from '../support/vtep-process.ts';
import { waitFor } from '../support/wait-for.ts';

const EXEC = [process.execPath, MAIN, 'exec', '--'];

interface Said {
  line: string;
  status: number;
  out: string;
  error: string;
}

const ALL_ZERO = '00:00:00:00:00:00';
const hex = (byte: number) => (byte & 0xff).toString(16).padStart(2, '0');

const BETWEEN = '\x1e';
const END = '\x1d';

/** Each line by itself, in one shell. */
async function typed(
  machine: Machine,
  lines: readonly string[],
  wrapper: readonly string[],
): Promise<Said[]> {
  const each = (line: string) => [
    'status=0',
    `{ ${line}\n} >/run/out 2>/run/error || status=$?`,
    `echo $status; printf '\\036'; cat /run/out; printf '\\036'; cat /run/error; printf '\\035'`,
  ];
  const out = await machine.script(lines.flatMap(each), wrapper);
  return out.split(END, lines.length).map((said, at) => {
    const [status, text, error] = said.split(BETWEEN);
    return { line: lines[at], status: Number(status), out: text, error };
  });
}

/** A TAP that was moved has forgotten from where. Sentences are not compared, but that one is said; addresses are drawn by lot; an order that is a hash's is none. */
function comparable({ line, status, out, error }: Said): Said {
  const text = out
    .replace(/\b(?!00:00:00|01:00:5e|02:00:00:00|33:33|ff:ff)[0-9a-f]{2}(:[0-9a-f]{2}){5}\b/g, 'MAC')
    .replace(/ link-netnsid \d+/g, '');
  return {
    line,
    status,
    out: /\bbridge (-n \w+ )?fdb/.test(line) ? text.split('\n').sort().join('\n') : text,
    // the kernel's own sentence for an error, where it has one, is not ours
    error: error.replace(/^vtep: .*\n/gm, '').replace(/^(Error|RTNETLINK answers): .*$/gm, 'no'),
  };
}

describe('vtep exec beside the kernel', () => {
  const lab = new Lab();
  let kernel: Machine;
  let ours: Machine;

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vtep-drop-in-'));
    lab.folders.push(folder);
    const [a, b] = await Promise.all(
      ['kernel', 'ours'].map((name) => {
        const host = lab.host(name);
        host.ip(
          'link add eth0 type veth peer name cable',
          'link set cable up',
          'address add 192.0.2.1/24 dev eth0',
          'link set eth0 up',
        );
        return Machine.open(host, folder);
      }),
    );
    kernel = a;
    ours = b;
  });
  afterAll(() => lab.close());

  async function expectSame(...lines: string[]): Promise<void> {
    const [theirs, mine] = await Promise.all([typed(kernel, lines, []), typed(ours, lines, EXEC)]);
    expect(mine.map(comparable)).toEqual(theirs.map(comparable));
  }

  it('hands over what is none of its business', () =>
    expectSame(
      'ip link add br0 type bridge',
      'ip -br link show',
      'ip -d link show br0 | head -2',
      'ip link del nope',
      'ip link set nope up',
      'ip addr add 10.1.0.1/24 dev br0',
      'ip -j addr show br0 | head -c 20',
      'ip route show 10.1.0.0/24',
      'printf "link add d0 type bridge\\nlink set d0 up\\n" | ip -batch -',
      'printf "link show d0\\n\\n# no\\nlink set nope up\\nlink del d0\\n" | ip -batch -',
      'printf "link set nope up\\nlink del d0\\n" | ip -force -batch -',
      'ip -batch /nope',
      'ip netns add blue',
      'ip netns exec blue ip link set lo up',
      'ip netns exec blue sh -c "exit 9"',
      'ip -n blue link show lo',
      'ip netns del blue',
      'ip help',
      'bridge link help',
      'bridge fdb show dev br0',
      'bridge fdb add 02:00:00:00:00:01 dev br0 self',
      'brctl addbr br1; brctl delbr br1; brctl delbr br1',
      'ip link del br0',
    ));

  it('makes links, and says no, as the kernel does', () =>
    expectSame(
      'ip link add vx0 type vxlan id 42 remote 192.0.2.2 dstport 4789 dev eth0',
      'ip link add vx0 type vxlan id 43 dstport 4789 dev eth0',
      'ip link add vx1 type vxlan',
      'ip link add vx1 type vxlan dstport 0',
      'ip link add vx1 type vxlan id 1',
      'ip link add vx2 type vxlan id 2 dstport 0 dev eth0 nolearning proxy ageing 0 maxaddress 10 ttl 5',
      'ip link add mtu 1400 name vx3 address 02:00:00:00:00:03 type vxlan id 3 dstport 0 local 192.0.2.1',
      'ip link add vx4 type vxlan id 4 dstport 0 group 239.1.1.1 dev eth0',
      'ip link add vx5 type vxlan id 5 dstport 0 dev eth0 srcport 100 200 tos inherit df set noudpcsum',
      ...['vx1', 'vx2', 'vx3', 'vx4', 'vx5'].flatMap((name) => [
        `ip -d link show ${name} | grep -o "vxlan id.*noudp6zerocsumrx"`,
        `ip -d -o link show ${name} | grep -o "vxlan id.*noudp6zerocsumrx"`,
        `ip link show ${name} | grep -o "mtu [0-9]*"`,
      ]),
      `ip -j -d link show | python3 -c 'import json,sys
for link in json.load(sys.stdin):
  if link["linkinfo"]["info_kind"] == "vxlan": print(link["ifname"], link["linkinfo"]["info_data"])'`,
      'ip link show type vxlan | cut -d: -f 1,2 | grep vx',
      'ip -br -j link show type vxlan | grep -o \'"ifname":"[a-z0-9]*"\'',
      'ip address show type vxlan | cut -d: -f 1,2 | grep vx',
      'ip -br a show type vxlan | cut -d" " -f 1',
      'ip -c -d link show vx1 | grep -o "vxlan id.*noudp6zerocsumrx"',
      'ip link set vx1 type vxlan id 99',
      'ip link set vx1 type vxlan ageing 20',
      'ip link set vx1 type vxlan ttl 9 dev eth0',
      'ip -d link show vx1 | grep -o "dev eth0\\|ttl [0-9]*"',
      'ip link set vx1 type vxlan',
      'ip link add vx6 type vxlan id 6 dstport 0 up 2>/dev/null',
      'ip link add vx6 type vxlan id 6 dstport 0 address 02:00:00:00:00:06 2>/dev/null',
      'ip link set vx1 type vxlan mtu 1400 2>/dev/null',
      'ip -n none-such link add vx6 type vxlan id 6 dstport 0',
      'bridge -n none-such fdb show',
      'ip -d link show vx1 | grep -o "ageing [0-9]*"',
      'for i in 1 2 3 4 5; do ip link del vx$i; done',
      'ip link del vx1',
      'ip link show vx1',
      'ip link add vx7 index 0200 mtu 02400 type vxlan id 017 dstport 010000 ttl 010 srcport 01000 0x400',
      'ip -d link show vx7 | grep -o "^[0-9]*\\|mtu [0-9]*\\|vxlan id.*noudp6zerocsumrx"',
      'bridge fdb append 02:00:00:00:00:01 dev vx7 dst 192.0.2.2 port 010 vni 010 && bridge fdb show dev vx7',
      'ip link del vx7',
      'ip link add vx7 type vxlan id 08',
    ));

  it('makes a link with the number that is asked for', () =>
    expectSame(
      'ip link add index 100 vx1 type vxlan id 1 dstport 4789',
      'ip link add vx2 index 2147483647 type vxlan id 2 dstport 4789',
      'ip link add vx3 index 100 type vxlan id 3 dstport 4789',
      'ip link add vx3 index 1 type vxlan id 3 dstport 4789',
      'ip link add vx1 index 101 type vxlan id 3 dstport 4789',
      ...['0', '-1', 'abc', '0x70', '3000000000', '101 index 102'].map(
        (words) => `ip link add vx3 index ${words} type vxlan id 3 dstport 4789`,
      ),
      'ip link add vx3 index 103abc type vxlan id 3 dstport 4789',
      'ip link set vx1 index 105 type vxlan ageing 5',
      'ip -d link show vx1 | grep -o "ageing [0-9]*"',
      'ip -o link show | grep vx | cut -d: -f 1,2',
      'bridge fdb append 00:00:00:00:00:00 dev vx1 dst 192.0.2.9',
      'bridge fdb show dev vx1',
      'ip -n none-such link add vx4 index 7 type vxlan id 4 dstport 4789',
      'ip netns add blue',
      'ip -n blue link add vx4 index 100 type vxlan id 4 dstport 4789 local 192.0.2.1',
      'ip -n blue -o link show | grep vx | cut -d: -f 1,2',
      'ip netns del blue',
      'for i in 1 2 3; do ip link del vx$i; done',
    ));

  it('takes the names that the kernel takes', () =>
    expectSame(
      'ip link add "" type vxlan id 1 dstport 0',
      'ip link add "a b" type vxlan id 1 dstport 0',
      'ip link add a/b type vxlan id 1 dstport 0',
      'ip link add a:b type vxlan id 1 dstport 0',
      'ip link add . type vxlan id 1 dstport 0',
      'ip link add abcdefghijklmnop type vxlan id 1 dstport 0',
      'ip link add abcdefghijklmno type vxlan id 1 dstport 0',
      'ip link add 日本日本日 type vxlan id 2 dstport 0',
      'ip link add 日本日本日本 type vxlan id 3 dstport 0',
      'ip link add vx%d type vxlan id 4 dstport 0',
      'ip link add type vxlan id 5 dstport 0',
      'ip link add name vx8 name vx9 type vxlan id 6 dstport 0',
      'ip link add dev vx8 name vx9 type vxlan id 6 dstport 0',
      'ip link add vx8 vx9 type vxlan id 6 dstport 0',
      'ip link add type bridge',
      'ip -o link show | cut -d: -f 2',
      'for i in abcdefghijklmno 日本日本日 vx1 vxlan0 bridge0; do ip link del $i; done',
    ));

  it('takes each word once, addresses in numbers only, and the ports that the kernel takes', () => {
    const REPEATED = [
      'vni 6',
      'remote 192.0.2.2 remote 192.0.2.3',
      'group 239.1.1.1 group 239.1.1.2 dev eth0',
      'local 192.0.2.1 local 192.0.2.1',
      'dev eth0 dev eth0',
      'ttl auto hoplimit 2',
      'tos inherit dsfield 2',
      'df set df unset',
      'ageing 1 ageing 1',
      'srcport 1 2 port 1 2',
      'dstport 4789',
      'learning nolearning',
      'external external',
    ];
    const ADDRESSES = ['remote localhost', 'local nohost', 'group localhost', 'remote any', 'group 0.0.0.0'];
    const PORTS = ['srcport 5 3', 'srcport 5 0', 'srcport 0 5', 'srcport 0 0'];
    return expectSame(
      ...[...REPEATED, ...ADDRESSES].map((words) => `ip link add vx1 type vxlan id 5 dstport 0 ${words}`),
      ...PORTS.flatMap((words) => [
        `ip link add vx1 type vxlan id 5 dstport 0 ${words}`,
        'ip -d link show vx1 | grep -o "srcport [0-9]* [0-9]*"',
        'ip link set vx1 type vxlan srcport 5 3',
        'ip link del vx1',
      ]),
      'ip link set vx0 type vxlan ageing 5 ageing 6',
      'ip link set vx0 type vxlan remote 192.0.2.2 remote 192.0.2.3',
      'bridge fdb add 02:00:00:00:00:01 dev vx0 dst 192.0.2.2 dst 192.0.2.2',
      'bridge fdb add 02:00:00:00:00:01 dev vx0 dst localhost',
    );
  });

  it('has the table of a link, alone and among those of bridges', () =>
    expectSame(
      'ip link add br0 type bridge',
      'ip link set br0 address 02:00:00:00:00:0b',
      'ip link set vx0 address 02:00:00:00:00:0a',
      'ip link set vx0 master br0',
      'ip link set vx0 up',
      'ip link set br0 up',
      'bridge fdb append to 00:00:00:00:00:00 dst 192.0.2.3 dev vx0',
      'bridge fdb append 00:00:00:00:00:00 dev vx0 dst 192.0.2.3',
      'bridge fdb add 02:00:00:00:00:01 dev vx0 dst 192.0.2.2 port 8472 vni 7 via eth0',
      'bridge fdb add 02:00:00:00:00:01 dev vx0 dst 192.0.2.3',
      'bridge fdb append 02:00:00:00:00:01 dev vx0 dst 192.0.2.3',
      'bridge fdb add 02:00:00:00:00:02 dev vx0 dst 192.0.2.3 static',
      'bridge fdb add 02:00:00:00:00:03 dev vx0 dst 192.0.2.3 dynamic',
      'bridge fdb add 02:00:00:00:00:09 dev vx0 dst 192.0.2.3 port 0',
      'bridge fdb add 02:00:00:00:00:04 dev vx0 master static',
      'bridge fdb add 02:00:00:00:00:05 dev vx0 dst 192.0.2.3 self master',
      'bridge fdb add 02:00:00:00:00:06 dev vx0',
      'bridge fdb replace 02:00:00:00:00:02 dev vx0 dst 192.0.2.9 static',
      'bridge fdb replace 00:00:00:00:00:00 dev vx0 dst 192.0.2.9',
      'bridge fdb del 02:00:00:00:00:02 dev vx0 dst 192.0.2.77',
      'bridge fdb del 02:00:00:00:00:77 dev vx0',
      'bridge fdb show dev vx0',
      'bridge fdb show brport vx0',
      'bridge fdb show dev vx0 whatever',
      'bridge fdb show whatever | grep vx0',
      'bridge fdb show dev vx0 master | grep self',
      ...[
        'permanent',
        'static',
        'temp',
        'sta',
        'stale',
        'reachable',
        'dynamic',
        'all',
        '2',
        '0x80',
        'none',
      ].map((state) => `bridge fdb show dev vx0 state ${state} | sort`),
      'bridge fdb show dynamic | grep vx0',
      'bridge -d fdb show dev vx0 | sort',
      'bridge fdb show br br0 | grep vx0',
      'bridge fdb show | grep vx0',
      'bridge -j fdb show dev vx0 | python3 -c "import json,sys; print(sorted(map(str, json.load(sys.stdin))))"',
      'bridge fdb get 02:00:00:00:00:02 dev vx0',
      'bridge fdb get 02:00:00:00:00:02 dev vx0 self',
      'bridge fdb get 02:00:00:00:00:77 dev vx0 self',
      'bridge fdb del 02:00:00:00:00:01 dev vx0',
      'bridge fdb del 00:00:00:00:00:00 dev vx0 dst 192.0.2.3',
      'bridge fdb show dev vx0',
      'printf "fdb add 02:00:00:00:00:08 dev vx0 dst 192.0.2.3\\nfdb del 02:00:00:00:00:99 dev vx0\\nfdb show\\n" > /run/lines',
      'bridge -batch /run/lines',
      'bridge fdb flush dev vx0',
      'bridge fdb show dev vx0',
    ));

  it('knows a link by its new name, and in another namespace', () =>
    expectSame(
      'ip link set vx0 down',
      'ip link set vx0 vx9 type vxlan ageing 70',
      'ip link set vx0 mtu 1300 type vxlan ageing 70',
      'ip link set vx0 name vx8 txqueuelen 70 type vxlan ageing 70',
      'ip -d link show vx8 | grep -o "qlen [0-9]*\\|ageing [0-9]*"',
      'ip link set vx8 name vx9',
      'bridge fdb append 00:00:00:00:00:00 dev vx9 dst 192.0.2.5',
      'bridge fdb show dev vx9 | grep 192.0.2.5',
      'bridge fdb show dev vx0',
      'printf "link del vx9\\nlink del vx9\\n" | ip -batch -',
      'ip netns add blue',
      'ip -n blue link add vx0 type vxlan id 7 dstport 0 local 192.0.2.1',
      'ip netns exec blue bridge fdb append 00:00:00:00:00:00 dev vx0 dst 192.0.2.6',
      'bridge -n blue fdb show dev vx0 | grep dst',
      'bridge fdb show dev vx0',
      'ip netns del blue',
      'ip netns list',
    ));

  it('knows a link where it was moved to', () =>
    expectSame(
      'ip netns add blue',
      'ip netns add red',
      'ip link add vx0 type vxlan id 9 dstport 4789 local 192.0.2.1 remote 192.0.2.2',
      'ip link set vx0 netns blue',
      'ip link show vx0',
      'ip -d link show type vxlan',
      'bridge fdb show dev vx0',
      'bridge fdb show | grep 192.0.2.2',
      'bridge fdb add 02:00:00:00:00:01 dev vx0 dst 192.0.2.3',
      'ip -n blue -d link show vx0 | grep -o "vxlan id.*noudp6zerocsumrx"',
      'ip -n blue link show type vxlan | grep -o " vx0"',
      'bridge -n blue fdb add 02:00:00:00:00:01 dev vx0 dst 192.0.2.3',
      'ip netns exec blue bridge fdb append 00:00:00:00:00:00 dev vx0 dst 192.0.2.4',
      'bridge -n blue fdb show dev vx0',
      'ip netns exec blue bridge fdb show | grep vx0',
      'bridge -n blue fdb get 02:00:00:00:00:01 dev vx0 self',
      'bridge -n blue fdb del 02:00:00:00:00:01 dev vx0',
      'bridge -n blue fdb del 02:00:00:00:00:01 dev vx0',
      'ip -n blue link set vx0 type vxlan ageing 50',
      'ip -n blue -d link show vx0 | grep -o "ageing [0-9]*"',
      'ip link add vx0 type vxlan id 10 dstport 4789 local 192.0.2.1',
      'bridge fdb append 00:00:00:00:00:00 dev vx0 dst 192.0.2.9',
      'bridge fdb show dev vx0 | grep 192.0.2',
      'bridge -n blue fdb show dev vx0 | grep 192.0.2',
      'ip link add vx1 type vxlan id 9 dstport 4789',
      'ip -n blue link set vx0 name vx7',
      'bridge -n blue fdb show dev vx7 | grep 192.0.2',
      'ip -n blue link set vx7 netns red name vx8',
      'bridge -n red fdb show dev vx8 | grep 192.0.2',
      'bridge -n blue fdb show dev vx7',
      'ip -n blue link add vx7 type vxlan id 11 dstport 4789 remote 192.0.2.7',
      'ip -n red link set vx8 netns blue',
      'bridge -n blue fdb show | grep 192.0.2',
      'ip -n blue -d link show type vxlan | grep -o "vxlan id [0-9]*"',
      'ip -n blue link del vx8',
      'ip -n blue link del vx8',
      'ip link add vx1 type vxlan id 9 dstport 4789 remote 192.0.2.2',
      'ip link set vx1 netns blue',
      'ip -n blue link set vx1 netns 1 2>/dev/null || true',
      'ip netns exec blue ip link set vx1 name vx0',
      'ip netns del blue',
      'ip link add vx1 type vxlan id 9 dstport 4789',
      'for i in 0 1; do ip link del vx$i; done',
      'ip netns del red',
    ));

  it('knows a link by its further names', () =>
    expectSame(
      'ip link add vx0 type vxlan id 42 remote 192.0.2.2 dstport 4789',
      'ip link property add dev vx0 altname overlay0 altname a-name-of-more-than-fifteen-letters',
      'ip link show overlay0 | grep -o "vx0\\|altname.*"',
      'bridge fdb add 02:00:00:00:00:01 dev overlay0 dst 192.0.2.3',
      'bridge fdb append 00:00:00:00:00:00 dev a-name-of-more-than-fifteen-letters dst 192.0.2.4',
      'bridge fdb append 00:00:00:00:00:00 dev not-a-name-of-any-device dst 192.0.2.4',
      'bridge fdb del 02:00:00:00:00:09 dev overlay0',
      'bridge fdb show dev overlay0',
      'bridge fdb show brport overlay0',
      'bridge fdb show | grep vx0',
      'bridge fdb get 02:00:00:00:00:01 dev overlay0 self',
      `bridge -j fdb show dev overlay0 | python3 -c 'import json,sys; print([sorted(e) for e in json.load(sys.stdin)])'`,
      'ip -d link show overlay0 | grep -o "vxlan id.*noudp6zerocsumrx\\|altname.*"',
      'ip -d link show dev a-name-of-more-than-fifteen-letters | grep -o "vxlan id.*noudp6zerocsumrx"',
      'ip link set overlay0 type vxlan ageing 50',
      'ip link set overlay0 mtu 1300',
      'ip link set overlay0 up',
      'ip -d link show vx0 | grep -o "ageing [0-9]*\\|mtu [0-9]* \\|[<,]UP"',
      'ip link add overlay0 type vxlan id 43 dstport 4789',
      'ip link add vx1 type vxlan id 43 dstport 4789 dev overlay0',
      'ip -d link show vx1 | grep -o "vxlan id 43 dev [^ ]*"',
      'ip link del vx1',
      'ip link set overlay0 down',
      'ip link set overlay0 name vx9',
      'bridge fdb show dev overlay0',
      'bridge fdb show dev vx0',
      'ip netns add blue',
      'ip link set overlay0 netns blue',
      'bridge fdb show dev overlay0',
      'bridge -n blue fdb show dev overlay0',
      'ip -n blue -d link show overlay0 | grep -o "vxlan id [0-9]*"',
      'bridge -n blue fdb del 02:00:00:00:00:01 dev overlay0',
      'ip -n blue link property del dev vx9 altname overlay0',
      'bridge -n blue fdb show dev overlay0',
      'ip -n blue link del a-name-of-more-than-fifteen-letters',
      'ip -n blue link show vx9',
      'ip netns del blue',
    ));

  it('reads a batch as it is read', () => {
    const batch = (tool: string, ...lines: string[]) =>
      `printf -- '${lines.join('\\n')}' | sed s/Q/\\"/g | ${tool} | sed s/^[0-9]*://; echo \${PIPESTATUS[2]}`;
    const [add1, show1] = ['link add vx1 type vxlan id 1 dstport 0', 'link show vx1'];
    return expectSame(
      batch(
        'ip -batch -',
        '# no',
        'link add vx1 \\\\',
        '\ttype vxlan id 1 \\\\',
        ' dstport 0 # tail',
        '',
        add1,
        show1,
      ),
      batch('ip -force -batch -', add1, 'link set vx1 alias Qtwo wordsQ', 'link set nope up', show1, ''),
      batch('ip -b -', 'link add QvxQ1 type vxlan id 2 dstport 0', 'link set vx1 alias Qunclosed', show1, ''),
      batch('ip -b -', 'link del vx1', 'link add vx1 type vxlan id 1 dstport 0 Q', show1, ''),
      batch('ip -b -', add1, 'link show vx1 \\\\'),
      batch('ip -b -', 'link show vx1 \\\\', ''),
      batch('ip -b -', 'link add vx2 type vxlan id 2 dstport 0', 'help', 'link del vx2', ''),
      batch('ip -force -b -', 'link add vx3 type vxlan id 3 id 4', 'link del vx2', ''),
      batch('ip -b -', '-d link show vx1', ''),
      batch('bridge -force -b -', 'fdb add 02:00:00:00:00:01 dev vx1', 'fdb show dev vx1', ''),
      batch('bridge -b -', 'fdb add 02:00:00:00:00:01 dev vx1 dst 192.0.2.9 bogus', 'fdb show dev vx1', ''),
      batch('ip -b -', 'link del vx1', 'link del vx1', 'link show lo', ''),
      'ip link show vx2 | sed s/^[0-9]*://',
    );
  });

  it('has many entries of a batch as one after the other, whatever is refused among them', () => {
    const random = new Random(FIRST_SEED);
    const folder = lab.folder();
    const write = (name: string, lines: string[]) => {
      writeFileSync(join(folder, name), lines.map((line) => `${line}\n`).join(''));
      return join(folder, name);
    };
    const mixed = random.list(1500, () => {
      if (random.oneIn(100)) return random.pick(['', '# no line', 'link show dev nope', 'fdb show dev d0']);
      const verb = random.pick(['add', 'add', 'append', 'replace', 'del']);
      const dev = random.pick(['vx1', 'vx1', 'vx2', 'd0']);
      const mac = random.oneIn(8) ? ALL_ZERO : `02:00:00:00:00:${random.between(10, 60)}`;
      const dst = dev === 'd0' || random.oneIn(50) ? '' : `dst 192.0.2.${random.between(2, 9)}`;
      return `fdb ${verb} ${mac} dev ${dev} ${dst} ${random.pick(['', 'static'])}`;
    });
    const fresh = random.list(
      2000,
      (at) => `fdb add 02:00:00:01:${hex(at >> 8)}:${hex(at)} dev vx1 dst 192.0.2.7`,
    );
    const [some, many] = [write('some', mixed), write('many', [...fresh, ...fresh.slice(-2)])];
    return expectSame(
      'ip link add d0 type dummy',
      'ip link add vx1 type vxlan id 1 dstport 0',
      'ip link add vx2 type vxlan id 2 dstport 0',
      `bridge -batch ${some}`,
      `bridge -force -batch ${some}`,
      'bridge fdb show | grep " self " | grep "vx\\|d0"',
      `bridge -batch ${many}`,
      'bridge fdb show dev vx1 | grep -c 02:00:00:01:',
      `bridge -force -batch ${many}`,
      ...['d0', 'vx1', 'vx2'].map((name) => `ip link del ${name}`),
    );
  });

  it('has the VNIs of a trunk', () =>
    expectSame(
      'ip link add vx0 type vxlan external vnifilter dstport 4789 dev eth0',
      'bridge vni add dev vx0 vni 100-102',
      'bridge vni delete dev vx0 vni 101',
      'bridge vni add dev vx0 vni 5 vni 6',
      'bridge vni add dev vx0 vni 5 remote 192.0.2.2 remote 192.0.2.2',
      'bridge vni add dev vx0 vni 5 remote localhost',
      'bridge vni delete dev vx0 vni 7',
      'bridge vni show dev vx0 | grep -o "1[0-9][0-9]"',
      'bridge vni add dev eth0 vni 7',
      'ip link del vx0',
    ));

  it('hands on what a shell has opened, and its own descriptors to nobody', async () => {
    const shell = `${EXEC.join(' ')} sh -c 'cat <&3; cat <&7; ls /proc/self/fd | grep -x . | tr "\\n" " "' 3<<<three 7<<<seven`;
    expect(await ours.run('bash', '-c', shell)).toBe('three\nseven\n0 1 2 3 4 7 ');
  });

  it('says where the disk is full, and leaves nothing there', async () => {
    const full = `mount -t tmpfs -o size=4k none /run && head -c 4096 /dev/zero >/run/fill
      mkdir /run/vtep && VTEP_SOCKET=/run/vtep/sock ${EXEC.join(' ')} true 2>&1; ls /run/vtep`;
    const said = await ours.run('unshare', '-m', 'sh', '-c', full);
    expect(said).toMatch(/^vtep: the folder \/run\/vtep\/exec-\S+ cannot be made \(ENOSPC\)\n$/);
  });

  it('lets go of a link whose TAP was read whole, and is deleted past it', async () => {
    const promisc = ['ip link add vx0 type vxlan id 5 dstport 0', 'ip link set vx0 promisc on'];
    await ours.script(promisc, EXEC);
    const offloads = () => ours.run(process.execPath, MAIN, '-d', 'link', 'show', 'vx0');
    await waitFor(async () => !/offloads .*lro/.test(await offloads()), 'merging to end');
    await ours.run('ip', 'link', 'del', 'vx0');
    const isFree = () =>
      ours.script(['ip link add vx0 type vxlan id 5 dstport 0'], EXEC).then(
        () => true,
        () => false,
      );
    await waitFor(isFree, 'the name to be free');
    await ours.script(['ip link del vx0'], EXEC);
  });
});
