/** `vtep neigh`. */

import {
  NEIGH_ENTRY,
  NEIGH_FILTER,
  neighborsOf,
  parseNeighAdd,
  parseNeighDel,
  parseNeighFlush,
  parseNeighShow,
} from './neigh-words.ts';
import { ask, type Command, type Commands, type Plan } from './plan.ts';
import { NEIGHBORS } from './print-neigh.ts';

function change(verb: 'neigh add' | 'neigh change' | 'neigh replace'): Command {
  const plan = (words: readonly string[]): Plan => ({ requests: [ask(verb, parseNeighAdd(words))] });
  return { form: `IP ${NEIGH_ENTRY.form('lladdr', 'dev')}`, grammar: NEIGH_ENTRY, plan };
}

function planShow(words: readonly string[]): Plan {
  const { dev, to } = parseNeighShow(words);
  const isOfOne = dev !== undefined;
  return { requests: [ask('neigh show', { dev })], kind: NEIGHBORS, isOfOne, pick: neighborsOf(to) };
}

export const NEIGH: Commands = {
  add: change('neigh add'),
  'change|chg': change('neigh change'),
  replace: change('neigh replace'),
  delete: {
    form: 'IP dev DEV',
    grammar: NEIGH_ENTRY,
    plan: (words) => ({ requests: [ask('neigh del', parseNeighDel(words))] }),
  },
  'show|lst|list': { form: `[IP] ${NEIGH_FILTER.form()}`, grammar: NEIGH_FILTER, plan: planShow },
  flush: {
    form: '{ dev DEV | all }',
    grammar: NEIGH_FILTER,
    plan: (words) => ({ requests: [ask('neigh flush', parseNeighFlush(words))] }),
  },
};
