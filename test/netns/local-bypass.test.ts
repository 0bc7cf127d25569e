/**
 * What is for this host itself. With `localbypass`, as the kernel has it unless said, a frame whose destination is another
 * link comes out of that link, as if from the loopback; without it, it goes through the loopback, and may be for a program.
 *
 *   ours   [ vx0 ] ──▶ 192.0.2.1 or 2001:db8::1 ──▶ [ vx1: VNI 43 ] [ vx2: port 4790 ] [ program: port 4791 ]
 *   theirs [ vx0 ] ──▶ the same                 ──▶ [ vx1 ] [ vx2 ] [ program ]
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Capture } from '../support/capture.ts';
import { DaemonProcess } from '../support/daemon-process.ts';
import { inOrder, type Row, rowsOf } from '../support/fdb-twin.ts';
import { sayAttribute } from '../support/kernel-attribute.ts';
import { type Host, Lab } from '../support/netns.ts';
import { AS_THE_KERNEL, SideBySide } from '../support/side-by-side.ts';
import { transfer } from '../support/transfer.ts';
import { ADDRESSES, inject, twinHost } from '../support/twins.ts';
import { waitFor } from '../support/wait-for.ts';

const LINKS = { vx0: 'id 42 dstport 4789', vx1: 'id 43 dstport 4789', vx2: 'id 42 dstport 4790' };
const NAMES = Object.keys(LINKS) as (keyof typeof LINKS)[];
const ALL_ZERO = '00:00:00:00:00:00';
const AT_VX1 = '02:00:00:00:00:a1';
const AT_VX2 = '02:00:00:00:00:a2';
const BROADCAST = 'ff:ff:ff:ff:ff:ff';

/** From the host of this number: one of IPv4 that may be marked with congestion, one that is not even IP. */
function frames(to: string, from: number): string[] {
  const ends = `${to}02:00:00:00:01:0${from}`.replaceAll(':', '');
  const packet = `450100200000000040110000${'0a000001'}${'0a000002'}${'00090009000c0000'}01020304`;
  return [`${ends}88b5`.padEnd(120, 'a5'), `${ends}0800${packet}`.padEnd(120, '0')];
}

/** The port and payload of datagrams at the loopback, frames that came out, who is known where, and what is counted. */
interface Come {
  loopback: string[];
  came: Record<string, string[]>;
  learned: Record<string, Row[]>;
  counted: Record<string, [rx: number, tx: number]>;
}

interface Shown {
  stats64: { rx: { packets: number }; tx: { packets: number } };
}

/** Frames in the order in which they passed, in hex. */
function passed(capture: Capture): string[] {
  const bytes = Buffer.from(capture.bytes(), 'hex');
  const frames: string[] = [];
  for (let at = 24; at + 16 <= bytes.length; ) {
    const end = at + 16 + bytes.readUInt32LE(at + 8);
    if (end <= bytes.length) frames.push(bytes.toString('hex', at + 16, end));
    at = end;
  }
  return frames;
}

abstract class Side {
  readonly host: Host;
  private readonly address: string;

  constructor(host: Host, address: string) {
    this.host = host;
    this.address = address;
  }

  abstract say(line: string): Promise<unknown>;
  abstract bypass(isOn: boolean): Promise<unknown>;
  abstract show(words: string): Promise<unknown>;

  async make(): Promise<void> {
    const { address } = this;
    for (const [i, name] of NAMES.entries()) {
      await this.say(
        `link add ${name} address 02:00:00:00:00:0${i + 1} type vxlan ${LINKS[name]} local ${address}`,
      );
      await this.say(`link set ${name} up`);
    }
    for (const where of [
      `${ALL_ZERO} dev vx0 dst ${address} vni 43`,
      `${ALL_ZERO} dev vx0 dst ${address} port 4790`,
    ])
      await this.say(`fdb append ${where}`);
    await this.say(`fdb add ${AT_VX1} dev vx0 dst ${address} vni 43`);
    await this.say(`fdb add ${AT_VX2} dev vx0 dst ${address} port 4790`);
  }

