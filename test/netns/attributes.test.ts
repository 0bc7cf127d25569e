/**
 * Each attribute of `ip link add ... type vxlan`, said of a kernel link and of ours when they are made and as they run, and
 * where ours is otherwise (`test/support/differences.ts`): each of those differences occurs, and no other.
 *
 *   ours [ vx0 ] eth0 ──── end        theirs [ vx0 ] eth0 ──── end
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linkWords } from '../../src/cli/print-link.ts';
import { Capture } from '../support/capture.ts';
import { datagram } from '../support/datagrams.ts';
import { ATTRIBUTES, type Attribute, LINK_DIFFERENCES } from '../support/differences.ts';
import { sayAttribute } from '../support/kernel-attribute.ts';
import { type Host, Lab } from '../support/netns.ts';
import { AS_THE_KERNEL, REMOTES, SideBySide } from '../support/side-by-side.ts';
import { waitFor } from '../support/wait-for.ts';

const lab = new Lab();
let twins: SideBySide;
beforeAll(async () => {
  twins = await SideBySide.open(lab);
  for (const { host } of [twins.ours, twins.theirs]) host.ip('address add 192.0.2.11/24 dev eth0');
});
afterAll(() => lab.close());

/** What iproute2 says of the kernel's. */
async function theirWords(): Promise<string> {
  const text = await twins.theirs.host.run('ip', '-d', '-o', 'link', 'show', 'vx0');
  return /vxlan (.*?) addrgenmode/.exec(text)?.[1] as string;
}

async function ourWords(): Promise<string> {
  return linkWords(await twins.ours.link())
    .replace(' df unset', '')
    .replace(' reserved_bits kernel', '');
}

const BASE = 'id 42 dstport 4789 remote 192.0.2.2';
/** The words of a link that has these too; of one kind there is one. */
function words(of: string): string {
  const kinds = { id: 'id 42', dstport: 'dstport 4789', remote: 'remote 192.0.2.2' };
  const rest = Object.entries(kinds).filter(([kind]) => !of.startsWith(kind));
  const isOtherRemote = /^group|2001/.test(of);
  return [...rest.filter(([kind]) => kind !== 'remote' || !isOtherRemote).map(([, word]) => word), of].join(
    ' ',
  );
}
const make = (of: string) => `link add vx0 type vxlan ${of}`;

const all = Object.entries(ATTRIBUTES).map(([name, attribute]) => ({ name, ...attribute }));
const both = all.filter(({ made, becomes }) => made && becomes) as (Attribute & {
  name: string;
  made: string;
  becomes: string;
})[];

describe.each(both)('$name', ({ made, becomes, kernelChanges = false }) => {
  beforeAll(() => twins.unmake());

  it(`${made} is the same`, async () => {
    expect(await twins.theirs.say(make(words(made)))).toBe('');
    expect(
      await twins.ours.say(
        `${make(words(made))} ${AS_THE_KERNEL.replace(/df unset /, made.startsWith('df') ? '' : 'df unset ')}`,
      ),
    ).toBe('');
    expect(await ourWords()).toBe(await theirWords());
  });

  it(`${becomes} as it runs: ${kernelChanges ? 'the same' : 'the kernel refuses'}`, async () => {
    const line = `link set vx0 type vxlan ${becomes}`;
    expect((await twins.theirs.say(line)) === '').toBe(kernelChanges);
    expect(await twins.ours.say(line)).toBe('');
    if (!kernelChanges) {
      // then one that was made so is the judge
      await twins.theirs.say('link del vx0');
      expect(await twins.theirs.say(make(words(becomes)))).toBe('');
    }
    expect(await ourWords()).toBe(await theirWords());
  });
});

const REFUSED = all.filter(({ beside }) => beside === 'refused');
it.each(REFUSED)('$name is refused in a sentence, made and as it runs', async ({ made, becomes }) => {
  await twins.unmake();
  if (made) {
    const theirs =
      made === 'external'
        ? 'dstport 4789 external'
        : made === 'gpe'
          ? 'dstport 4789 external gpe'
          : `${BASE} ${made}`;
    expect(await twins.theirs.say(make(theirs))).toBe('');
    expect(await twins.ours.say(make(`${BASE} ${made}`))).toMatch(/refused|exclude/);
  }
  expect(await twins.ours.say(make(BASE))).toBe('');
  expect(await twins.ours.say(`link set vx0 type vxlan ${becomes ?? made}`)).not.toBe('');
});

it.each(all.filter(({ only }) => only))('$name is understood', async ({ only }) => {
  await twins.unmake();
  expect(await twins.ours.say(make(`${BASE} ${only}`))).toBe('');
  expect(await twins.ours.say(`link set vx0 type vxlan ageing 100 ${only}`)).toBe('');
});

