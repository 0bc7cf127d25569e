/** What the words of `bridge monitor` and `ip monitor` ask for, as far as it can happen to entries of a link. */

import type { CommandLine } from './command-line.ts';

export interface Asked {
  entries: boolean;
  /** Of addresses: only `ip` tells of them. */
  misses: boolean;
  /** A device. */
  only?: string;
  /** Before each. */
  label: string;
  time: (now: Date) => string;
}

/** In iproute2's order: the first that begins so is meant. */
const WORDS = {
  bridge: ['file', 'link', 'fdb', 'mdb', 'vlan', 'all'],
  ip: [
    ...['file', 'label', 'link', 'address', 'route', 'mroute', 'prefix', 'neigh', 'netconf', 'rule', 'nsid'],
    ...['nexthop', 'stats', 'all', 'all-nsid', 'dev'],
  ],
} as const;

/** They pick no objects. */
const OTHERS = ['file', 'label', 'all', 'all-nsid', 'dev'];

export function asked(line: CommandLine): Asked {
  const { tool, rest } = line;
  const said: string[] = [];
  let only: string | undefined;
  for (let at = 0; at < rest.length; at++) {
    const word = WORDS[tool].find((each) => each.startsWith(rest[at])) ?? rest[at];
    said.push(word);
    if (word === 'file' || word === 'dev') at++;
    if (word === 'dev') only = rest[at];
  }
  const object = tool === 'bridge' ? 'fdb' : 'neigh';
  const isMeant = said.includes(object) || said.every((word) => OTHERS.includes(word));
  const isAsked = line.object === 'monitor' && isMeant && !said.includes('file');
  const isLabelled = said.includes('all') || said.includes('label');
  const nsid = said.includes('all-nsid') ? '[nsid current]' : '';
  const family = familyOf(line);
  return {
    entries: isAsked && (tool === 'bridge' || family === undefined),
    misses: isAsked && tool === 'ip' && family !== 6,
    only,
    label: `${nsid}${isLabelled ? '[NEIGH]' : ''}`,
    time: timeOf(line),
  };
}

/** A miss is of IPv4 to the kernel, and entries are of neither. */
function familyOf({ options }: CommandLine): 4 | 6 | undefined {
  for (const [at, option] of options.entries()) {
    const value = /^--?f(a|$)/.test(option) ? options[at + 1] : option;
    if (/^(-?-4|inet)$/.test(value)) return 4;
    if (/^(-?-6|inet6)$/.test(value)) return 6;
  }
  return undefined;
}

function timeOf({ tool, options }: CommandLine): (now: Date) => string {
  if (tool === 'ip' && options.some((option) => /^--?ts/.test(option))) {
    return (now) => `[${day(now)}T${clock(now)}.${micros(now)}] `;
  }
  if (!options.some((option) => /^--?t/.test(option))) return () => '';
  return (now) => {
    const [weekday, month, date] = now.toDateString().split(' ');
    const padded = `${Number(date)}`.padStart(2);
    return `Timestamp: ${weekday} ${month} ${padded} ${clock(now)} ${now.getFullYear()} ${Number(micros(now))} usec\n`;
  };
}

function day(now: Date): string {
  return [now.getFullYear(), ...[now.getMonth() + 1, now.getDate()].map(twoDigits)].join('-');
}

function clock(now: Date): string {
  return [now.getHours(), now.getMinutes(), now.getSeconds()].map(twoDigits).join(':');
}

function twoDigits(number: number): string {
  return `${number}`.padStart(2, '0');
}

/** A Date knows milliseconds only. */
function micros(now: Date): string {
  return `${now.getMilliseconds()}`.padStart(3, '0').padEnd(6, '0');
}
