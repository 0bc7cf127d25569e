/** `bridge fdb`: what concerns the table of a link of ours, and what is shown of it among all the others. */

import type { FdbArgs, FdbItem, LinkItem } from '../../control/protocol.ts';
import { Refusal } from '../../control/refusal.ts';
import { parseFdbAdd, parseFdbDel, parseFdbFlush, parseFdbGet, parseFdbShow } from '../fdb-words.ts';
import { UsageError } from '../grammar.ts';
import { json } from '../json.ts';
import { fdbKeys, fdbText } from '../print-fdb.ts';
import type { Show } from '../printer.ts';
import { type CommandLine, showOf } from './command-line.ts';
import type { EntryRequest } from './daemon.ts';
import { Here } from './here.ts';
import { withOurs } from './links.ts';
import { ALL_ZERO, asMade } from './made.ts';
import type { Meant } from './meant.ts';
import * as real from './real.ts';
import { HAND_OVER } from './shim.ts';
import { isPicked } from './state-bits.ts';

type Fdb = Meant & { kind: 'fdb' };
type Entries = Meant & { kind: 'entries' };

export async function act(bridge: string, line: CommandLine, what: Fdb): Promise<number> {
  return withOurs(line, what.dev, async (daemon) => {
    if (what.alsoBridge && (what.verb === 'get' || isPort(bridge, line, what.dev))) {
      const status = real.run(bridge, [...line.options, 'fdb', what.verb, ...bridgesWords(what.words)]);
      if (status !== 0) return status;
    }
    if (what.verb === 'get') return get(daemon, line, what.words);
    await carryOut(daemon, what);
    return 0;
  });
}

/** Where there is no bridge the kernel passes over what is asked of its table, too. */
function isPort(bridge: string, { netns }: CommandLine, dev: string): boolean {
  const where = netns === undefined ? [] : ['-n', netns];
  return real.capture(bridge, [...where, 'link', 'show', 'dev', dev]).out !== '';
}

/** For the bridge's own table: without what only a tunnel has. */
function bridgesWords(words: readonly string[]): string[] {
  const kept: string[] = ['master'];
  for (let at = 0; at < words.length; at++) {
    if (/^(dst|port|vni|src_vni|via)$/.test(words[at])) at++;
    else if (words[at] !== 'self') kept.push(words[at]);
  }
  return kept;
}

/** VLANs are the bridge's: a tunnel's own table takes the word, and does nothing about it. */
function tunnelsWords(words: readonly string[]): string[] {
  return words.filter((word, at) => word !== 'vlan' && words[at - 1] !== 'vlan');
}

async function carryOut(daemon: Here, what: Fdb): Promise<void> {
  if (what.verb === 'flush') return flush(daemon, what.words);
  const { verb, args } = asRequest(what);
  if (verb === 'fdb append') return append(daemon, args);
  if (verb === 'fdb del') return remove(daemon, args);
  await daemon.ask(verb, args);
}

function asRequest({ verb, words }: Fdb): EntryRequest {
  switch (verb) {
    case 'add':
    case 'replace':
    case 'append':
      return { verb: `fdb ${verb}`, args: withDestination(tunnelsWords(words)) };
    case 'delete':
      return { verb: 'fdb del', args: parseFdbDel(tunnelsWords(words)) };
    default:
      throw new UsageError(`the verb "${verb}" of fdb is not known`);
  }
}

/** Undefined: it is more than one request, another kind, or its words are wrong. */
export function requestOf(what: Fdb): EntryRequest | undefined {
  if (what.alsoBridge || !/^(add|replace|append|delete)$/.test(what.verb)) return undefined;
  try {
    return asRequest(what);
  } catch (error) {
    if (error instanceof UsageError || error instanceof Refusal) return undefined;
    throw error;
  }
}

/** Of a next hop group there is no entry here, so none goes. */
async function flush(daemon: Here, words: readonly string[]): Promise<void> {
  const at = words.indexOf('nhid');
  const filter = parseFdbFlush(at < 0 ? words : words.toSpliced(at, 2));
  if (at < 0) await daemon.ask('fdb flush', filter);
}

/** Where there is none, iproute2 ends with -2. */
async function get(daemon: Here, line: CommandLine, words: readonly string[]): Promise<number> {
  try {
    print(await daemon.ask('fdb get', parseFdbGet(words)), showOf(line));
    return 0;
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'ENOENT') throw error;
    process.stderr.write('Error: Fdb entry not found.\n');
    return 254;
  }
}

function print(entries: readonly FdbItem[], show: Show): void {
  if (show.json)
    process.stdout.write(
      `${json(
        entries.map((entry) => fdbKeys(entry, show)),
        show.pretty,
      )}\n`,
    );
  else process.stdout.write(entries.map((entry) => `${fdbText(entry, show)}\n`).join(''));
}

/** Without one it is the kernel that says no, not iproute2. */
function withDestination(words: readonly string[]): FdbArgs {
  const args = parseFdbDel(words);
  if (args.dst !== undefined) return parseFdbAdd(words);
  throw new Refusal('EINVAL', `where ${args.mac} is, is missing: dst IP`);
}

/** The kernel takes a second destination of a unicast MAC, and forgets it, but not what else is said; so scripts live on here. */
async function append(daemon: Here, args: FdbArgs): Promise<void> {
  try {
    await daemon.ask('fdb append', args);
  } catch (error) {
    const isOne = (Number.parseInt(args.mac, 16) & 1) === 0 && args.mac !== ALL_ZERO;
    if (!isOne || !(error instanceof Refusal) || !/^(EEXIST|EOPNOTSUPP|EINVAL)$/.test(error.code))
      throw error;
    const entries = await daemon.ask('fdb get', { dev: args.dev, mac: args.mac }).catch(() => []);
    if (entries.length === 0) throw error;
    const [{ dst, port, vni, via }] = entries;
    await daemon.ask('fdb replace', { ...args, dst, port, vni, via });
  }
}

