/**
 * One script to two links of the same words: the kernel's, and one of a daemon of ours. What is answered, what the tables
 * hold, what is told and every frame that comes out is the same, or it throws.
 *
 *   ours   [ vx0 ] eth0 ──── eth0 end          frames are put into vx0 and into the cable's end, and caught on both
 *   theirs [ vx0 ] eth0 ──── eth0 end
 */
import { spawnSync } from 'node:child_process';
import { expect } from 'vitest';
import { Daemon } from '../../src/cli/drop-in/daemon.ts';
import { parseFdbAdd, parseFdbDel, parseFdbFlush } from '../../src/cli/fdb-words.ts';
import { UsageError } from '../../src/cli/grammar.ts';
import { parseLinkAdd, parseLinkSet } from '../../src/cli/link-words.ts';
import { parseNeighAdd, parseNeighDel } from '../../src/cli/neigh-words.ts';
import { Client } from '../../src/control/client.ts';
import { ALL_ZERO } from '../../src/control/fdb.ts';
import type { LinkItem, MonitorItem } from '../../src/control/protocol.ts';
import { Refusal } from '../../src/control/refusal.ts';
import { DaemonProcess } from './daemon-process.ts';
import { datagram, datagramsOf, type Left } from './datagrams.ts';
import { inOrder, type Row, rowsOf, SENTENCES } from './fdb-twin.ts';
import type { Host, Lab } from './netns.ts';
import { Probe, type Seen } from './probe.ts';
import { LINK_MAC, NOBODYS_MAC, twinHost } from './twins.ts';
import { waitFor } from './wait-for.ts';

/** Of neither side's tables: who it is for, and from, is known to both while frames are carried. */
const MARK_MAC = '02:00:00:00:00:fe';
const MARK = `${MARK_MAC}${MARK_MAC}88b5${'f1'.repeat(46)}`.replaceAll(':', '');
/** What has the kernel's link and ours be the same where their defaults differ. */
export const AS_THE_KERNEL = 'df unset reserved_bits kernel';

/** Who hears of datagrams, beside the first: no host, so nothing comes back. */
export const REMOTES = ['192.0.2.2', '192.0.2.3', '192.0.2.4'] as const;

export interface Event {
  verb: 'new' | 'del' | 'miss';
  mac?: string;
  dst?: string;
}

export interface Carried {
  /** Out of the link. */
  came: string[];
  /** Onto the cable. */
  left: Left[];
  sourcePorts: number[];
}

export interface Both {
  ours: Carried;
  theirs: Carried;
}

/** A link of one of both makers. `say`: the name of the error, or nothing. */
interface Side {
  readonly host: Host;
  readonly probe: Probe;
  say(line: string): Promise<string>;
  table(): Promise<Row[]>;
  /** Since the link was made. */
  events(): Promise<Event[]>;
}

const WORDS_OF_ERRORS: Record<string, string> = {
  ...SENTENCES,
  'Address already in use': 'EADDRINUSE',
  'Cannot assign requested address': 'EADDRNOTAVAIL',
  'Numerical result out of range': 'ERANGE',
  'A VXLAN device with the specified VNI already exists': 'EEXIST',
};

class Theirs implements Side {
  private heard: Event[] = [];
  readonly host: Host;
  readonly probe: Probe;

  constructor(host: Host, end: Host) {
    this.host = host;
    this.probe = new Probe(host, end);
  }

  async say(line: string): Promise<string> {
    const tool = line.startsWith('fdb') ? 'bridge' : 'ip';
    const words = ['-n', this.host.netns, ...line.split(' ')];
    const { status, stderr } = spawnSync(tool, words, { encoding: 'utf8', timeout: 20_000 });
    if (status === 0) return '';
    const known = Object.entries(WORDS_OF_ERRORS).find(([sentence]) => stderr.includes(sentence));
    return known?.[1] ?? stderr;
  }

  async table(): Promise<Row[]> {
    return rowsOf(await this.host.json('bridge', '-j', 'fdb', 'show', 'dev', 'vx0'));
  }

  async events(): Promise<Event[]> {
    for (const { verb, bridge, mac, dst } of await this.probe.told()) {
      const address = dst?.length === 8 ? [...Buffer.from(dst, 'hex')].join('.') : dst;
      // changes of the neighbours' own table are no matter of the link's
      if (bridge || verb === 'miss') this.heard.push({ verb, mac, dst: address });
    }
    return this.heard.splice(0);
  }
}

