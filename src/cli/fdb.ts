/** `vtep fdb`. */

import type { FdbArgs } from '../control/protocol.ts';
import {
  FDB_ENTRY,
  FDB_FLUSH,
  FDB_GET,
  FDB_SHOW,
  parseFdbAdd,
  parseFdbDel,
  parseFdbFlush,
  parseFdbGet,
  parseFdbShow,
} from './fdb-words.ts';
import { ask, type Command, type Commands, type Plan } from './plan.ts';
import { ENTRIES } from './print-fdb.ts';

function change(
  verb: 'fdb add' | 'fdb append' | 'fdb replace' | 'fdb del',
  parse: (words: readonly string[]) => FdbArgs,
): Command {
  const plan = (words: readonly string[]): Plan => ({ requests: [{ verb, args: parse(words) }] });
  return { form: `MAC ${FDB_ENTRY.form('dev')}`, grammar: FDB_ENTRY, plan };
}

function planShow(words: readonly string[]): Plan {
  const filter = parseFdbShow(words);
  return { requests: [ask('fdb show', filter)], kind: ENTRIES, isOfOne: filter.dev !== undefined };
}

export const FDB: Commands = {
  add: change('fdb add', parseFdbAdd),
  append: change('fdb append', parseFdbAdd),
  replace: change('fdb replace', parseFdbAdd),
  delete: change('fdb del', parseFdbDel),
  get: {
    form: `MAC ${FDB_GET.form('dev')}`,
    grammar: FDB_GET,
    plan: (words) => ({ requests: [ask('fdb get', parseFdbGet(words))], kind: ENTRIES }),
  },
  'show|lst|list': { form: `[MAC] ${FDB_SHOW.form()}`, grammar: FDB_SHOW, plan: planShow },
  flush: {
    form: FDB_FLUSH.form('dev'),
    grammar: FDB_FLUSH,
    plan: (words) => ({ requests: [ask('fdb flush', parseFdbFlush(words))] }),
  },
};