  /** What comes of frames into vx0; `until` so many have come out of both other links. */
  async come(sent: readonly string[], until: number): Promise<Come> {
    const captures = await Promise.all(['vx1', 'vx2', 'lo'].map((dev) => Capture.start(this.host, dev)));
    const before = await this.counts();
    await inject(this.host, 'vx0', sent);
    const [vx1, vx2, lo] = captures;
    await waitFor(() => passed(vx1).length + passed(vx2).length >= until, 'all to come out');
    await Promise.all(captures.map((capture) => capture.stop()));
    const counts = await this.counts();
    const udp = 2 * (14 + (this.address.includes(':') ? 40 : 20));
    return {
      loopback: passed(lo)
        .map((frame) => `${Number.parseInt(frame.slice(udp + 4, udp + 8), 16)} ${frame.slice(udp + 16)}`)
        .sort(),
      came: { vx1: passed(vx1).sort(), vx2: passed(vx2).sort() },
      learned: {
        vx0: await this.learned('vx0'),
        vx1: await this.learned('vx1'),
        vx2: await this.learned('vx2'),
      },
      counted: Object.fromEntries(
        NAMES.map((name) => [name, [0, 1].map((i) => counts[name][i] - before[name][i]) as [number, number]]),
      ),
    };
  }

  private async learned(dev: string): Promise<Row[]> {
    const rows = rowsOf((await this.show(`fdb show dev ${dev}`)) as never);
    return inOrder(rows.filter(({ mac }) => mac.startsWith('02:00:00:00:01')));
  }

  protected async counts(): Promise<Record<string, [number, number]>> {
    const row = async (name: string): Promise<[string, [number, number]]> => {
      const [{ stats64 }] = (await this.show(`-s link show ${name}`)) as Shown[];
      return [name, [stats64.rx.packets, stats64.tx.packets]];
    };
    return Object.fromEntries(await Promise.all(NAMES.map(row)));
  }
}

class Ours extends Side {
  readonly daemon: DaemonProcess;

  constructor(host: Host, address: string, daemon: DaemonProcess) {
    super(host, address);
    this.daemon = daemon;
  }

  say(line: string): Promise<string> {
    return this.daemon.verb(line.startsWith('link add') ? `${line} ${AS_THE_KERNEL}` : line);
  }

  /** Whether vx1 counts a frame for it, or does not. */
  async hears(mac: string, isHeard: boolean): Promise<boolean> {
    const { vx1 } = await this.counts();
    await inject(this.host, 'vx0', frames(mac, 1));
    return (await this.counts()).vx1[0] > vx1[0] === isHeard;
  }

  bypass(isOn: boolean): Promise<string> {
    return this.say(`link set vx0 type vxlan ${isOn ? '' : 'no'}localbypass`);
  }

  show(words: string): Promise<unknown> {
    return this.daemon.json(words);
  }
}

class Theirs extends Side {
  async say(line: string): Promise<void> {
    if (line.startsWith('fdb')) await this.host.run('bridge', ...line.split(' '));
    else this.host.ip(line);
  }

  bypass(isOn: boolean): Promise<void> {
    return sayAttribute(this.host, 'LOCALBYPASS', isOn ? '01' : '00');
  }

  show(words: string): Promise<unknown> {
    const tool = words.startsWith('fdb') ? 'bridge' : 'ip';
    return this.host.json(tool, '-j', ...words.split(' '));
  }
}

const CASES = [
  { family: 'IPv4', workers: 1 },
  { family: 'IPv6', workers: 2 },
] as const;

