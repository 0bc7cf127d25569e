/** What was said to `vtep flannel`, by words and by the environment. */

import {
  FLANNEL_WORDS,
  type FlannelVerb,
  flannelForm,
  type InitReading,
  type LeaveReading,
  type NodeReading,
  type StatusReading,
} from './flannel-words.ts';
import type { GoFlags } from './go-flags.ts';
import { FormError, UsageError } from './grammar.ts';

const STATE = '/var/lib/vtep/flannel';

export function readNode(words: readonly string[], environment = process.env): NodeReading {
  const reading: NodeReading = {
    ifaces: [],
    ifaceRegexes: [],
    subnetFile: '/run/flannel/subnet.env',
    ipMasq: false,
    state: STATE,
    leaseTtl: 86_400,
    renewMargin: 60,
    forceNew: false,
    logLevel: 'info',
  };
  return read('', words, reading, environment);
}

export function readInit(words: readonly string[], environment = process.env): InitReading {
  return read('init', words, { force: false }, environment);
}

export function readStatus(words: readonly string[], environment = process.env): StatusReading {
  return read('status', words, { state: STATE, json: false }, environment);
}

export function readLeave(words: readonly string[], environment = process.env): LeaveReading {
  return read('leave', words, { state: STATE }, environment);
}

function read<T>(verb: FlannelVerb, words: readonly string[], into: T, environment: NodeJS.ProcessEnv): T {
  const flags = FLANNEL_WORDS[verb] as unknown as GoFlags<T>;
  try {
    const seen = flags.readFlags(words, into, (word) => {
      throw new UsageError(`the word "${word}" is not known`);
    });
    flags.readEnvironment(environment, seen, into);
    return into;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new FormError(error.message, flannelForm(verb));
  }
}