class Ours implements Side {
  private heard: Event[] = [];
  /** As it was told. */
  linksGone = 0;
  readonly host: Host;
  readonly probe: Probe;
  readonly process: DaemonProcess;
  private readonly daemon: Daemon;

  constructor(host: Host, end: Host, process: DaemonProcess, client: Client) {
    this.host = host;
    this.probe = new Probe(host, end);
    this.process = process;
    this.daemon = new Daemon(client);
  }

  async say(line: string): Promise<string> {
    try {
      await this.carryOut(line.split(' '));
      return '';
    } catch (error) {
      if (error instanceof Refusal) return error.code;
      if (error instanceof UsageError) return `usage: ${error.message}`;
      throw error;
    }
  }

  /** The words as the command reads them, without a process for each. */
  private async carryOut([object, verb, ...words]: string[]): Promise<void> {
    const { daemon } = this;
    switch (`${object} ${verb}`) {
      case 'link add':
        return void (await daemon.ask('link add', parseLinkAdd(words)));
      case 'link set':
        return void (await daemon.ask('link set', parseLinkSet(words)));
      case 'link del':
        return void (await daemon.ask('link del', { name: words[0] }));
      case 'fdb del':
        return void (await daemon.ask('fdb del', parseFdbDel(words)));
      case 'fdb flush':
        return void (await daemon.ask('fdb flush', parseFdbFlush(words)));
      case 'fdb add':
      case 'fdb append':
      case 'fdb replace':
        return void (await daemon.ask(`fdb ${verb}` as 'fdb add', parseFdbAdd(words)));
      case 'neigh replace':
        return void (await daemon.ask('neigh replace', parseNeighAdd(words)));
      case 'neigh del':
        return void (await daemon.ask('neigh del', parseNeighDel(words)));
      default:
        throw new Error(`the test does not know ${object} ${verb}`);
    }
  }

  link(name = 'vx0'): Promise<LinkItem> {
    return this.daemon.ask('link show', { name, stats: true }).then(([item]) => item);
  }

  async table(): Promise<Row[]> {
    const items = await this.daemon.ask('fdb show', { dev: 'vx0' });
    const rows = items.map(({ mac, dst, port, vni, via, state, flags = [] }) => {
      return { mac, dst, port, vni, via, state: /learned|dynamic/.test(state) ? '' : state, flags };
    });
    return inOrder(rows);
  }

  /** Collects from now on. */
  watch(monitor: Client): void {
    monitor.send('monitor', { what: ['fdb', 'miss', 'link'] });
    const collect = async () => {
      for await (const answer of monitor.answers()) {
        for (const item of 'items' in answer ? (answer.items as MonitorItem[]) : []) this.hear(item);
      }
    };
    void collect();
  }

  private hear(item: MonitorItem): void {
    if (item.event === 'miss') this.heard.push({ verb: 'miss', mac: item.mac, dst: item.ip });
    else if (item.event === 'link' && item.deleted) this.linksGone++;
    else if (item.event === 'fdb') {
      this.heard.push({ verb: item.deleted ? 'del' : 'new', mac: item.entry.mac, dst: item.entry.dst });
    }
  }

  async events(): Promise<Event[]> {
    return this.heard.splice(0);
  }
}

/**
 * Those of one address in their order; a miss has none. The kernel tells again of a default destination that `remote`
 * made when it is appended by hand, though nothing has changed that is shown: that is left out.
 */
function eventsInOrder(events: readonly Event[]): Event[] {
  const key = ({ verb, mac = '', dst }: Event) => (verb === 'miss' ? `miss ${mac} ${dst}` : mac);
  const known = new Set<string>();
  return events
    .filter(({ mac }) => mac !== MARK_MAC)
    .map(({ verb, mac, dst }) => ({ verb, mac, dst }))
    .sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0))
    .filter(({ verb, mac, dst }) => {
      if (mac !== ALL_ZERO || !dst) return true;
      const wasKnown = known.has(dst);
      if (verb === 'new') known.add(dst);
      else known.delete(dst);
      return verb !== 'new' || !wasKnown;
    });
}

export class SideBySide {
  readonly ours: Ours;
  readonly theirs: Side;
  private told = { ours: [] as Event[], theirs: [] as Event[] };
  /** Where the link listens, for the mark. */
  where = { vni: 42, port: 4789 };

  private constructor(ours: Ours, theirs: Side) {
    this.ours = ours;
    this.theirs = theirs;
  }

