/** A command line of `ip` or `bridge`, taken apart as iproute2 6.1 takes it: options, object, verb, the rest. */

import type { Show } from '../printer.ts';

export type Tool = 'ip' | 'bridge';

export interface CommandLine {
  tool: Tool;
  /** As they stand before the object. */
  options: string[];
  /** Of `-n`. */
  netns?: string;
  /** Of `-batch`: a file, or `-`. */
  batch?: string;
  force: boolean;
  json: boolean;
  details: boolean;
  stats: boolean;
  /** `link`, `fdb`, ... in full; empty where there is none, or none that matters here. */
  object: string;
  /** In full; what no verb is said means. */
  verb: string;
  /** Behind object and verb. */
  rest: string[];
}

/** Options with a value, by their whole names: any beginning will do, where no other option comes first. */
const VALUED: Record<Tool, readonly string[]> = {
  ip: ['-family', '-netns', '-batch', '-loops', '-rcvbuf'],
  bridge: ['-family', '-netns', '-batch'],
};

/** Objects that may concern a link of ours, with the fewest letters that iproute2 takes for them. */
const OBJECTS: Record<Tool, Record<string, number>> = {
  ip: { link: 1, address: 1, netns: 3, monitor: 2 },
  bridge: { link: 1, fdb: 1, mdb: 1, vlan: 1, vni: 2, monitor: 2 },
};

const SHOW = ['show', 'list', 'lst'];
/** Verbs in iproute2's order: the first that begins so is meant. */
const VERBS: Record<string, readonly string[]> = {
  link: ['add', 'set', 'change', 'replace', 'delete', ...SHOW],
  address: ['add', 'change', 'chg', 'replace', 'delete', ...SHOW],
  netns: [
    'list',
    'show',
    'lst',
    'help',
    'add',
    'set',
    'identify',
    'pids',
    'delete',
    'exec',
    'monitor',
    'attach',
  ],
  fdb: ['add', 'append', 'replace', 'delete', 'get', ...SHOW, 'flush'],
  vni: ['add', 'delete', ...SHOW],
  mdb: ['add', 'replace', 'delete', 'flush', ...SHOW, 'get'],
  vlan: ['add', 'delete', 'set', ...SHOW],
};

function optionOf(tool: Tool, word: string): string {
  const option = word.startsWith('--') ? word.slice(1) : word;
  // what begins as another option does, and is tried before it
  if (/^-(fo|br$|bri|r$)/.test(option)) return option;
  return VALUED[tool].find((name) => option.length > 1 && name.startsWith(option)) ?? option;
}

function verbOf(object: string, word: string | undefined): string {
  if (word === undefined) return 'show';
  const verb = VERBS[object].find((each) => each.startsWith(word)) ?? word;
  return SHOW.includes(verb) ? 'show' : verb;
}

export function takeApart(tool: Tool, words: readonly string[]): CommandLine {
  const line: CommandLine = {
    tool,
    options: [],
    force: false,
    json: false,
    details: false,
    stats: false,
    object: '',
    verb: '',
    rest: [],
  };
  let at = 0;
  while (at < words.length && words[at].startsWith('-') && words[at] !== '--')
    at = takeOption(line, words, at);
  if (words[at] === '--') at++;
  line.options = words.slice(0, at);
  const given = words[at];
  if (given === undefined) return line;
  const known = Object.entries(OBJECTS[tool]).find(
    ([name, least]) => given.length >= least && name.startsWith(given),
  );
  if (!known) return line;
  line.object = known[0];
  const hasVerbs = line.object in VERBS;
  if (hasVerbs) line.verb = verbOf(line.object, words[at + 1]);
  line.rest = words.slice(hasVerbs ? at + 2 : at + 1);
  return line;
}

/** Returns where the next word stands. */
function takeOption(line: CommandLine, words: readonly string[], at: number): number {
  const option = optionOf(line.tool, words[at]);
  const value = words[at + 1];
  if (option === '-netns') line.netns = value;
  if (option === '-batch') line.batch = value;
  const is = (name: string, least: number) => option.length >= least && name.startsWith(option);
  line.force ||= is('-force', 3);
  line.json ||= is('-json', 2);
  line.details ||= is('-details', 2);
  line.stats ||= is('-stats', 2) || is('-statistics', 2);
  return at + (VALUED[line.tool].includes(option) ? 2 : 1);
}

/** How the real tool would show things, and nothing of ours. */
export function showOf({ json, details, stats, options }: CommandLine): Show {
  const has = (form: RegExp) => options.some((option) => form.test(option));
  return { json, details, stats, pretty: has(/^--?p/), oneline: has(/^--?o/), plain: true };
}