const frame = (to: string, from: string) => `${to}${from}88b5`.padEnd(120, 'a5');
const [FIRST, SECOND] = REMOTES;
const ALL = 'ffffffffffff';
const MAC = '0200000000a1';

/** What 64 flows leave by. */
async function fromPorts(range: string): Promise<{ ours: number[]; theirs: number[] }> {
  await twins.make(`local 192.0.2.1 remote ${FIRST} srcport ${range}`);
  // UDP from as many ports: to the kernel, all that is no IP is one flow
  const flows = Array.from({ length: 64 }, (_, i) => {
    const port = (1000 + i).toString(16).padStart(4, '0');
    return `${ALL}${MAC}08004500001c00000000401100000a0000010a000002${port}000900080000`.padEnd(120, '0');
  });
  const { ours, theirs } = await twins.outBoth(...flows);
  return { ours: ours.sourcePorts, theirs: theirs.sourcePorts };
}

const HOLD_PORT = `
import signal, socket
held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
held.bind(("", 4799))
signal.pause()
`;

const AT_A2 = '0200000000a2';

/** A frame into vx0 for an address that is at this host: how many come out of `device`, as both makers count them. */
async function toThisHost(
  words: string,
  where: string,
  device: string | undefined,
): Promise<[ours: number, theirs: number]> {
  await twins.make('local 192.0.2.1', `${AS_THE_KERNEL} ${words}`.trim());
  if (words) await sayAttribute(twins.theirs.host, 'LOCALBYPASS', '00');
  await twins.say(`fdb add 02:00:00:00:00:a2 dev vx0 dst 192.0.2.1 ${where}`);
  await twins.outBoth(frame(AT_A2, MAC));
  if (!device) return [0, 0];
  const counters = async () => (await twins.ours.link(device)).counters ?? {};
  await waitFor(async () => (await counters())['own-datagram'], 'the frame to be dropped');
  const { rxFrames } = await counters();
  const theirs = await twins.theirs.host.run('cat', `/sys/class/net/${device}/statistics/rx_packets`);
  if (device !== 'vx0') await twins.say(`link del ${device}`);
  return [rxFrames, Number(theirs)];
}

