/**
 * `vtep daemon`: the links of this network namespace, behind a control socket, until SIGINT, SIGTERM or `stop`. With
 * `-c FILE` they are as the file says, before the daemon is ready and again at each SIGHUP, which else ends it too.
 */

import { fstatSync, ftruncateSync, rmSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { EngineArgs } from '../config/shapes.ts';
import { Dataplane } from '../control/dataplane.ts';
import { ENGINE_RANGES } from '../control/link-options.ts';
import { type Log, logTo } from '../control/log.ts';
import { formatOffloads } from '../control/offloads.ts';
import { countWorkers } from '../control/open-tap.ts';
import { takeBackAll } from '../control/record.ts';
import { logPath, socketPath } from '../control/socket-path.ts';
import type { Configuration } from '../daemon/configuration.ts';
import type { Dispatch } from '../daemon/conversation.ts';
import { Daemon } from '../daemon/daemon.ts';
import { serve } from '../daemon/server.ts';
import { CARRYING_WORDS, type CarryingReading, defaultCarrying } from './carrying-words.ts';
import { FormError, Grammar, named, UsageError, type Words } from './grammar.ts';
import { signalled } from './signalled.ts';
import { whole } from './values.ts';
import { version } from './version.ts';
import { carryOnUnheard } from './written.ts';

interface DaemonReading extends CarryingReading {
  /** Of a configuration. */
  file?: string;
  socket?: string;
  links: number;
  remotes: number;
  /** End with the last link, as there was nobody who asked for a daemon. */
  untilEmpty: boolean;
}

const { '--transport': _, ...CARRYING } = CARRYING_WORDS;

export const DAEMON_WORDS: Words<DaemonReading> = {
  '-c': {
    form: 'FILE',
    take: (reading, next) => {
      reading.file = next();
    },
    whole: true,
  },
  '--socket': {
    form: 'PATH',
    take: (reading, next) => {
      reading.socket = named(next(), '--socket');
    },
  },
  '--links': {
    form: 'N',
    take: (reading, next) => {
      reading.links = whole(next(), '--links', ...ENGINE_RANGES.links);
    },
  },
  '--remotes': {
    form: 'N',
    take: (reading, next) => {
      reading.remotes = whole(next(), '--remotes', ...ENGINE_RANGES.remotes);
    },
  },
  '--until-empty': {
    form: '',
    take: (reading) => {
      reading.untilEmpty = true;
    },
  },
  ...CARRYING,
};
const GRAMMAR = new Grammar(DAEMON_WORDS);

export const DAEMON_FORM = `vtep daemon ${GRAMMAR.form()}`;

function parse(words: readonly string[]): DaemonReading {
  try {
    return GRAMMAR.read(words, defaultReading(), (word) => {
      throw new UsageError(`the word "${word}" is not known`);
    });
  } catch (error) {
    throw new FormError((error as Error).message, DAEMON_FORM);
  }
}

function defaultReading(): DaemonReading {
  return { carrying: defaultCarrying(), links: 8192, remotes: 65_536, untilEmpty: false };
}

export async function daemon(words: readonly string[]): Promise<number> {
  const { file } = parse(words);
  if (file === undefined) return carry(parse(words));
  const { readText } = await import('../config/file.ts');
  const text = await readText(file); // once: it may be a pipe
  return carry(parse([...(await wordsOf(file, text)), ...words]), text);
}

/** What a file says of the engine and the log, as words; those of the command line come after, and win. */
async function wordsOf(file: string, text: string): Promise<string[]> {
  const { readSound } = await import('../config/read.ts');
  const { engine, log } = readSound(file, text);
  const level = log.level === undefined ? [] : ['--log-level', log.level];
  return [...Object.entries(engine).flatMap(([key, value]) => [`--${key}`, String(value)]), ...level];
}

/** `text`: of its file. */
async function carry(reading: DaemonReading, text?: string): Promise<number> {
  const { carrying, socket, links, remotes, untilEmpty, file } = reading;
  const path = socket ?? socketPath();
  const level = { level: carrying.logLevel };
  const log = logTo(process.stderr, level);
  const asked = signalled(file === undefined ? undefined : 'SIGHUP').then(() => undefined);
  process.on('SIGUSR2', () => log('info', 'SIGUSR2: `vtep -s link show` and `vtep fdb show` tell more'));
  carryOnUnheard();
  const workers = countWorkers(carrying);
  const plane = new Dataplane({ ...carrying, links, remoteSize: remotes, workers, atLocal: false }, log);
  const held = new Daemon(plane, untilEmpty);
  const terms = { engine: engineOf(reading), usual: engineOf(defaultReading()), log: level };
  let configuration: Configuration | undefined;
  const configured = lazily(async () => {
    const { Configuration } = await import('../daemon/configuration.ts');
    configuration = new Configuration(held, terms, file && resolve(file));
    return configuration;
  });
  const dispatch: Dispatch = (verb, args, gone) => {
    if (verb.startsWith('config ')) return configured().then((of) => of.dispatch(verb, args));
    const isFree = verb === 'stop' || verb === 'monitor';
    if (configuration?.busy && !isFree) return configuration.busy.then(() => dispatch(verb, args, gone));
    return held.dispatch(verb, args, gone);
  };
  const server = await serve(path, version(), dispatch, () => held.linger?.start()).catch(async (error) => {
    await held.close();
    throw error;
  });
  if (isOurs(logPath(path))) ftruncateSync(2); // of those before us
  try {
    takeBackAll();
    if (text !== undefined) await (await configured()).start(text);
  } catch (error) {
    await server.close();
    await held.close();
    throw error;
  }
  if (file !== undefined) process.on('SIGHUP', () => reload(configured, file, log));
  process.stdout.write(`vtep: daemon ready at ${server.path}\n`);
  const failure = await Promise.race([asked, held.stopped, plane.engine.ended]);
  await held.close();
  await server.close();
  if (failure) log('error', failure);
  else if (isOurs(logPath(path))) rmSync(logPath(path), { force: true });
  return failure ? 1 : 0;
}

/** The log that a verb has started us with. */
function isOurs(log: string): boolean {
  const file = statSync(log, { throwIfNoEntry: false });
  return file !== undefined && file.ino === fstatSync(2).ino && file.dev === fstatSync(2).dev;
}

/** Nobody waits for what a signal asked: it is said in the log. */
async function reload(configured: () => Promise<Configuration>, file: string, log: Log): Promise<void> {
  try {
    const steps = await (await configured()).reload({});
    log(
      'info',
      `${file} is in force: ${steps === 0 ? 'nothing has changed' : `${steps} step${steps === 1 ? '' : 's'}`}`,
    );
  } catch (error) {
    log('error', (error as Error).message);
  }
}

/** As a file has it. */
function engineOf({ carrying, links, remotes }: Omit<DaemonReading, 'untilEmpty'>): Required<EngineArgs> {
  return {
    workers: carrying.workers,
    links,
    remotes,
    'fdb-size': carrying.fdbSize,
    offload: formatOffloads(carrying.offloads),
    'busy-poll': carrying.busyPoll,
    nice: carrying.nice,
  };
}

function lazily<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
