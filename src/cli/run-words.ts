/** The words of `vtep run`: those of a link, and the options of what carries it. */

import { linkOptions } from '../control/link-args.ts';
import type { Options } from '../control/link-options.ts';
import type { LinkArgs } from '../control/protocol.ts';
import { isLinkLocal } from '../wire/address.ts';
import {
  CARRYING_WORDS,
  type Carrying,
  type CarryingReading,
  checkDgram,
  defaultCarrying,
} from './carrying-words.ts';
import { Grammar, UsageError, type Words } from './grammar.ts';
import { checkName, checkNew, LINK_WORDS, takeName } from './link-words.ts';
import { newDevice } from './values.ts';
import type { LinkReading } from './vxlan-words.ts';

export interface RunOptions extends Options, Carrying {
  /** As it was said. */
  args: LinkArgs;
  /** Where verbs are taken, if they are. */
  socket?: string;
}

interface RunReading extends LinkReading, CarryingReading {
  socket?: string;
}

const SOCKET: Words<{ socket?: string }> = {
  '--socket': {
    form: 'PATH',
    take: (reading, next) => {
      reading.socket = next();
    },
    whole: true,
  },
};

export const RUN_WORDS: Words<RunReading> = { ...LINK_WORDS, ...CARRYING_WORDS, ...SOCKET };
const GRAMMAR = new Grammar(RUN_WORDS);

export const RUN_FORM = `vtep run NAME ${GRAMMAR.form('id')}`;

export function parseRun(words: readonly string[]): RunOptions {
  const carrying = defaultCarrying();
  const reading: RunReading = { args: { name: '' }, typed: false, running: true, carrying };
  GRAMMAR.read(
    words,
    reading,
    (word) => takeName(reading, word),
    () => reading.typed,
  );
  const { args, socket } = reading;
  checkName(args);
  newDevice(args.name, 'NAME');
  checkNew(args);
  checkDone(args);
  const linkLocal = args.remotes?.find(isLinkLocal);
  if (linkLocal && carrying.transport === 'dgram') {
    throw new UsageError(`remote "${linkLocal}" is link-local: it needs dev, and --transport native`);
  }
  if (carrying.transport === 'dgram') checkDgram(carrying);
  if (carrying.transport === 'dgram' && socket !== undefined) {
    throw new UsageError('--socket needs --transport native');
  }
  return { ...linkOptions(args), ...carrying, args, socket };
}

/** What `run` understands and does not carry out. */
function checkDone(args: LinkArgs): void {
  const asked: [string, boolean][] = [['external', args.external === true]];
  const [word] = asked.find(([, isAsked]) => isAsked) ?? [];
  if (word) throw new UsageError(`"${word}" is a word of a link that \`vtep run\` does not carry out`);
}