  static async open(lab: Lab): Promise<SideBySide> {
    const [ourEnd, theirEnd] = [lab.host('end'), lab.host('end')];
    const [own, theirs] = [await twinHost(lab, 'ours', ourEnd), await twinHost(lab, 'theirs', theirEnd)];
    for (const host of [own, theirs]) {
      host.ip(...REMOTES.map((remote) => `neigh replace ${remote} lladdr ${NOBODYS_MAC} dev eth0`));
    }
    const daemon = await DaemonProcess.start(lab, own);
    const ours = new Ours(own, ourEnd, daemon, await Client.connect(daemon.socket));
    ours.watch(await Client.connect(daemon.socket));
    return new SideBySide(ours, new Theirs(theirs, theirEnd));
  }

  /** Both links anew, up. */
  async make(words: string, ourWords = AS_THE_KERNEL): Promise<void> {
    await this.unmake();
    const form = `link add vx0 address ${LINK_MAC} type vxlan id 42 dstport 4789 ${words}`.trim();
    this.where = { vni: 42, port: 4789 };
    expect(await this.theirs.say(form)).toBe('');
    expect(await this.ours.say(`${form} ${ourWords}`.trim())).toBe('');
    await this.say('link set vx0 up');
    await this.sameEvents();
  }

  async unmake(): Promise<void> {
    const { linksGone } = this.ours;
    const were = [await this.ours.say('link del vx0'), await this.theirs.say('link del vx0')];
    if (were[0] === '') await waitFor(() => this.ours.linksGone > linksGone, 'the link to have gone');
    // what a link that goes tells is a matter of its own: what was told until now is forgotten
    await this.ours.events();
    await this.theirs.events();
    this.told = { ours: [], theirs: [] };
  }

  /** The same to both, and the same answer. */
  async say(line: string): Promise<string> {
    const answer = await this.theirs.say(line);
    expect([line, await this.ours.say(line)]).toEqual([line, answer]);
    return answer;
  }

  /** Frames into both links: what left is the same. */
  out(...frames: string[]): Promise<Carried> {
    return this.carry('vx0', frames, MARK);
  }

  /** Frames into the far ends of both cables: what came out of the links is the same. */
  in(...packets: string[]): Promise<Carried> {
    return this.carry('eth0', packets, datagram(MARK, this.where));
  }

  /** The same where they are to differ. */
  outBoth(...frames: string[]): Promise<Both> {
    return this.carryBoth('vx0', frames, MARK);
  }

  inBoth(...packets: string[]): Promise<Both> {
    return this.carryBoth('eth0', packets, datagram(MARK, this.where));
  }

  private async carryBoth(into: keyof Seen, frames: readonly string[], mark: string): Promise<Both> {
    const theirs = await carriedBy(this.theirs, into, frames, mark);
    return { ours: await carriedBy(this.ours, into, frames, mark), theirs };
  }

  private async carry(into: keyof Seen, frames: readonly string[], mark: string): Promise<Carried> {
    const { ours, theirs } = await this.carryBoth(into, frames, mark);
    const { sourcePorts: _, ...same } = theirs;
    const { sourcePorts, ...rest } = ours;
    expect(rest).toEqual(same);
    for (const port of sourcePorts) expect(port).toBeGreaterThanOrEqual(49_152);
    return ours;
  }

  async sameTable(): Promise<Row[]> {
    const table = await this.theirs.table();
    expect(await this.ours.table()).toEqual(table);
    return table;
  }

  /** What was told since the links were made; ours has a moment to come. */
  async sameEvents(): Promise<Event[]> {
    const { told } = this;
    const hear = async () => {
      told.theirs.push(...(await this.theirs.events()));
      told.ours.push(...(await this.ours.events()));
      return JSON.stringify(eventsInOrder(told.ours)) === JSON.stringify(eventsInOrder(told.theirs));
    };
    await waitFor(hear, 'the same events', 3_000).catch(() => {});
    expect(eventsInOrder(told.ours)).toEqual(eventsInOrder(told.theirs));
    return eventsInOrder(told.theirs);
  }
}

async function carriedBy(
  side: Side,
  into: keyof Seen,
  frames: readonly string[],
  mark: string,
): Promise<Carried> {
  const refusal = await side.say(`fdb add ${MARK_MAC} dev vx0 dst ${REMOTES[0]} static`);
  if (refusal !== '') throw new Error(`the mark has no entry: ${refusal}`);
  try {
    const { vx0, eth0 } = await side.probe.carry(into, frames, mark);
    return { came: vx0, ...datagramsOf(eth0) };
  } finally {
    await side.say(`fdb del ${MARK_MAC} dev vx0`);
  }
}
