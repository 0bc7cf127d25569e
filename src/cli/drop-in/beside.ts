/**
 * Beside a real `bridge monitor` or `ip monitor` (PID TOOL WORDS...): what happens to entries of our links, in the
 * words of that tool, written between its lines to the same output. Our input ends when the real one has; whose output
 * nobody reads any more, ours or its, that one is gone as well.
 */

import { mkdirSync, watch, writeSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { FdbNews, LinkItem, MonitorItem, VniArgs } from '../../control/protocol.ts';
import { socketPath } from '../../control/socket-path.ts';
import { fdbText } from '../print-fdb.ts';
import { type CommandLine, showOf, type Tool, takeApart } from './command-line.ts';
import { Daemon } from './daemon.ts';
import { asMade, isMade } from './made.ts';
import { type Asked, asked } from './monitored.ts';

class Beside {
  private readonly line: CommandLine;
  private readonly asked: Asked;
  private readonly say: (text: string) => void;
  private readonly links = new Map<string, LinkItem>();
  /** Of trunks, as they were at first. */
  private vnis: readonly VniArgs[] = [];
  /** Entries that were there before we watched: what is told of them once more is no news. */
  private readonly known = new Set<string>();

  constructor(line: CommandLine, what: Asked, say: (text: string) => void) {
    this.line = line;
    this.asked = what;
    this.say = say;
  }

  /** Until the daemon ends. All that one has which came after us is news. */
  async follow(daemon: Daemon, isNew: boolean): Promise<void> {
    const events = daemon.watch(['link', 'fdb', 'miss']);
    await events.next(); // from here on nothing is missed
    await this.catchUp(isNew);
    for await (const items of events) for (const item of items) this.tell(item);
    this.links.clear();
    this.known.clear();
  }

  private async catchUp(isNew: boolean): Promise<void> {
    const daemon = await Daemon.find(this.line.netns);
    const entries = isNew ? await daemon?.ask('fdb show', {}) : [];
    for (const link of (await daemon?.ask('link show', {})) ?? []) this.links.set(link.name, link);
    this.vnis = (await daemon?.ask('vni show', {})) ?? [];
    daemon?.close();
    for (const entry of entries ?? []) {
      this.known.add(JSON.stringify([entry.dev, entry.mac, entry.dst]));
      this.tellEntry(entry, false);
    }
  }

  private tell(item: MonitorItem): void {
    if (item.event === 'link') {
      if (item.deleted) this.links.delete(item.link.name);
      else this.links.set(item.link.name, item.link);
    } else if (item.event === 'miss') {
      if (this.asked.misses && this.isHere(item.dev)) this.print(item.dev, missText(item));
    } else if (item.event === 'fdb') {
      const { entry, deleted } = item;
      const isKnown = this.known.delete(JSON.stringify([entry.dev, entry.mac, entry.dst]));
      if (deleted || !isKnown) this.tellEntry(entry, deleted);
    }
  }

  /** Of one that was moved to another namespace nothing is told in this one. */
  private isHere(dev: string): boolean {
    return this.links.get(dev)?.moved === undefined;
  }

  private tellEntry(entry: FdbNews, deleted: boolean): void {
    if (!this.asked.entries || !this.isHere(entry.dev)) return;
    const made = [this.links.get(entry.dev), this.vnis] as const;
    const text =
      this.line.tool === 'bridge'
        ? fdbText(asMade(entry, ...made), showOf(this.line))
        : neighborText(entry, isMade(entry, ...made));
    this.print(entry.dev, `${deleted ? 'Deleted ' : ''}${text}`);
  }

  private print(dev: string, text: string): void {
    const { only, time, label } = this.asked;
    if (only === undefined || only === dev) this.say(`${time(new Date())}${label}${text}\n`);
  }
}

function missText({ dev, mac, ip }: MonitorItem & { event: 'miss' }): string {
  return ip ? `miss ${ip} dev ${dev} STALE ` : `miss dev ${dev} lladdr ${mac} STALE `;
}

/** To `ip` an entry is a neighbour: its state by the names of the kernel's bits. `made`: with the link. */
function neighborText({ dst, dev, mac, flags = [], state }: FdbNews, made: boolean): string {
  const bits = {
    permanent: made ? 'REACHABLE PERMANENT' : 'NOARP PERMANENT',
    static: 'REACHABLE NOARP',
    dynamic: 'REACHABLE',
    learned: 'REACHABLE',
    stale: 'STALE',
  };
  const words = [...(['router', 'extern_learn'] as const)].filter((flag) => flags.includes(flag));
  return `${[dst, 'dev', dev, 'lladdr', mac, ...words, bits[state]].join(' ')} `;
}

/** Each daemon of the namespace, one after the other, as they come. */
async function followAll(netns: string | undefined, beside: Beside): Promise<never> {
  const path = socketPath(netns);
  mkdirSync(dirname(path), { recursive: true });
  let wake = () => {};
  watch(dirname(path), (_, file) => file === basename(path) && wake());
  for (let isNew = false; ; isNew = true) {
    const came = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const daemon = await Daemon.find(netns).catch(() => undefined);
    await (daemon ? beside.follow(daemon, isNew) : came);
  }
}

/** Blocks where the reader is slow, as the real one does. It is not made non-blocking, as that would hold for both. */
function write(text: string, real: number): void {
  try {
    writeSync(1, text);
  } catch {
    if (process.ppid === real) process.kill(real, 'SIGPIPE');
    process.exit(0);
  }
}

const [real, tool, ...words] = process.argv.slice(2);
const line = takeApart(tool as Tool, words);
const what = asked(line);
process.stdin.on('end', () => process.exit(0)).resume();
if (what.entries || what.misses) {
  followAll(line.netns, new Beside(line, what, (text) => write(text, Number(real)))).catch((error) => {
    process.stderr.write(`vtep: links of ours are not watched: ${error.message}\n`);
    process.exit(1);
  });
}
