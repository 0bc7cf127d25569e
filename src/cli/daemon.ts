/** `vtep daemon`: the links of this network namespace, behind a control socket, until SIGINT, SIGTERM or `stop`. */

import { Dataplane } from '../control/dataplane.ts';
import { ENGINE_RANGES } from '../control/link-options.ts';
import { logTo } from '../control/log.ts';
import { countWorkers } from '../control/open-tap.ts';
import { socketPath } from '../control/socket-path.ts';
import { Daemon } from '../daemon/daemon.ts';
import { serve } from '../daemon/server.ts';
import { CARRYING_WORDS, type CarryingReading, defaultCarrying } from './carrying-words.ts';
import { FormError, Grammar, UsageError, type Words } from './grammar.ts';
import { whole } from './values.ts';
import { version } from './version.ts';

interface DaemonReading extends CarryingReading {
  socket?: string;
  links: number;
  remotes: number;
  /** End with the last link, as there was nobody who asked for a daemon. */
  untilEmpty: boolean;
}

const { '--transport': _, ...CARRYING } = CARRYING_WORDS;

export const DAEMON_WORDS: Words<DaemonReading> = {
  '--socket': {
    form: 'PATH',
    take: (reading, next) => {
      reading.socket = next();
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
  const reading: DaemonReading = {
    carrying: defaultCarrying(),
    links: 8192,
    remotes: 65_536,
    untilEmpty: false,
  };
  return GRAMMAR.read(words, reading, (word) => {
    throw new UsageError(`the word "${word}" is not known`);
  });
}

export async function daemon(words: readonly string[]): Promise<number> {
  try {
    return await carry(parse(words));
  } catch (error) {
    throw new FormError((error as Error).message, DAEMON_FORM);
  }
}

async function carry({ carrying, socket, links, remotes, untilEmpty }: DaemonReading): Promise<number> {
  const log = logTo(process.stderr, carrying.logLevel);
  const signalled = new Promise<undefined>((resolve) => {
    process.once('SIGINT', () => resolve(undefined));
    process.once('SIGTERM', () => resolve(undefined));
  });
  const workers = countWorkers(carrying);
  const plane = new Dataplane({ ...carrying, links, remoteSize: remotes, workers, atLocal: false }, log);
  const held = new Daemon(plane, untilEmpty);
  const server = await serve(socket ?? socketPath(), version(), (verb, args, gone) =>
    held.dispatch(verb, args, gone),
  ).catch(async (error) => {
    await held.close();
    throw error;
  });
  process.stdout.write(`vtep: daemon ready at ${server.path}\n`);
  const failure = await Promise.race([signalled, held.stopped, plane.engine.ended]);
  await held.close();
  await server.close();
  if (failure) log('error', failure);
  return failure ? 1 : 0;
}