describe.each(CASES)('another link of this host, over $family, $workers workers', ({ family, workers }) => {
  const [address] = ADDRESSES[family];
  const lab = new Lab();
  let ours: Ours;
  let theirs: Theirs;
  beforeAll(async () => {
    const [own, other] = [
      await twinHost(lab, 'ours', lab.host('end')),
      await twinHost(lab, 'theirs', lab.host('end')),
    ];
    ours = new Ours(own, address, await DaemonProcess.start(lab, own, '--workers', `${workers}`));
    theirs = new Theirs(other, address);
    for (const side of [ours, theirs]) await side.make();
  });
  afterAll(() => lab.close());

  /** The same comes of it with both; but the kernel counts a copy for each destination, and we the frame. */
  const both = async (sent: readonly string[], until: number) => {
    const [one, two] = [await theirs.come(sent, until), await ours.come(sent, until)];
    expect([one.counted.vx0[1], two.counted.vx0[1]]).toEqual([until, sent.length]);
    expect({ ...two, counted: { ...two.counted, vx0: one.counted.vx0 } }).toEqual(one);
    return two;
  };

  it('has at once what is for it', async () => {
    const sent = [...frames(AT_VX1, 1), ...frames(AT_VX2, 2), ...frames(BROADCAST, 3)];
    const { loopback, came, learned, counted } = await both(sent, 8);
    expect(loopback).toEqual([]);
    expect(came.vx1).toEqual([...frames(AT_VX1, 1), ...frames(BROADCAST, 3)].sort());
    expect(learned.vx1.map(({ dst }) => dst)).toEqual(
      Array(2).fill(address.includes(':') ? '::1' : '127.0.0.1'),
    );
    expect(counted.vx1).toEqual([4, 0]);
  });

  it('has it through the loopback with nolocalbypass', async () => {
    for (const side of [ours, theirs]) await side.bypass(false);
    const sent = [...frames(AT_VX1, 1), ...frames(AT_VX2, 4), ...frames(BROADCAST, 5)];
    const { loopback, learned } = await both(sent, 8);
    expect(loopback.length).toBe(8);
    // number 1 has moved, as the kernel would have it
    expect(learned.vx1.find(({ mac }) => mac.endsWith('01'))?.dst).toBe(address);
    for (const side of [ours, theirs]) await side.bypass(true);
    expect((await both(frames(AT_VX1, 1), 2)).loopback).toEqual([]);
  });

  it('learns of it as the kernel does: not where a source is known to be elsewhere, nor from a group', async () => {
    for (const side of [ours, theirs])
      await side.say(`fdb add 02:00:00:00:01:06 dev vx1 dst ${address} static`);
    const group = frames(AT_VX1, 7).map((frame) => `${frame.slice(0, 12)}03${frame.slice(14)}`);
    await both([...frames(AT_VX1, 6), ...group], 4);
    for (const side of [ours, theirs]) await side.say('link set vx1 type vxlan nolearning');
    const { learned } = await both(frames(AT_VX1, 8), 2);
    expect(learned.vx1.some(({ mac }) => mac.endsWith('08'))).toBe(false);
  });

  it('sends nothing back: A leads to B, and B to A', async () => {
    for (const side of [ours, theirs]) await side.say(`fdb add ${AT_VX1} dev vx1 dst ${address} vni 42`);
    const { counted } = await both(frames(AT_VX1, 1), 2);
    expect(counted).toEqual({ vx0: [0, 2], vx1: [2, 0], vx2: [0, 0] });
  });

  it('is there as long as the address is', async () => {
    const [length, words] = address.includes(':') ? [64, ' nodad'] : [24, ''];
    ours.host.ip(`address del ${address}/${length} dev eth0`);
    await waitFor(() => ours.hears(AT_VX1, false), 'the address to be gone');
    ours.host.ip(`address add ${address}/${length} dev eth0${words}`);
    await waitFor(() => ours.hears(AT_VX1, true), 'the address to be known');
    expect((await both(frames(AT_VX1, 1), 2)).loopback).toEqual([]);
  });
});

const SIZE = 16 << 20;

describe.each([
  ['auto', 'whole'],
  ['nolro', 'in frames, as nobody there may take longer ones'],
])('superframes, with --offload %s', (offload, how) => {
  const lab = new Lab();
  let a: Host;
  let daemon: DaemonProcess;
  beforeAll(async () => {
    a = lab.host('a');
    daemon = await DaemonProcess.start(lab, a, '--workers', '2', '--offload', offload);
    a.ip('address add 192.0.2.1/32 dev lo');
  });
  afterAll(() => lab.close());

  /** Two links of the daemon, each moved to a host of its own, that lead to each other. */
  it.each([4, 6])(`come out ${how}, of IPv%s`, async (family) => {
    const net = family === 4 ? '10.0.0' : 'fd00::';
    const address = (i: number) => (family === 4 ? `${net}.${i}` : `${net}${i}`);
    const hosts = [1, 2].map((i) => {
      const host = lab.host(`behind${i}`);
      return { host, dev: `v${family}${i}`, vni: 100 * family + i, address: address(i) };
    });
    for (const [i, { host, dev, vni, address: own }] of hosts.entries()) {
      await daemon.verb(`link add ${dev} type vxlan id ${vni} local 192.0.2.1 nolearning`);
      await daemon.verb(`fdb append ${ALL_ZERO} dev ${dev} dst 192.0.2.1 vni ${hosts[1 - i].vni}`);
      a.ip(`link set ${dev} netns ${host.netns}`);
      host.ip(
        `address add ${own}/${family === 4 ? 24 : 64} dev ${dev} nodad`.replace(
          family === 4 ? ' nodad' : '',
          '',
        ),
      );
      host.ip(`link set ${dev} up`);
    }
    const [one, two] = hosts;
    for (const [from, to] of [
      [one, two],
      [two, one],
    ]) {
      const [sent, received] = await transfer({
        from: from.host,
        to: to.host,
        address: to.address,
        port: 5001,
        protocol: 'tcp',
        size: SIZE,
      });
      expect(received).toBe(sent);
    }
    const [{ stats64 }] = await two.host.json<Shown[]>('ip', '-j', '-s', 'link', 'show', two.dev);
    if (offload === 'auto') expect(stats64.rx.packets).toBeLessThan(SIZE / 1450 / 2);
    else expect(stats64.rx.packets).toBeGreaterThan(SIZE / 1450);
  });
});

