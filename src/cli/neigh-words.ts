/** The words of `ip neighbour`, in the order in which iproute2 tries them. */

import { BlockList, isIP, isIPv6 } from 'node:net';
import type { NeighArgs, NeighItem } from '../control/protocol.ts';
import { Grammar, idle, refused, UsageError } from './grammar.ts';
import { device, host, mac, oneOf } from './values.ts';

const STATES = [
  'permanent',
  'noarp',
  'reachable',
  'stale',
  'none',
  'incomplete',
  'delay',
  'probe',
  'failed',
] as const;

/** An entry by hand holds until it is taken away. */
function takeState(word: string): void {
  const state = oneOf(word, 'nud', STATES);
  if (state === 'permanent' || state === 'noarp') return;
  throw new UsageError(
    `nud "${word}" is refused: an entry by hand is permanent, and answered until it is deleted`,
  );
}

export const NEIGH_ENTRY = new Grammar<NeighArgs>({
  lladdr: {
    form: 'MAC',
    take: (entry, next) => {
      entry.mac = mac(next(), 'lladdr');
    },
    whole: true,
  },
  nud: { form: 'permanent', take: (_, next) => takeState(next()), whole: true },
  ...refused('proxy', 'that is an address the host answers for: say it to `ip neigh`'),
  router: {
    form: '',
    take: (entry) => {
      entry.flags = ['router'];
    },
  },
  ...refused('use', 'nobody is asked for the neighbour: it is what is said here'),
  ...refused('managed', 'nobody is asked for the neighbour: it is what is said here'),
  ...idle('extern_learn'),
  dev: {
    form: 'DEV',
    take: (entry, next) => {
      entry.dev = device(next(), 'dev');
    },
    whole: true,
  },
  ...refused('protocol', 'who made an entry is not kept'),
  to: { form: 'IP', take: (entry, next) => takeIp(entry, next()), whole: true, hidden: true },
  // as `neigh show` prints them at the end of a line
  ...idle('PERMANENT', 'KERNEL', 'SNOOPED'),
});

function takeIp(entry: NeighArgs, word: string): void {
  if (entry.ip !== '') throw new UsageError(`the word "${word}" is not known`);
  entry.ip = host(word, 'neighbour');
}

function parseEntry(words: readonly string[]): NeighArgs {
  const entry: NeighArgs = { dev: '', ip: '', mac: '' };
  NEIGH_ENTRY.read(words, entry, (word) => takeIp(entry, word));
  if (entry.ip === '') throw new UsageError('the IP address of the neighbour is missing');
  if (entry.dev === '') throw new UsageError('the link is missing: dev NAME');
  return entry;
}

export function parseNeighAdd(words: readonly string[]): NeighArgs {
  const entry = parseEntry(words);
  if (entry.mac === '') throw new UsageError(`the MAC of ${entry.ip} is missing: lladdr MAC`);
  return entry;
}

export function parseNeighDel(words: readonly string[]): { dev: string; ip: string } {
  const { dev, ip } = parseEntry(words);
  return { dev, ip };
}

export interface NeighFilter {
  dev?: string;
  /** An address or a prefix. */
  to?: string;
  all?: boolean;
}

export const NEIGH_FILTER = new Grammar<NeighFilter>({
  dev: {
    form: 'DEV',
    take: (filter, next) => {
      filter.dev = device(next(), 'dev');
    },
    whole: true,
  },
  to: { form: 'IP/PREFIX', take: (filter, next) => takePrefix(filter, next()), whole: true },
  all: {
    form: '',
    take: (filter) => {
      filter.all = true;
    },
    whole: true,
  },
  ...refused('nud', 'what is shown here are the states of vtep: leave it out'),
});

function takePrefix(filter: NeighFilter, word: string): void {
  const [ip, bits = '0', more] = word.split('/');
  if (filter.to !== undefined) throw new UsageError(`the word "${word}" is not known`);
  if (isIP(ip) === 0 || more !== undefined || !/^\d+$/.test(bits) || Number(bits) > (isIPv6(ip) ? 128 : 32)) {
    throw new UsageError(`to "${word}" is neither an IP address nor a prefix such as 10.0.0.0/24`);
  }
  filter.to = word;
}

export function parseNeighShow(words: readonly string[]): NeighFilter {
  const filter: NeighFilter = {};
  return NEIGH_FILTER.read(words, filter, (word) => takePrefix(filter, word));
}

export function parseNeighFlush(words: readonly string[]): { dev?: string } {
  const { dev, to, all } = parseNeighShow(words);
  if (to) throw new UsageError(`to "${to}" is refused: one neighbour is taken away by \`neigh del\``);
  if (!dev && !all) throw new UsageError('what is to be flushed is missing: dev NAME, or all');
  return dev ? { dev } : {};
}

/** Whether an item is among those of `to`. */
export function neighborsOf(to: string | undefined): (item: NeighItem) => boolean {
  if (to === undefined) return () => true;
  const [ip, bits] = to.split('/');
  const list = new BlockList();
  const family = (address: string) => (isIPv6(address) ? 'ipv6' : 'ipv4');
  if (bits === undefined) list.addAddress(ip, family(ip));
  else list.addSubnet(ip, Number(bits), family(ip));
  return (item) => list.check(item.ip, family(item.ip));
}
