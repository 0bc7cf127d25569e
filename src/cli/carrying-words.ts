/** The options of what carries links: for one link, and for a daemon. */

import { ENGINE_RANGES, type EngineOptions } from '../control/link-options.ts';
import { LOG_LEVELS, type LogLevel } from '../control/log.ts';
import { ALL_OFFLOADS, OFFLOAD_WORDS, type Offloads, parseOffloads } from '../control/offloads.ts';
import { DEFAULT_SIZES } from '../tables/tables.ts';
import { UsageError, type Word, type Words } from './grammar.ts';
import { oneOf, whole } from './values.ts';

/** Of a worker that is behind (`engine/urgency.ts`). */
const NICE = -5;

export interface Carrying extends EngineOptions {
  logLevel: LogLevel;
}

export function defaultCarrying(): Carrying {
  return {
    fdbSize: DEFAULT_SIZES.fdb,
    transport: 'native',
    workers: 1,
    offloads: ALL_OFFLOADS,
    busyPoll: 0,
    nice: NICE,
    logLevel: 'info',
  };
}

function offloads(given: string): Offloads {
  const parsed = parseOffloads(given);
  if (parsed) return parsed;
  const words = OFFLOAD_WORDS.join(',');
  throw new UsageError(
    `--offload "${given}" is not known; it takes auto, off, some of ${words}, or some of them not: no${OFFLOAD_WORDS[0]},...`,
  );
}

export interface CarryingReading {
  carrying: Carrying;
}

function option(form: string, read: (given: string) => Partial<Carrying>): Word<CarryingReading> {
  return { form, take: ({ carrying }, next) => void Object.assign(carrying, read(next())), whole: true };
}

export const CARRYING_WORDS: Words<CarryingReading> = {
  '--transport': option('native|dgram', (given) => ({
    transport: oneOf(given, '--transport', ['native', 'dgram']),
  })),
  '--offload': option('auto|off|WORD,...', (given) => ({ offloads: offloads(given) })),
  '--workers': option('auto|N', (given) => ({
    workers: given === 'auto' ? given : whole(given, '--workers', ...ENGINE_RANGES.workers),
  })),
  '--busy-poll': option('US', (given) => ({
    busyPoll: whole(given, '--busy-poll', ...ENGINE_RANGES.busyPoll),
  })),
  '--nice': option('N', (given) => ({ nice: whole(given, '--nice', ...ENGINE_RANGES.nice) })),
  '--log-level': option(LOG_LEVELS.join('|'), (given) => ({
    logLevel: oneOf(given, '--log-level', LOG_LEVELS),
  })),
  '--fdb-size': option('N', (given) => ({ fdbSize: whole(given, '--fdb-size', ...ENGINE_RANGES.fdbSize) })),
};

/** What was asked for and node:dgram cannot do. */
export function checkDgram({ busyPoll, workers, offloads, nice }: Carrying): void {
  let asked: string | undefined;
  if (busyPoll > 0) asked = `--busy-poll ${busyPoll}`;
  else if (workers !== 1 && workers !== 'auto') asked = `--workers ${workers}`;
  else if (OFFLOAD_WORDS.some((each) => offloads[each]) && offloads !== ALL_OFFLOADS) asked = '--offload';
  else if (nice !== NICE) asked = `--nice ${nice}`;
  if (asked) {
    throw new UsageError(`${asked} needs --transport native: dgram is one thread on Node's own sockets`);
  }
}