/** What each side does; it differs. */
const SHOWN: Record<keyof typeof LINK_DIFFERENCES, () => Promise<[ours: unknown, theirs: unknown]>> = {
  async port() {
    await twins.unmake();
    for (const side of [twins.ours, twins.theirs])
      await side.say('link add vx0 type vxlan id 42 remote 192.0.2.2');
    return [/dstport \d+/.exec(await ourWords())?.[0], /dstport \d+/.exec(await theirWords())?.[0]];
  },
  async dontFragment() {
    await twins.make(`local 192.0.2.1 remote ${FIRST}`, 'reserved_bits kernel');
    const { ours, theirs } = await twins.outBoth(frame(ALL, MAC));
    return [ours.left[0].outer[2], theirs.left[0].outer[2]];
  },
  async reservedBits() {
    await twins.make('local 192.0.2.1', 'df unset');
    const { ours, theirs } = await twins.inBoth(datagram(frame(ALL, MAC), { flags: 0x0c00_0000 }));
    return [ours.came.length, theirs.came.length];
  },
  async mtu() {
    await twins.make(`remote ${FIRST}`);
    return [
      (await twins.ours.link()).mtu,
      Number(await twins.theirs.host.run('cat', '/sys/class/net/vx0/mtu')),
    ];
  },
  async largerMtu() {
    await twins.make(`remote ${FIRST} dev eth0`);
    const set = async ({ host }: { host: Host }) =>
      host.run('ip', 'link', 'set', 'vx0', 'mtu', '1451').catch(({ stderr }) => stderr);
    return [await set(twins.ours), await set(twins.theirs)];
  },
  async deviceGone() {
    await twins.unmake();
    const said: string[] = [];
    for (const side of [twins.ours, twins.theirs]) {
      const cable = 'link add eth9 type veth peer name end9';
      side.host.ip(cable);
      expect(await side.say('link add vx0 type vxlan id 42 dstport 4789 dev eth9')).toBe('');
      side.host.ip('link del eth9', cable);
      said.push(await side.say('link set vx0 type vxlan dev eth9'));
      side.host.ip('link del eth9');
    }
    return [said[0], said[1]];
  },
  async occupiedPort() {
    await twins.unmake();
    const said: string[][] = [];
    for (const side of [twins.ours, twins.theirs]) {
      const holder = side.host.spawn('python3', '-c', HOLD_PORT);
      await waitFor(() => side.host.run('ss', '-Huln', 'sport = :4799'), 'the port to be taken');
      const add = await side.say('link add vx0 type vxlan id 42 dstport 4799');
      said.push(add === '' ? [add, await side.say('link set vx0 up')] : [add]);
      holder.kill();
      await waitFor(
        async () => !(await side.host.run('ss', '-Huln', 'sport = :4799')),
        'the port to be free',
      );
    }
    return [said[0], said[1]];
  },
  async vniOfLink() {
    await twins.make('remote 192.0.2.2');
    await twins.say('link add vx1 type vxlan external vnifilter dstport 4789');
    const { ours, theirs } = twins;
    const refused = (error: Error) => /\((E[A-Z]+)\)/.exec(error.message)?.[1];
    const said = await ours.process.verb('vni add dev vx1 vni 42').catch(refused);
    await theirs.host.run('bridge', 'vni', 'add', 'dev', 'vx1', 'vni', '42');
    const up = await theirs.say('link set vx1 up');
    for (const side of [ours, theirs]) await side.say('link del vx1');
    return [said, up];
  },
  async trunkEntries() {
    await twins.unmake();
    const { ours, theirs } = twins;
    for (const side of [ours, theirs]) {
      expect(await side.say('link add vx0 type vxlan external vnifilter dstport 4789')).toBe('');
      expect(await side.say('link set vx0 up')).toBe('');
    }
    await theirs.host.run('bridge', 'vni', 'add', 'dev', 'vx0', 'vni', '42');
    await ours.process.verb('vni add dev vx0 vni 42');
    const entry = 'fdb add 02:00:00:00:00:a1 dev vx0 src_vni 42 dst 2001:db8::2';
    return [await ours.say(entry), await theirs.say(entry)];
  },
  ownLink: () => toThisHost('', 'vni 42', 'vx0'),
  async ownGroup() {
    await twins.say('link add vx1 type vxlan id 43 dstport 4789 group 239.1.1.1 dev eth0 local 192.0.2.1');
    await twins.say('link set vx1 up');
    return toThisHost('nolocalbypass', 'vni 43', 'vx1');
  },
  async nobodyHere() {
    const loopback = await Promise.all(
      [twins.ours, twins.theirs].map(({ host }) => Capture.start(host, 'lo')),
    );
    await toThisHost('', 'vni 99', undefined);
    await waitFor(() => loopback[0].bytes().includes(`${AT_A2}${MAC}`), 'ours at the loopback');
    return [1, loopback[1].bytes().includes(AT_A2) ? 1 : 0];
  },
  async sticky() {
    await twins.make('local 192.0.2.1');
    await twins.say(`fdb add 02:00:00:00:00:a1 dev vx0 dst ${FIRST} dynamic sticky`);
    await twins.in(datagram(frame(ALL, MAC), { from: SECOND }));
    return [(await twins.ours.table())[0].dst, (await twins.theirs.table())[0].dst];
  },
  async groupSource() {
    await twins.make('local 192.0.2.1 nolearning');
    const packets = ['01005e000001', '000000000000'].map((mac) => datagram(frame(ALL, mac)));
    const { ours, theirs } = await twins.inBoth(...packets);
    return [ours.came.length, theirs.came.length];
  },
  async lastSourcePort() {
    const { ours, theirs } = await fromPorts('50000 50001');
    return [Math.max(...ours), Math.max(...theirs)];
  },
  async oneSourcePort() {
    const { ours, theirs } = await fromPorts('700 700');
    return [Math.max(...ours), Math.max(...theirs) > 700];
  },
  async zeroSourcePort() {
    const { ours, theirs } = await fromPorts('0 2');
    return [Math.min(...ours), Math.min(...theirs)];
  },
};

const EXPECTED: Record<keyof typeof LINK_DIFFERENCES, [ours: unknown, theirs: unknown]> = {
  port: ['dstport 4789', 'dstport 8472'],
  dontFragment: [true, false],
  reservedBits: [1, 0],
  mtu: [1450, 1500],
  largerMtu: ['', expect.stringContaining('Invalid argument')],
  deviceGone: ['', expect.stringContaining('Cannot find device "vx0"')],
  occupiedPort: [['EADDRINUSE'], ['', 'EADDRINUSE']],
  vniOfLink: ['EEXIST', 'EADDRINUSE'],
  trunkEntries: ['', 'EAFNOSUPPORT'],
  ownLink: [0, 1],
  ownGroup: [0, 1],
  nobodyHere: [1, 0],
  sticky: [FIRST, SECOND],
  groupSource: [0, 2],
  lastSourcePort: [50_001, 50_000],
  oneSourcePort: [700, true],
  zeroSourcePort: [1, 0],
};

describe('where the same words do something else', () => {
  it.each(Object.keys(LINK_DIFFERENCES) as (keyof typeof LINK_DIFFERENCES)[])('%s', async (name) => {
    expect(await SHOWN[name]()).toEqual(EXPECTED[name]);
  });
});
