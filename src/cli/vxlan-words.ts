/** What may follow `type vxlan`: iproute2's words, and ours. */

import type { LinkArgs } from '../control/protocol.ts';
import { MAX_VNI } from '../wire/vxlan.ts';
import { DSCP } from './dscp.ts';
import { eachOnce, idle, refused, UsageError, type Word, type Words } from './grammar.ts';
import { device, group, host, oneOf, whole, zoned } from './values.ts';

export interface LinkReading {
  args: LinkArgs;
  /** After `type vxlan`: words may be cut short, and `dev` is what datagrams leave by. */
  typed: boolean;
  /** `run` has always taken `dev` for what datagrams leave by. */
  running: boolean;
}

const INT_MOST = 2 ** 31 - 1;

const SWITCHES = [
  'learning',
  'proxy',
  'rsc',
  'l2miss',
  'l3miss',
  'udpcsum',
  'udp6zerocsumtx',
  'udp6zerocsumrx',
] as const satisfies (keyof LinkArgs)[];
const LATER_SWITCHES = [
  'external',
  'vnifilter',
  'localbypass',
  'suppress',
] as const satisfies (keyof LinkArgs)[];

function switches(names: readonly (keyof LinkArgs)[]): Words<LinkReading> {
  const word = (name: string, to: boolean): Word<LinkReading> => ({
    form: '',
    take: ({ args }) => void Object.assign(args, { [name]: to }),
  });
  return Object.fromEntries(
    names.flatMap((name) => [
      [`no${name}`, { ...word(name, false), hidden: true }],
      [name, word(name, true)],
    ]),
  );
}

function remote({ args }: LinkReading, next: () => string): void {
  const given = next();
  args.remotes ??= [];
  if (given === 'any') return;
  const { ip, dev } = zoned(given, 'remote', host);
  args.remotes.push(ip);
  if (dev) args.dev = dev;
}

function sourcePorts({ args }: LinkReading, next: () => string): void {
  args.srcport = [whole(next(), 'srcport', 0, 65_535), whole(next(), 'srcport', 0, 65_535)];
}

/** As iproute2 reads it: hexadecimal, or the name of a class; 1 is what the kernel says for `inherit`. */
function tos(word: string): number | 'inherit' {
  if (word === 'inherit') return word;
  const named = DSCP[word.toUpperCase()];
  if (named !== undefined) return named;
  if (!/^(0x)?[0-9a-f]{1,2}$/i.test(word)) {
    throw new UsageError(
      `tos "${word}" is neither inherit, nor hexadecimal from 0 to ff, nor a class such as AF11`,
    );
  }
  const value = Number.parseInt(word, 16);
  return value === 1 ? 'inherit' : value;
}

function ttl(word: string): number | 'inherit' {
  if (word === 'inherit') return word;
  return word === 'auto' ? 0 : whole(word, 'ttl', 0, 255);
}

/** `dev vx0` names the link itself. */
function isName({ args, typed, running }: LinkReading): boolean {
  return !typed && !running && args.name === '';
}

function dev(reading: LinkReading, next: () => string): void {
  reading.args[isName(reading) ? 'name' : 'dev'] = device(next(), 'dev');
}

/** Those that the kernel drops datagrams for, unless told otherwise. */
export const KERNEL_BITS = '0xf7ffffff000000ff';

function reservedBits(word: string): LinkArgs['reserved_bits'] {
  if (!/^(0x[0-9a-f]{1,16}|0|[1-9]\d{0,18})$/i.test(word))
    return oneOf(word, 'reserved_bits', ['kernel', 'ignore']);
  const bits: `0x${string}` = `0x${BigInt(word).toString(16).padStart(16, '0')}`;
  if (bits === KERNEL_BITS) return 'kernel';
  return BigInt(bits) === 0n ? 'ignore' : bits;
}

export const NO_METADATA = 'a TAP hands over frames without the metadata that it needs';

/** In the order in which iproute2 tries them. */
export const VXLAN_WORDS: Words<LinkReading> = eachOnce({
  'id|vni': {
    form: 'VNI',
    take: ({ args }, next) => {
      args.id = whole(next(), 'id', 0, MAX_VNI);
    },
  },
  group: {
    form: 'IP',
    take: ({ args }, next) => {
      const given = next();
      args.group = given === 'any' ? null : group(given, 'group');
    },
  },
  remote: { form: 'IP', take: remote, once: undefined },
  local: {
    form: 'IP',
    take: ({ args }, next) => {
      const given = next();
      args.local = given === 'any' ? null : host(given, 'local');
    },
  },
  dev: { form: 'DEV', take: dev, once: (reading) => (isName(reading) ? undefined : 'dev') },
  'ttl|hoplimit': {
    form: 'auto|inherit|TTL',
    take: ({ args }, next) => {
      args.ttl = ttl(next());
    },
  },
  'tos|dsfield': {
    form: 'inherit|TOS',
    take: ({ args }, next) => {
      args.tos = tos(next());
    },
  },
  df: {
    form: 'unset|set|inherit',
    take: ({ args }, next) => {
      args.df = oneOf(next(), 'df', ['unset', 'set', 'inherit']);
    },
  },
  'flowlabel|label': {
    form: 'inherit|LABEL',
    take: ({ args }, next) => {
      const given = next();
      args.flowlabel = given === 'inherit' ? given : whole(given, 'flowlabel', 0, 0xf_ffff);
    },
  },
  ageing: {
    form: 'SECONDS',
    take: ({ args }, next) => {
      const given = next();
      args.ageing = given === 'none' ? 0 : whole(given, 'ageing', 0, INT_MOST);
    },
  },
  maxaddress: {
    form: 'COUNT',
    take: ({ args }, next) => {
      args.maxaddress = whole(next(), 'maxaddress', 0, INT_MOST);
    },
  },
  'srcport|port': { form: 'MIN MAX', take: sourcePorts },
  dstport: {
    form: 'PORT',
    take: ({ args }, next) => {
      args.dstport = whole(next(), 'dstport', 0, 65_535) || 8472;
    },
  },
  ...switches(SWITCHES),
  ...refused('remcsumtx', 'no checksum is left out here for a remote to fill in'),
  ...refused('remcsumrx', 'no checksum is left out here for a remote to fill in'),
  ...idle('noremcsumtx', 'noremcsumrx', 'nogbp', 'nogpe'),
  ...switches(LATER_SWITCHES),
  ...refused('gbp', `group policies are marks of packets; ${NO_METADATA}`),
  ...refused('gpe', `it carries other things than Ethernet frames; ${NO_METADATA}`),
  reserved_bits: {
    form: 'ignore|kernel|BITS',
    take: ({ args }, next) => {
      args.reserved_bits = reservedBits(next());
    },
  },
  innervlan: {
    form: 'pass|strip|drop',
    take: ({ args }, next) => {
      args.innervlan = oneOf(next(), 'innervlan', ['pass', 'strip', 'drop']);
    },
  },
  sources: {
    form: 'any',
    take: (_, next) => {
      if (oneOf(next(), 'sources', ['any', 'known']) === 'known') {
        throw new UsageError('sources "known" is refused: datagrams are taken from any source as yet');
      }
    },
  },
  nodev: {
    form: '',
    take: ({ args }) => {
      args.dev = null;
    },
    whole: true,
    hidden: true,
  },
});
