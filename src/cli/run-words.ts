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
import { Grammar, RefusedWord, UsageError, type Words } from './grammar.ts';
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

const { external, vnifilter, ...OF_ONE_VNI } = LINK_WORDS;

export const RUN_WORDS: Words<RunReading> = {
  ...OF_ONE_VNI,
  external: { ...external, hidden: true },
  vnifilter: { ...vnifilter, hidden: true },
  ...CARRYING_WORDS,
  ...SOCKET,
};
const GRAMMAR = new Grammar(RUN_WORDS);

const ONE_VNI = '`vtep run` carries one VNI; a trunk is made by `vtep --start link add`';

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
  if (args.external) throw new RefusedWord(`"external" is refused: ${ONE_VNI}`);
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
