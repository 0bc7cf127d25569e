/** The words of `bridge fdb`, in the order in which iproute2 tries them. */

import type { FdbArgs, FdbFilter } from '../control/protocol.ts';
import { MAX_VNI } from '../wire/vxlan.ts';
import { eachOnce, Grammar, idle, refused, UsageError, type Words } from './grammar.ts';
import { destination, device, mac, oneOf, whole, zoned } from './values.ts';

type Flag = NonNullable<FdbArgs['flags']>[number];

const NO_VLANS = "a link's table knows no VLANs: it is for one VNI";
const NOT_THE_BRIDGES = "the bridge's own table is the kernel's: say it to `bridge fdb`";
const NO_GROUPS = 'next hop groups are in the kernel; say each dst by `fdb append`';

type Where = Pick<FdbArgs, 'dst' | 'port' | 'vni' | 'src_vni' | 'via'>;

/** Where frames go to; also what entries are picked by. */
function where<T extends Where>(): Words<T> {
  return {
    dst: {
      form: 'IP',
      take: (entry, next) => {
        const { ip, dev } = zoned(next(), 'dst', destination);
        entry.dst = ip;
        if (dev) entry.via = dev;
      },
      whole: true,
    },
    port: {
      form: 'PORT',
      take: (entry, next) => {
        entry.port = whole(next(), 'port', 1, 65_535);
      },
      whole: true,
    },
    vni: {
      form: 'VNI',
      take: (entry, next) => {
        entry.vni = whole(next(), 'vni', 0, MAX_VNI);
      },
      whole: true,
    },
    src_vni: {
      form: 'VNI',
      take: (entry, next) => {
        entry.src_vni = whole(next(), 'src_vni', 0, MAX_VNI);
      },
      whole: true,
    },
    via: {
      form: 'DEV',
      take: (entry, next) => {
        entry.via = device(next(), 'via');
      },
      whole: true,
    },
  };
}

function dev<T extends { dev?: string }>(): Words<T> {
  return {
    dev: {
      form: 'DEV',
      take: (entry, next) => {
        entry.dev = device(next(), 'dev');
      },
      whole: true,
    },
  };
}

/** The word before a MAC, which may be left out. */
function to<T extends { mac?: string }>(): Words<T> {
  return {
    'to|lladdr': {
      form: 'MAC',
      take: (entry, next) => takeMac(entry, next()),
      whole: true,
      hidden: true,
    },
  };
}

function takeMac(entry: { mac?: string }, word: string): void {
  if (entry.mac) throw new UsageError(`the word "${word}" is not known; the MAC is ${entry.mac} already`);
  if (!word.includes(':')) throw new UsageError(`the word "${word}" is neither known nor a MAC address`);
  entry.mac = mac(word, 'MAC');
}

function state(name: FdbArgs['state']) {
  return {
    form: '',
    take: (entry: FdbArgs) => {
      entry.state = name;
    },
  };
}

function flag(name: Flag) {
  return {
    form: '',
    take: (entry: FdbArgs) => {
      if (!entry.flags?.includes(name)) entry.flags = [...(entry.flags ?? []), name];
    },
  };
}

const ENTRY = new Grammar<FdbArgs>({
  ...dev(),
  ...where(),
  ...eachOnce({ dst: where<FdbArgs>().dst }),
  port: {
    form: 'PORT',
    take: (entry, next) => {
      // to iproute2 0 is none
      entry.port = whole(next(), 'port', 0, 65_535) || undefined;
    },
    whole: true,
  },
  ...refused('nhid', NO_GROUPS),
  ...idle('self'),
  ...refused('master', NOT_THE_BRIDGES),
  router: flag('router'),
  'permanent|local': state('permanent'),
  'static|temp': state('static'),
  dynamic: state('dynamic'),
  ...refused('vlan', NO_VLANS),
  use: flag('use'),
  extern_learn: flag('extern_learn'),
  sticky: flag('sticky'),
  ...to(),
});

