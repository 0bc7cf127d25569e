/** The words of `vtep run`: those of a link, and the options of what carries it. */

import { linkOptions } from '../control/link-args.ts';
import type { Options } from '../control/link-options.ts';
import { ALL_OFFLOADS, OFFLOAD_WORDS, type Offloads, parseOffloads } from '../control/offloads.ts';
import type { LinkArgs } from '../control/protocol.ts';
import { DEFAULT_SIZES, WORKERS_MOST } from '../tables/tables.ts';
import { Grammar, UsageError, type Word, type Words } from './grammar.ts';
import { checkName, checkNew, LINK_WORDS, type LinkReading, takeName } from './link-words.ts';
import { LOG_LEVELS, type LogLevel } from './log.ts';
import { isLinkLocal, oneOf, whole } from './values.ts';

/** Of a worker that is behind (`engine/urgency.ts`). */
const NICE = -5;

type Carrying = Pick<Options, 'fdbSize' | 'transport' | 'workers' | 'offloads' | 'busyPoll' | 'nice'> & {
  logLevel: LogLevel;
};

export type RunOptions = Options & Carrying;

interface RunReading extends LinkReading {
  carrying: Carrying;
}

function offloads(given: string): Offloads {
  const parsed = parseOffloads(given);
  if (parsed) return parsed;
  const words = OFFLOAD_WORDS.join(',');
  throw new UsageError(
    `--offload "${given}" is not known; it takes auto, off, some of ${words}, or some of them not: no${OFFLOAD_WORDS[0]},...`,
  );
}

function option(form: string, read: (given: string) => Partial<Carrying>): Word<RunReading> {
  return { form, take: ({ carrying }, next) => void Object.assign(carrying, read(next())), whole: true };
}

const OPTIONS: Words<RunReading> = {
  '--transport': option('native|dgram', (given) => ({
    transport: oneOf(given, '--transport', ['native', 'dgram']),
  })),
  '--offload': option('auto|off|WORD,...', (given) => ({ offloads: offloads(given) })),
  '--workers': option('auto|N', (given) => ({
    workers: given === 'auto' ? given : whole(given, '--workers', 1, WORKERS_MOST),
  })),
  '--busy-poll': option('US', (given) => ({ busyPoll: whole(given, '--busy-poll', 0, 1_000_000) })),
  '--nice': option('N', (given) => ({ nice: whole(given, '--nice', -20, 19) })),
  '--log-level': option(LOG_LEVELS.join('|'), (given) => ({
    logLevel: oneOf(given, '--log-level', LOG_LEVELS),
  })),
  '--fdb-size': option('N', (given) => ({ fdbSize: whole(given, '--fdb-size', 1, 16_000_000) })),
};

export const RUN_WORDS: Words<RunReading> = { ...LINK_WORDS, ...OPTIONS };
const GRAMMAR = new Grammar(RUN_WORDS);

export const RUN_FORM = `vtep run NAME ${GRAMMAR.form('id')}`;

export function parseRun(words: readonly string[]): RunOptions {
  const carrying: Carrying = {
    fdbSize: DEFAULT_SIZES.fdb,
    transport: 'native',
    workers: 1,
    offloads: ALL_OFFLOADS,
    busyPoll: 0,
    nice: NICE,
    logLevel: 'info',
  };
  const reading: RunReading = { args: { name: '' }, typed: false, running: true, carrying };
  GRAMMAR.read(
    words,
    reading,
    (word) => takeName(reading, word),
    () => reading.typed,
  );
  const { args } = reading;
  checkName(args);
  checkNew(args);
  checkDone(args);
  const linkLocal = args.remotes?.find(isLinkLocal);
  if (linkLocal && carrying.transport === 'dgram') {
    throw new UsageError(`remote "${linkLocal}" is link-local: it needs dev, and --transport native`);
  }
  if (carrying.transport === 'dgram') checkDgram(carrying);
  return { ...linkOptions(args), ...carrying };
}

/** What `run` understands and does not carry out. */
function checkDone(args: LinkArgs): void {
  const asked: [string, boolean][] = [
    ['group', Boolean(args.group)],
    ['ttl inherit', args.ttl === 'inherit'],
    ['tos', Boolean(args.tos)],
    ['flowlabel', Boolean(args.flowlabel)],
    ['df inherit', args.df === 'inherit'],
    ['rsc', args.rsc === true],
    ['udp6zerocsumtx', args.udp6zerocsumtx === true],
    ['udp6zerocsumrx', args.udp6zerocsumrx === true],
    ['external', args.external === true],
    ['localbypass', args.localbypass === true],
    ['innervlan', args.innervlan !== undefined && args.innervlan !== 'pass'],
  ];
  const [word] = asked.find(([, isAsked]) => isAsked) ?? [];
  if (word) throw new UsageError(`"${word}" is a word of a link that \`vtep run\` does not carry out`);
}

/** What was asked for and node:dgram cannot do. */
function checkDgram({ busyPoll, workers, offloads, nice }: Carrying): void {
  let asked: string | undefined;
  if (busyPoll > 0) asked = `--busy-poll ${busyPoll}`;
  else if (workers !== 1 && workers !== 'auto') asked = `--workers ${workers}`;
  else if (OFFLOAD_WORDS.some((each) => offloads[each]) && offloads !== ALL_OFFLOADS) asked = '--offload';
  else if (nice !== NICE) asked = `--nice ${nice}`;
  if (asked) {
    throw new UsageError(`${asked} needs --transport native: dgram is one thread on Node's own sockets`);
  }
}
