/** The words of `vtep run`: those of `ip link add NAME type vxlan`, in any order. */

import { isIP, isIPv6 } from 'node:net';
import { DEFAULT_SETTINGS } from '../control/link.ts';
import type { Options } from '../control/link-options.ts';
import { ALL_OFFLOADS, OFFLOAD_WORDS, type Offloads, parseOffloads } from '../control/offloads.ts';
import { DEFAULT_RANGE } from '../io/source-ports.ts';
import { DEFAULT_SIZES, WORKERS_MOST } from '../tables/tables.ts';
import { isMulticast, isUnspecified, parseIp, parseMac } from '../wire/address.ts';
import { MAX_VNI } from '../wire/vxlan.ts';
import { LOG_LEVELS, type LogLevel } from './log.ts';

export const USAGE = `vtep run NAME id VNI [remote IP]... [local IP] [dev IF] [dstport 4789] [srcport MIN MAX] [ageing S]
         [maxaddress N] [[no]learning] [ttl N] [mtu N] [address MAC|CIDR]... [[no]proxy] [suppress] [[no]l2miss] [[no]l3miss]
         [[no]udpcsum] [df set|unset] [reserved_bits kernel] [up] [--transport native|dgram]
         [--offload auto|off|WORD,...] [--workers N|auto] [--busy-poll US] [--nice N]
         [--log-level error|warn|info|debug] [--fdb-size N]`;

/** Of a worker that is behind (`engine/urgency.ts`). */
const NICE = -5;

export type RunOptions = Options & {
  logLevel: LogLevel;
};

/** A user's mistake: shown as a sentence, with the form. */
export class UsageError extends Error {}

type Next = (what: string) => string;

function whole(word: string, what: string, least: number, most: number): number {
  const value = /^(0x[0-9a-f]+|-?\d+)$/i.test(word) ? Number(word) : Number.NaN;
  if (!(value >= least && value <= most)) {
    throw new UsageError(`${what} "${word}" is not a whole number from ${least} to ${most}`);
  }
  return value;
}

function host(word: string, what: string): string {
  const parsed = parseIp(word);
  if (!parsed)
    throw new UsageError(`${what} "${word}" is not an IP address, such as 192.0.2.1 or 2001:db8::1`);
  const [w0, w1, w2, w3] = parsed;
  if (isMulticast(w0, w1, w2, w3)) throw new UsageError(`${what} "${word}" is a group; it must be one host`);
  if (isUnspecified(w0, w1, w2, w3)) throw new UsageError(`${what} "${word}" is no host's address`);
  return word;
}

function address(word: string, options: RunOptions): void {
  const mac = parseMac(word);
  const [host, prefix, rest] = word.split('/');
  const bits = isIPv6(host) ? 128 : 32;
  if (mac && mac.high & 0x0100)
    throw new UsageError(`address "${word}" is a group address; a link needs a unicast one`);
  if (mac) options.mac = mac;
  else if (isIP(host) !== 0 && /^\d+$/.test(prefix ?? '') && Number(prefix) <= bits && rest === undefined) {
    options.addresses.push(word);
  } else
    throw new UsageError(
      `address "${word}" is neither a MAC (02:00:00:00:00:01) nor an IP with prefix (10.0.0.1/24)`,
    );
}

function sourcePorts(options: RunOptions, next: Next): void {
  const low = whole(next('srcport'), 'srcport', 0, 65_535);
  const high = whole(next('srcport'), 'srcport', 0, 65_535);
  if (high < low)
    throw new UsageError(`srcport ${low} ${high}: the second must not be smaller than the first`);
  if (high > 0) options.sourcePorts = [Math.max(low, 1), high];
}

function word<T extends string>(given: string, what: string, allowed: readonly T[]): T {
  if ((allowed as readonly string[]).includes(given)) return given as T;
  throw new UsageError(`${what} "${given}" is not known; it takes ${allowed.join(' or ')}`);
}

function offloads(given: string): Offloads {
  const parsed = parseOffloads(given);
  if (parsed) return parsed;
  const words = OFFLOAD_WORDS.join(',');
  throw new UsageError(
    `--offload "${given}" is not known; it takes auto, off, some of ${words}, or some of them not: no${OFFLOAD_WORDS[0]},...`,
  );
}

const WORDS: Record<string, (options: RunOptions, next: Next) => void> = {
  id: (o, next) => {
    o.vni = whole(next('id'), 'id', 0, MAX_VNI);
  },
  remote: (o, next) => o.remotes.push(host(next('remote'), 'remote')),
  local: (o, next) => {
    o.local = host(next('local'), 'local');
  },
  dev: (o, next) => {
    o.dev = next('dev');
  },
  dstport: (o, next) => {
    o.port = whole(next('dstport'), 'dstport', 0, 65_535) || 8472;
  },
  srcport: sourcePorts,
  ageing: (o, next) => {
    o.ageing = whole(next('ageing'), 'ageing', 0, 2 ** 31 - 1) || 300;
  },
  maxaddress: (o, next) => {
    o.maxAddresses = whole(next('maxaddress'), 'maxaddress', 0, 2 ** 31 - 1);
  },
  ttl: (o, next) => {
    const value = next('ttl');
    o.ttl = value === 'auto' ? 0 : whole(value, 'ttl', 0, 255);
  },
  mtu: (o, next) => {
    o.mtu = whole(next('mtu'), 'mtu', 68, 65_485);
  },
  address: (o, next) => address(next('address'), o),
  df: (o, next) => {
    o.df = word(next('df'), 'df', ['set', 'unset'] as const);
  },
  reserved_bits: (o, next) => {
    o.strictReserved = word(next('reserved_bits'), 'reserved_bits', ['kernel', 'ignore']) === 'kernel';
  },
  type: (_, next) => void word(next('type'), 'type', ['vxlan']),
  up: (o) => {
    o.up = true;
  },
  '--transport': (o, next) => {
    o.transport = word(next('--transport'), '--transport', ['native', 'dgram']);
  },
  '--offload': (o, next) => {
    o.offloads = offloads(next('--offload'));
  },
  '--busy-poll': (o, next) => {
    o.busyPoll = whole(next('--busy-poll'), '--busy-poll', 0, 1_000_000);
  },
  '--nice': (o, next) => {
    o.nice = whole(next('--nice'), '--nice', -20, 19);
  },
  '--workers': (o, next) => {
    const value = next('--workers');
    o.workers = value === 'auto' ? value : whole(value, '--workers', 1, WORKERS_MOST);
  },
  '--log-level': (o, next) => {
    o.logLevel = word(next('--log-level'), '--log-level', LOG_LEVELS);
  },
  '--fdb-size': (o, next) => {
    o.fdbSize = whole(next('--fdb-size'), '--fdb-size', 1, 16_000_000);
  },
};
WORDS.vni = WORDS.id;

