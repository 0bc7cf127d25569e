/** `vtep monitor`: what happens, until it is interrupted. */

import type { Verbs } from '../control/protocol.ts';
import { Grammar, UsageError } from './grammar.ts';
import { ask, type Command } from './plan.ts';
import { EVENTS } from './print-events.ts';

type What = Verbs['monitor']['args']['what'];

const ALL: What = ['link', 'fdb', 'neigh', 'miss'];

const GRAMMAR = new Grammar<{ what: What }>({
  ...Object.fromEntries(
    ALL.map((name) => [
      name === 'neigh' ? 'neighbour|neighbor' : name,
      { form: '', take: (asked: { what: What }) => void asked.what.push(name) },
    ]),
  ),
  all: { form: '', take: (asked) => void asked.what.push(...ALL) },
});

export const MONITOR: Command = {
  form: GRAMMAR.form(),
  grammar: GRAMMAR,
  plan: (words) => {
    const { what } = GRAMMAR.read(words, { what: [] }, (word) => {
      throw new UsageError(`the word "${word}" is not known; there is ${ALL.join(', ')}, all`);
    });
    return { requests: [ask('monitor', { what: what.length > 0 ? [...new Set(what)] : ALL })], kind: EVENTS };
  },
};
