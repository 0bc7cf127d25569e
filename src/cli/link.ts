/** `vtep link`. */

import { Grammar, refused, UsageError } from './grammar.ts';
import { LINK_GRAMMAR, parseLinkAdd, parseLinkSet } from './link-words.ts';
import { ask, type Commands, type Plan } from './plan.ts';
import { LINKS } from './print-link.ts';
import type { Show } from './printer.ts';
import { device, oneOf } from './values.ts';

interface Filter {
  name?: string;
  up?: boolean;
}

const FILTER = new Grammar<Filter>({
  dev: {
    form: 'DEV',
    take: (filter, next) => {
      filter.name = device(next(), 'dev');
    },
    whole: true,
  },
  up: {
    form: '',
    take: (filter) => {
      filter.up = true;
    },
    whole: true,
  },
  type: { form: 'vxlan', take: (_, next) => void oneOf(next(), 'type', ['vxlan']), whole: true },
  ...refused('master', 'vtep does not know of bridges: say it to `ip link show`'),
  ...refused('group', 'vtep has no groups of devices: say it to `ip link show`'),
});

const NAME = new Grammar<Filter>({
  dev: {
    form: 'DEV',
    take: (filter, next) => {
      filter.name = device(next(), 'dev');
    },
    whole: true,
  },
  type: { form: 'vxlan', take: (_, next) => void oneOf(next(), 'type', ['vxlan']), whole: true },
  ...refused('group', 'vtep has no groups of devices: each is deleted by its name'),
});

function parseFilter(grammar: Grammar<Filter>, words: readonly string[]): Filter {
  const filter: Filter = {};
  return grammar.read(words, filter, (word) => {
    if (filter.name !== undefined) throw new UsageError(`the word "${word}" is not known`);
    filter.name = device(word, 'NAME');
  });
}

function planDel(words: readonly string[]): Plan {
  const { name } = parseFilter(NAME, words);
  if (name === undefined) throw new UsageError('NAME is missing: which link is to be deleted');
  return { requests: [ask('link del', { name })] };
}

function planShow(words: readonly string[], show: Show): Plan {
  const { name, up } = parseFilter(FILTER, words);
  return {
    requests: [ask('link show', { name, stats: show.stats || undefined })],
    kind: LINKS,
    pick: up ? (item: { up: boolean }) => item.up : undefined,
  };
}

export const LINK: Commands = {
  add: {
    form: `NAME type vxlan ${LINK_GRAMMAR.form('id')}`,
    grammar: LINK_GRAMMAR,
    plan: (words) => ({ requests: [ask('link add', parseLinkAdd(words))] }),
  },
  'set|change': {
    form: `NAME [type vxlan] ${LINK_GRAMMAR.form()}`,
    grammar: LINK_GRAMMAR,
    plan: (words) => ({ requests: [ask('link set', parseLinkSet(words))] }),
  },
  delete: { form: 'NAME', grammar: NAME, plan: planDel },
  'show|lst|list': { form: `[NAME] ${FILTER.form()}`, grammar: FILTER, plan: planShow },
};