const SWITCHES: Record<string, 'learning' | 'proxy' | 'suppress' | 'l2miss' | 'l3miss' | 'checksum'> = {
  learning: 'learning',
  proxy: 'proxy',
  suppress: 'suppress',
  l2miss: 'l2miss',
  l3miss: 'l3miss',
  udpcsum: 'checksum',
};

/** Further words of `ip link add ... type vxlan`. Switched off they are as here; else vtep cannot do them. */
const ELSEWHERE =
  /^(group|tos|flowlabel|external|gbp|gpe|vnifilter|rsc|localbypass|udp6zerocsum[rt]x|remcsum[rt]x)$/;

function unknown(word: string): UsageError {
  const why = ELSEWHERE.test(word) ? 'is a word of `ip link` that vtep does not carry out' : 'is not known';
  return new UsageError(`the word "${word}" ${why}`);
}

/** Where each kind of word goes; a word that is none of them is a mistake. */
export function parseRun(words: readonly string[]): RunOptions {
  const options: RunOptions = {
    ...DEFAULT_SETTINGS,
    l2miss: false,
    l3miss: false,
    name: '',
    vni: -1,
    remotes: [],
    sourcePorts: [...DEFAULT_RANGE],
    ttl: 0,
    tos: 0,
    flowLabel: 0,
    addresses: [],
    checksum: true,
    zeroChecksumTx: false,
    zeroChecksumRx: false,
    up: false,
    fdbSize: DEFAULT_SIZES.fdb,
    transport: 'native',
    workers: 1,
    offloads: ALL_OFFLOADS,
    busyPoll: 0,
    nice: NICE,
    logLevel: 'info',
  };
  let at = 0;
  const next: Next = (what) => {
    if (at >= words.length) throw new UsageError(`"${what}" wants a value behind it`);
    return words[at++];
  };
  while (at < words.length) {
    const given = words[at++];
    const negated = given.startsWith('no') && Object.hasOwn(SWITCHES, given.slice(2));
    if (Object.hasOwn(WORDS, given)) WORDS[given](options, next);
    else if (negated) options[SWITCHES[given.slice(2)]] = false;
    else if (Object.hasOwn(SWITCHES, given)) options[SWITCHES[given]] = true;
    else if (given.startsWith('no') && ELSEWHERE.test(given.slice(2))) continue;
    else if (options.name !== '' || ELSEWHERE.test(given) || given.startsWith('-')) throw unknown(given);
    else options.name = given;
  }
  check(options);
  return options;
}

function check(o: RunOptions): void {
  if (o.name === '') throw new UsageError('NAME is missing: what the TAP is to be called');
  if (!/^[^\s/]{1,15}$/.test(o.name) || o.name === '.' || o.name === '..') {
    throw new UsageError(
      `NAME "${o.name}" is no name for an interface: 1 to 15 characters, no space, no slash`,
    );
  }
  if (o.vni < 0) throw new UsageError('the VNI is missing: id VNI, from 0 to 16777215');
  const all = [...o.remotes, ...(o.local ? [o.local] : [])];
  const v6 = all.filter((each) => isIPv6(each));
  if (v6.length > 0 && v6.length < all.length) {
    throw new UsageError(
      `"${v6[0]}" is IPv6 and others are IPv4: local and all remotes must be of one family`,
    );
  }
  const linkLocal = o.remotes.find((each) => /^fe[89ab]/i.test(each));
  if (linkLocal && (o.dev === undefined || o.transport === 'dgram')) {
    throw new UsageError(`remote "${linkLocal}" is link-local: it needs dev, and --transport native`);
  }
  if (o.transport === 'dgram') checkDgram(o);
  if (v6.length > 0 && !o.checksum) {
    throw new UsageError('noudpcsum concerns IPv4; over IPv6 a datagram without checksum is not sent');
  }
}

/** What was asked for and node:dgram cannot do. */
function checkDgram({ busyPoll, workers, offloads, nice }: RunOptions): void {
  let asked: string | undefined;
  if (busyPoll > 0) asked = `--busy-poll ${busyPoll}`;
  else if (workers !== 1 && workers !== 'auto') asked = `--workers ${workers}`;
  else if (OFFLOAD_WORDS.some((each) => offloads[each]) && offloads !== ALL_OFFLOADS) asked = '--offload';
  else if (nice !== NICE) asked = `--nice ${nice}`;
  if (asked) {
    throw new UsageError(`${asked} needs --transport native: dgram is one thread on Node's own sockets`);
  }
}