export const FDB_ENTRY = ENTRY;

function parseEntry(words: readonly string[]): FdbArgs {
  const entry: FdbArgs = { dev: '', mac: '' };
  ENTRY.read(words, entry, (word) => takeMac(entry, word));
  if (entry.mac === '') {
    throw new UsageError(
      'the MAC is missing; 00:00:00:00:00:00 is where frames go that nothing else is known of',
    );
  }
  if (entry.dev === '') throw new UsageError('the link is missing: dev NAME');
  return entry;
}

export function parseFdbAdd(words: readonly string[]): FdbArgs {
  const entry = parseEntry(words);
  if (entry.dst === undefined) {
    throw new UsageError(`where ${entry.mac} is, is missing: dst IP`);
  }
  return entry;
}

export const parseFdbDel = parseEntry;

const GET = new Grammar<FdbArgs>({
  ...dev(),
  ...idle('self'),
  ...refused('master', NOT_THE_BRIDGES),
  ...refused('vlan', NO_VLANS),
  ...to(),
});

export const FDB_GET = GET;

export function parseFdbGet(words: readonly string[]): { dev: string; mac: string } {
  const entry: FdbArgs = { dev: '', mac: '' };
  GET.read(words, entry, (word) => takeMac(entry, word));
  if (entry.mac === '') throw new UsageError('the MAC is missing: whose entry is wanted');
  if (entry.dev === '') throw new UsageError('the link is missing: dev NAME');
  return entry;
}

const STATES = ['permanent', 'static', 'dynamic'] as const;

function filterWord(name: string): Words<FdbFilter> {
  const take = (filter: FdbFilter) => {
    filter.words = [...(filter.words ?? []), name];
  };
  return { [name]: { form: '', take, whole: true } };
}

export const FDB_SHOW = new Grammar<FdbFilter>({
  ...dev(),
  brport: {
    form: 'DEV',
    take: (filter, next) => {
      filter.dev = device(next(), 'brport');
    },
    whole: true,
    hidden: true,
  },
  ...refused('br', 'vtep has no bridges: say it to `bridge fdb show`'),
  ...refused('vlan', NO_VLANS),
  state: {
    form: STATES.join('|'),
    take: (filter, next) => {
      const state = oneOf(next(), 'state', ['all', ...STATES]);
      if (state !== 'all') filter.words = [...(filter.words ?? []), state];
    },
    whole: true,
  },
  ...filterWord('dynamic'),
  ...where(),
  ...idle('self'),
  ...to(),
});

export function parseFdbShow(words: readonly string[]): FdbFilter {
  const filter: FdbFilter = {};
  return FDB_SHOW.read(words, filter, (word) => takeMac(filter, word));
}

const FLUSH_WORDS = [...STATES, 'router', 'extern_learn', 'sticky'].flatMap((name) => [name, `no${name}`]);

export const FDB_FLUSH = new Grammar<FdbFilter>({
  ...dev(),
  ...where(),
  ...Object.assign({}, ...FLUSH_WORDS.map(filterWord)),
  ...idle('self'),
  ...refused('brport', NOT_THE_BRIDGES),
  ...refused('master', NOT_THE_BRIDGES),
  ...refused('vlan', NO_VLANS),
  ...refused('nhid', NO_GROUPS),
  ...refused('added_by_user', NOT_THE_BRIDGES),
  ...refused('noadded_by_user', NOT_THE_BRIDGES),
  ...refused('offloaded', 'nothing is handed to hardware here'),
  ...idle('nooffloaded'),
  ...to(),
});

export function parseFdbFlush(words: readonly string[]): FdbFilter {
  const filter: FdbFilter = {};
  FDB_FLUSH.read(words, filter, (word) => takeMac(filter, word));
  if (!filter.dev) throw new UsageError('the link is missing: dev NAME');
  return filter;
}