/** To the kernel it is no mistake to take away a destination that the entry has not. */
async function remove(daemon: Here, args: FdbArgs): Promise<void> {
  try {
    await daemon.ask('fdb del', args);
  } catch (error) {
    if (args.dst === undefined || !(error instanceof Refusal) || error.code !== 'ENOENT') throw error;
    await daemon.ask('fdb get', { dev: args.dev, mac: args.mac });
  }
}

export async function show(
  bridge: string,
  line: CommandLine,
  words: readonly string[],
  asked: Entries,
): Promise<number> {
  const daemon = await Here.find(line.netns);
  if (!daemon) return HAND_OVER;
  try {
    const all = await daemon.links(asked.dev);
    if (all.length === 0) return HAND_OVER;
    const links = new Map(all.map((link) => [link.name, link]));
    const what = { ...asked, dev: asked.dev && all[0].name };
    const shown = real.capture(bridge, withoutColors(line, words));
    process.stderr.write(shown.error);
    if (shown.status !== 0) return shown.status;
    const ours = await oursAmong(daemon, what, links);
    const show = showOf(line);
    process.stdout.write(
      show.json
        ? mergedKeys(shown.out, ours, links, what, show)
        : mergedText(shown.out, ours, links, what, show),
    );
    return 0;
  } finally {
    daemon.close();
  }
}

/** Lines in colours cannot be told from one another. */
function withoutColors({ options }: CommandLine, words: readonly string[]): string[] {
  const isColor = /^--?c(o(l(or?)?)?)?(=.*)?$/;
  return [...options.filter((option) => !isColor.test(option)), ...words.slice(options.length)];
}

/** None where the words pick what only a bridge has. */
async function oursAmong(
  daemon: Here,
  { words }: Entries,
  links: ReadonlyMap<string, LinkItem>,
): Promise<FdbItem[]> {
  if (words.includes('vlan')) return [];
  const entries = await daemon.ask('fdb show', parseFdbShow(placeWords(words)));
  const vnis = entries.some(({ src_vni }) => src_vni !== undefined) ? await daemon.ask('vni show', {}) : [];
  return entries
    .filter((entry) => isPicked(words, entry))
    .map((entry) => asMade(entry, links.get(entry.dev), vnis));
}

/** Where to look. Words that are neither of a place nor of a state iproute2 takes, and does nothing about them. */
function placeWords(words: readonly string[]): string[] {
  const at = words.findLastIndex((word) => word === 'dev' || word === 'brport');
  return at < 0 ? [] : words.slice(at, at + 2);
}

/** By device; of a bridge, those that are its ports: the real tool has said something of each. */
function byDevice(
  entries: readonly FdbItem[],
  seen: ReadonlySet<string>,
  { bridge }: Entries,
): Map<string, FdbItem[]> {
  const all = new Map<string, FdbItem[]>();
  for (const entry of entries) {
    if (bridge !== undefined && !seen.has(entry.dev)) continue;
    const list = all.get(entry.dev);
    if (list) list.push(entry);
    else all.set(entry.dev, [entry]);
  }
  return all;
}

/** A device's own entries stand behind what its bridge has of it. Those of a TAP are no tunnel's. */
function mergedText(
  out: string,
  ours: readonly FdbItem[],
  links: ReadonlyMap<string, LinkItem>,
  what: Entries,
  show: Show,
): string {
  const deviceOf = (text: string) => / dev (\S+)/.exec(text)?.[1] ?? what.dev ?? '';
  const lines = out.split('\n').filter((text) => text !== '');
  const rest = byDevice(ours, new Set(lines.map(deviceOf)), what);
  const textOf = (dev: string) => {
    const entries = rest.get(dev) ?? [];
    rest.delete(dev);
    return entries.map((entry) => fdbText(entry, show, what.dev !== undefined));
  };
  const merged: string[] = [];
  lines.forEach((text, at) => {
    const dev = deviceOf(text);
    const isTapsOwn = links.has(dev) && / self /.test(`${text} `) && !/ master /.test(`${text} `);
    if (!isTapsOwn) merged.push(text);
    if (at + 1 === lines.length || deviceOf(lines[at + 1]) !== dev) merged.push(...textOf(dev));
  });
  for (const dev of [...rest.keys()]) merged.push(...textOf(dev));
  return merged.map((text) => `${text}\n`).join('');
}

interface Keys {
  ifname?: string;
  master?: string;
  flags?: string[];
}

function mergedKeys(
  out: string,
  ours: readonly FdbItem[],
  links: ReadonlyMap<string, LinkItem>,
  what: Entries,
  show: Show,
): string {
  const shown = out.trim() === '' ? [] : (JSON.parse(out) as Keys[]);
  const deviceOf = ({ ifname }: Keys) => ifname ?? what.dev ?? '';
  const rest = byDevice(ours, new Set(shown.map(deviceOf)), what);
  const kept = shown.filter(
    (each) => !links.has(deviceOf(each)) || each.master || !each.flags?.includes('self'),
  );
  const all: object[] = [...kept];
  for (const entries of rest.values())
    all.push(...entries.map((entry) => fdbKeys(entry, show, what.dev !== undefined)));
  return `${json(all, show.pretty)}\n`;
}
