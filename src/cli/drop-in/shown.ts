/**
 * `ip -d link show`, `ip -s link show` and `ip link show type vxlan`: the real tool shows our TAPs as the kernel has them,
 * and what it says of a TAP becomes what it would say of a vxlan link.
 */

import type { LinkItem } from '../../control/protocol.ts';
import { json } from '../json.ts';
import { innerBytes, LINKS, linkWords } from '../print-link.ts';
import { KERNEL_BITS } from '../vxlan-words.ts';
import type { CommandLine } from './command-line.ts';
import { Here } from './here.ts';
import type { Meant } from './meant.ts';
import { capture } from './real.ts';
import { HAND_OVER } from './shim.ts';

type Links = ReadonlyMap<string, LinkItem>;
type LaterKeys = (link: LinkItem) => object;

interface Way {
  bytes: number;
  packets: number;
  errors: number;
}

/** A device in iproute2's JSON: what of it is looked at. */
interface Shown {
  ifindex?: number;
  ifname?: string;
  max_mtu?: number;
  stats64?: { rx: Way; tx: Way };
  linkinfo?: { info_kind?: string; info_data?: unknown };
}

const MAX_MTU = { tap: 65_521, vxlan: 65_535 };
const TUN =
  /tun type tap(?: (?:pi|vnet_hdr|multi_queue|numqueues|numdisabled|one_queue|persist|user|group) \S+)* ?/;

export async function show(
  ip: string,
  line: CommandLine,
  words: readonly string[],
  what: Meant & { kind: 'links' },
): Promise<number> {
  const daemon = await Here.find(line.netns);
  if (!daemon) return HAND_OVER;
  const all = await daemon.links(what.name, line.stats || undefined).finally(() => daemon.close());
  if (all.length === 0) return HAND_OVER;
  const links = new Map(all.map((link) => [link.name, link]));
  const real = capture(ip, words);
  const tuns = what.vxlanOnly ? capture(ip, words.map(asTun)) : undefined;
  process.stderr.write(real.error);
  const status = real.status || (tuns?.status ?? 0);
  if (status !== 0) process.stdout.write(real.out);
  else if (line.json) {
    const later = line.details ? laterKeys(ip) : undefined;
    const devices = [
      ...parsed(real.out),
      ...parsed(tuns?.out ?? '').filter(({ ifname = '' }) => links.has(ifname)),
    ];
    process.stdout.write(
      `${json(
        byIndex(devices).map((each) => asVxlanKeys(each, links, later)),
        isPretty(line),
      )}\n`,
    );
  } else {
    const ours = blocks(tuns?.out ?? '').filter((block) => links.has(nameOf(block)));
    const devices = [...blocks(real.out), ...ours];
    if (!isBrief(line)) devices.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
    process.stdout.write(devices.map((block) => asVxlan(block, links)).join(''));
  }
  return status;
}

/** `type vxlan` as `type tun`. */
function asTun(word: string, at: number, words: readonly string[]): string {
  return word === 'vxlan' && words[at - 1] === 'type' ? 'tun' : word;
}

function isPretty({ options }: CommandLine): boolean {
  return options.some((option) => /^--?p(r|re|ret|rett|retty)?$/.test(option));
}

function isBrief({ options }: CommandLine): boolean {
  return options.some((option) => /^--?br(i|ie|ief)?$/.test(option));
}

/** One device each: `7: vx0: <...`, and the lines below it; brief: `vx0 UNKNOWN ...`. */
function blocks(text: string): string[] {
  return text === '' ? [] : text.split(/^(?=\S)/m);
}

/** With `-c` the name is in colour: behind an escape. */
const ESCAPE = String.fromCharCode(27);
const NAME = new RegExp(`^(?:\\d+: )?(?:${ESCAPE}\\[\\d+m)*([^:@\\s${ESCAPE}]+)`);

function nameOf(block: string): string {
  return NAME.exec(block)?.[1] ?? '';
}

export function asVxlan(block: string, links: Links): string {
  const link = links.get(nameOf(block));
  if (!link) return block;
  return block
    .replace(TUN, () => `vxlan ${kernelWords(link)} `)
    .replace(` maxmtu ${MAX_MTU.tap} `, ` maxmtu ${MAX_MTU.vxlan} `)
    .replace(RECEIVED, (_, before, errors) => `${before} ${`${Number(errors) + errorsOf(link)}`.padStart(6)}`)
    .replace(CARRIED, (_, before, bytes, packets) => {
      const inner = `${innerBytes(Number(bytes), Number(packets))}`;
      return `${before}${inner.padStart(bytes.length)}${packets}`;
    });
}

/** Bytes and packets, and errors; with -o lines end with a backslash. */
const RECEIVED = /(RX: +bytes .*?[\n\\] +\d+ +\d+) +(\d+)/;

/** Bytes and packets, either way. */
const CARRIED = /([RT]X: +bytes .*?[\n\\] +)(\d+)( +\d+)/g;

/** What the kernel counts as errors of a vxlan link; a TAP never sees them. */
function errorsOf({ counters = {} }: LinkItem): number {
  return (counters['reserved-bits'] ?? 0) + (counters.congested ?? 0);
}

function asCounted(shown: Shown, link: LinkItem): Shown {
  const { stats64 } = shown;
  if (!stats64) return shown;
  const inner = (way: Way) => ({ ...way, bytes: innerBytes(way.bytes, way.packets) });
  const rx = { ...inner(stats64.rx), errors: stats64.rx.errors + errorsOf(link) };
  return { ...shown, stats64: { ...stats64, rx, tx: inner(stats64.tx) } };
}

/** As iproute2 6.1 spells them; of bits that are reserved it knows nothing. */
function kernelWords(link: LinkItem): string {
  return linkWords({ ...link, reserved_bits: undefined }).replace(' maxaddress ', ' maxaddr ');
}

function parsed(text: string): Shown[] {
  return text.trim() === '' ? [] : (JSON.parse(text) as Shown[]);
}

/** Brief ones have none, and stay as they came. What the real one leaves out is an empty object. */
function byIndex(all: Shown[]): Shown[] {
  return all.filter(({ ifname }) => ifname !== undefined).sort((a, b) => (a.ifindex ?? 0) - (b.ifindex ?? 0));
}

/** Keys that iproute2 has from 6.5 and 6.14 on: it has the words in its help, too. */
function laterKeys(ip: string): LaterKeys {
  const { out, error } = capture(ip, ['link', 'help', 'vxlan']);
  const knows = (word: string) => `${out}${error}`.includes(word);
  const bits = ({ reserved_bits: said = 'ignore' }: LinkItem) =>
    ({ ignore: '0', kernel: KERNEL_BITS })[said as string] ?? said;
  return (link) => ({
    ...(knows('reserved_bits') && { reserved_bits: bits(link) }),
    ...(knows('localbypass') && { localbypass: link.localbypass ?? true }),
  });
}

export function asVxlanKeys(shown: Shown, links: Links, later: LaterKeys = () => ({})): Shown {
  const link = links.get(shown.ifname ?? '');
  if (!link) return shown;
  const counted = asCounted(shown, link);
  if (shown.linkinfo?.info_kind !== 'tun') return counted;
  const { linkinfo } = LINKS.json(link as never, DETAILS, false) as Required<Shown>;
  const info_data = { ...(linkinfo.info_data as object), ...later(link) };
  return { ...counted, max_mtu: MAX_MTU.vxlan, linkinfo: { ...shown.linkinfo, ...linkinfo, info_data } };
}

const DETAILS = { json: true, pretty: false, details: true, stats: false, oneline: false };
