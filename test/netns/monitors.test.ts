/**
 * `bridge monitor` and `ip monitor` by `vtep exec`, beside the kernel: the same steps on two hosts, and after each the
 * same lines of it on both. A peer, the kernel's vxlan in both, sends what is learned.
 *
 *   kernel [ vxlan vx0 ]  eth0 192.0.2.1 ── 192.0.2.2 eth0  [ vxlan vx0 ] peer
 *   ours   [ TAP   vx0 ]  eth0 192.0.2.1 ── 192.0.2.2 eth0  [ vxlan vx0 ] peer
 */
import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Machine } from '../support/machine.ts';
import { type Host, Lab } from '../support/netns.ts';
import { MAIN } from '../support/vtep-process.ts';
import { waitFor } from '../support/wait-for.ts';

const EXEC = [process.execPath, MAIN, 'exec', '--'];
const QUIET = ['all', 'default'].map((which) => `net.ipv6.conf.${which}.disable_ipv6=1`);

/** What a program has said, by lines. */
class Told {
  readonly child: ChildProcess;
  private text = '';
  private from = 0;
  ended = false;

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.on('data', (chunk) => {
      this.text += chunk;
    });
    child.once('close', () => {
      this.ended = true;
    });
  }

  /** A time of its own line belongs to what follows. */
  get lines(): string[] {
    return this.text
      .slice(this.from)
      .replace(/^(Timestamp: .*)\n/gm, '$1 ')
      .split('\n')
      .slice(0, -1);
  }

  next(): void {
    this.from = this.text.length;
  }

  get first(): string {
    return this.text.split('\n')[0];
  }
}

interface Side {
  host: Host;
  peer: Host;
  machine: Machine;
  wrapper: readonly string[];
}