/**
 * Two links that lead to each other, and are in one bridge: what goes round there never ends, as with the kernel's.
 *
 *   br0 ── [ va: VNI 1 ] ⇄ [ vb: VNI 2 ] ── br0       [ vc ] a ──── b [ the kernel's ]
 */
describe.each([1, 2])('a loop, of %s workers', (workers) => {
  const lab = new Lab();
  afterAll(() => lab.close());

  it('holds nobody else up', async () => {
    const [a, b] = [lab.host('a'), lab.host('b')];
    lab.cable(a, ['192.0.2.1/24'], b, ['192.0.2.2/24']);
    const daemon = await DaemonProcess.start(lab, a, '--workers', `${workers}`);
    a.ip('link add br0 type bridge mcast_snooping 0', 'link set br0 up');
    for (const [name, vni] of [
      ['va', 1],
      ['vb', 2],
    ] as const) {
      await daemon.verb(`link add ${name} type vxlan id ${vni} local 192.0.2.1`);
      await daemon.verb(`fdb append ${ALL_ZERO} dev ${name} dst 192.0.2.1 vni ${3 - vni}`);
      a.ip(`link set ${name} master br0 up`);
    }
    await daemon.verb('link add vc type vxlan id 3 local 192.0.2.1 remote 192.0.2.2');
    a.ip('address add 10.0.0.1/24 dev vc', 'link set vc up');
    b.ip('link add vc type vxlan id 3 dstport 4789 remote 192.0.2.1', 'address add 10.0.0.2/24 dev vc');
    b.ip('link set vc up');
    const carried = async () => {
      const [{ stats64 }] = await daemon.json<Shown[]>('-s link show va');
      return stats64.rx.packets;
    };
    await inject(a, 'br0', frames(BROADCAST, 1));
    await waitFor(async () => (await carried()) > 10_000, 'frames to go round');
    await waitFor(async () => (await b.ping('10.0.0.1', '-c', '1')) === 1, 'the other link to be served');
    a.ip('link set vb nomaster');
    let before = -1;
    await waitFor(async () => {
      const last = before;
      before = await carried();
      return before === last;
    }, 'the loop to end');
  });
});

/** Python: prints the datagrams that come to port 4791, in hex. */
const LISTEN = `
import socket
heard = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
heard.bind(("192.0.2.1", 4791))
while True: print(heard.recv(65535).hex(), flush=True)
`;

describe('a program of this host', () => {
  const lab = new Lab();
  let twins: SideBySide;
  beforeAll(async () => {
    twins = await SideBySide.open(lab);
  });
  afterAll(() => lab.close());

  const MAC = '02:00:00:00:00:a1';
  const TOLD = ['a', 'b', 'c', 'd'];
  /** Each tells which it is. */
  const frame = (name: string) =>
    `${MAC}02:00:00:00:00:a2:88:b5`.replaceAll(':', '') + Buffer.from(name.repeat(46)).toString('hex');
  const datagram = (name: string) => `0800000000002a00${frame(name)}`;

  /** Who hears what. */
  function listen(host: Host): string[] {
    const heard: string[] = [];
    const child = host.spawn('python3', '-c', LISTEN);
    let text = '';
    child.stdout?.on('data', (chunk) => {
      text += chunk;
      const lines = text.split('\n');
      text = lines.pop() as string;
      heard.push(...lines);
    });
    return heard;
  }

  it('has what no link is there for: with us in any case, with the kernel without localbypass', async () => {
    await twins.make('local 192.0.2.1');
    const [ours, theirs] = [listen(twins.ours.host), listen(twins.theirs.host)];
    for (const { host } of [twins.ours, twins.theirs])
      await waitFor(() => host.run('ss', '-Huln', 'sport = :4791'), 'somebody to listen');
    await twins.say(`fdb add ${MAC} dev vx0 dst 192.0.2.1 port 4791`);
    for (const [i, name] of TOLD.entries()) {
      const isOn = i % 2 === 0;
      expect(await twins.ours.say(`link set vx0 type vxlan ${isOn ? '' : 'no'}localbypass`)).toBe('');
      await sayAttribute(twins.theirs.host, 'LOCALBYPASS', isOn ? '01' : '00');
      await twins.outBoth(frame(name));
    }
    await waitFor(() => ours.length >= TOLD.length, 'all of ours');
    expect(ours).toEqual(TOLD.map(datagram));
    await waitFor(() => theirs.includes(datagram('d')), 'the last of theirs');
    expect(theirs).toEqual(['b', 'd'].map(datagram));
  });
});