describe('monitors by vtep exec beside those of the kernel', () => {
  const lab = new Lab();
  let sides: Side[];

  beforeAll(async () => {
    const folder = lab.folder();
    sides = await Promise.all(
      [[], EXEC].map(async (wrapper) => {
        const [host, peer] = [lab.host('host'), lab.host('peer')];
        for (const each of [host, peer]) await each.run('sysctl', '-qw', ...QUIET);
        lab.cable(host, ['192.0.2.1/24'], peer, ['192.0.2.2/24']);
        peer.ip(
          'link add vx0 address 02:00:00:00:00:0b type vxlan id 42 remote 192.0.2.1 dstport 4789 dev eth0',
          'address add 10.0.0.2/24 dev vx0',
          'link set vx0 up',
        );
        return { host, peer, machine: await Machine.open(host, folder), wrapper };
      }),
    );
  });
  afterAll(() => lab.close());

  async function step(...lines: string[]): Promise<void> {
    await Promise.all(sides.map(({ machine, wrapper }) => machine.script(lines, wrapper)));
  }

  function start(words: string): Told[] {
    return sides.map(({ machine, wrapper }) => new Told(machine.spawn('env', ...wrapper, 'sh', '-c', words)));
  }

  /** They have begun when each has told of a link that is made, and goes, for that. */
  async function begun(all: readonly Told[]): Promise<void> {
    const isTold = () => all.every(({ lines }) => lines.some((line) => line.includes('192.0.2.99')));
    let made = 0;
    await waitFor(async () => {
      await step(
        `ip link add p${made} type vxlan id 1000 remote 192.0.2.99 dstport 4790 dev eth0`,
        `ip link del p${made++}`,
      );
      return isTold();
    }, 'the monitors to begin');
    for (const told of all) told.next();
  }

  /** Within time all lines but those that `comparable` empties are the same, in any order. */
  async function same(pairs: readonly (readonly Told[])[]): Promise<void> {
    const of = (told: Told) => told.lines.map(comparable).filter(Boolean).sort();
    const isSame = () => pairs.every(([theirs, mine]) => `${of(mine)}` === `${of(theirs)}`);
    await waitFor(isSame, 'the lines to be the same', 5_000).catch(() => {});
    for (const [theirs, mine] of pairs) expect(of(mine)).toEqual(of(theirs));
  }

  /**
   * The underlay's neighbours and groups are asked for when they are, and a TAP's own lines are others. To a monitor of
   * iproute2 a device has the name for ever that it had at first.
   * To `ip` the state of an entry also says whether anything was done to it since the link was made.
   */
  function comparable(line: string): string {
    if (
      / dev eth0 lladdr | lladdr 01:00:5e|^[^ ]*(Timestamp: .* usec )?(Deleted )?\d+: |^ +link\//.test(line)
    )
      return '';
    return line
      .replace(/ dev vx1 /, ' dev vx0 ')
      .replace(/ used \d+\/\d+/, ' used N/N')
      .replace(/(Deleted .*) (REACHABLE|NOARP) PERMANENT/, '$1 PERMANENT')
      .replace(/^Timestamp: \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d 20\d\d \d+ usec /, 'at a time: ')
      .replace(/^\[20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\] /, 'at a time, in short: ');
  }

  describe('step by step', () => {
    const monitors = [
      'bridge monitor fdb',
      'bridge -s -d monitor all',
      'bridge -t monitor link fdb',
      'ip monitor neigh',
      'ip -ts monitor all neigh',
      'ip -4 monitor neigh',
    ];
    let pairs: Told[][];

    beforeAll(async () => {
      pairs = monitors.map(start);
      await begun(pairs.slice(0, 5).flat());
    });
    afterAll(() => {
      for (const { child } of pairs.flat()) child.kill();
    });

    it.each(
      Object.entries({
        'a link, and what it learns': [
          'ip link add vx0 address 02:00:00:00:00:0a type vxlan id 42 remote 192.0.2.2 dstport 4789 dev eth0 l2miss',
          'ip link set vx0 up',
          'ip address add 10.0.0.1/24 dev vx0',
          'ping -c 1 -W 5 10.0.0.2',
        ],
        'entries by hand': [
          'bridge fdb append 00:00:00:00:00:00 dst 192.0.2.3 dev vx0',
          'bridge fdb add 02:00:00:00:00:01 dev vx0 dst 192.0.2.2 port 8472 vni 7 via eth0 router',
          'bridge fdb add 02:00:00:00:00:02 dev vx0 dst 192.0.2.3 static extern_learn',
          'bridge fdb add 02:00:00:00:00:03 dev vx0 dst 192.0.2.3 dynamic',
          'bridge fdb replace 02:00:00:00:00:02 dev vx0 dst 192.0.2.9 static',
          'bridge fdb del 02:00:00:00:00:02 dev vx0',
        ],
        'an address that is missed': [
          'ip neigh add 10.0.0.7 lladdr 02:00:00:00:00:77 dev vx0',
          'bridge fdb del 00:00:00:00:00:00 dev vx0 dst 192.0.2.3',
          'bridge fdb del 00:00:00:00:00:00 dev vx0',
          'ping -c 1 -W 1 10.0.0.7 || true',
        ],
        'entries that age': ['ip link set vx0 type vxlan ageing 1'],
        'entries of a bridge besides': [
          'ip link add br0 address 02:00:00:00:00:0c type bridge',
          'ip link set br0 up',
          'ip link set vx0 master br0',
          'bridge fdb add 02:00:00:00:00:05 dev vx0 dst 192.0.2.3 self master',
          'bridge fdb add 02:00:00:00:00:06 dev vx0 master static',
          'ip link set vx0 nomaster',
        ],
        'another name': [
          'ip link set vx0 down',
          'ip link set vx0 name vx1',
          'bridge fdb add 02:00:00:00:00:08 dev vx1 dst 192.0.2.3',
        ],
        'a link that is moved away': [
          'ip netns add blue',
          'ip link add vx2 type vxlan id 43 dstport 4789 remote 192.0.2.2 dev eth0',
          'ip link set vx2 netns blue',
          'bridge -n blue fdb add 02:00:00:00:00:09 dev vx2 dst 192.0.2.3',
          'ip netns del blue',
        ],
        'all at once': ['bridge fdb flush dev vx1'],
        'the end of a link': [
          'bridge fdb add 02:00:00:00:00:08 dev vx1 dst 192.0.2.3',
          'ip link del vx1',
          'ip link del br0',
        ],
      }),
    )('%s', async (name, lines) => {
      for (const told of pairs.flat()) told.next();
      // what the peer sends by itself would be learned again, at one side before the other
      if (name === 'entries that age') for (const { peer } of sides) peer.ip('link set vx0 down');
      await step(...lines);
      await same(pairs);
      expect(pairs[0][0].lines.length).toBeGreaterThan(0);
    });
  });

  it.each([
    ['TERM', 143],
    ['KILL', 137],
  ])('they end by SIG%s, with all that belongs to them', async (signal, status) => {
    const pair = start('bridge monitor fdb & echo $!; wait $!; echo $?');
    await begun(pair);
    await Promise.all(pair.map(({ first }, at) => sides[at].machine.run('kill', `-${signal}`, first)));
    // the output is closed when all who had it have ended
    await waitFor(() => pair.every(({ ended }) => ended), 'all to end');
    for (const told of pair) expect(told.lines.at(-1)).toBe(`${status}`);
  });

  it('they end when nobody reads them any more', async () => {
    const pair = start(`bash -c 'bridge monitor fdb | head -1; echo "ended by \${PIPESTATUS[*]}"'`);
    await waitFor(async () => {
      await step(
        'ip link add p0 type vxlan id 1000 remote 192.0.2.99 dstport 4790 dev eth0',
        'ip link del p0',
      );
      return pair.every(({ ended }) => ended);
    }, 'the pipelines to end');
    for (const { lines } of pair)
      expect(lines).toEqual([expect.stringContaining(' 192.0.2.99 '), 'ended by 141 0']);
  });

  it('what the real one says no to, it says no to', async () => {
    const said = await Promise.all(
      ['bridge monitor nope', 'ip monitor dev nope', 'bridge -Q monitor', 'bridge monitor help']
        .map((words) =>
          start(`${words} 2>&1; echo $?`).map(async (told) => {
            await waitFor(() => told.ended, words);
            return told.lines;
          }),
        )
        .map((each) => Promise.all(each)),
    );
    for (const [theirs, mine] of said) expect(mine).toEqual(theirs);
  });
});
