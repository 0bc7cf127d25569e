/** What stands before the verb, as in `ip`: -j, -d, -batch FILE, and so on; `--json` is the same as `-json`. */

import { Grammar, named, UsageError } from './grammar.ts';
import type { Show } from './printer.ts';

export interface CliOptions extends Show {
  batch?: string;
  force: boolean;
  version: boolean;
  help: boolean;
  socket?: string;
  /** Of which the daemon is meant, as `ip -n` has it. */
  namespace?: string;
  start: boolean;
}

function flag(name: keyof CliOptions) {
  return { form: '', take: (options: CliOptions) => void Object.assign(options, { [name]: true }) };
}

function value(name: keyof CliOptions, form: string) {
  const take = (options: CliOptions, next: () => string) => void Object.assign(options, { [name]: next() });
  return { form, take };
}

export const OPTIONS = new Grammar<CliOptions>({
  json: flag('json'),
  pretty: flag('pretty'),
  details: flag('details'),
  'statistics|stats': flag('stats'),
  oneline: flag('oneline'),
  batch: value('batch', 'FILE'),
  force: flag('force'),
  netns: value('namespace', 'NETNS'),
  socket: value('socket', 'PATH'),
  start: { ...flag('start'), whole: true },
  'V|Version|version': flag('version'),
  help: flag('help'),
});

/** The options, and the words from the verb on. */
export function parseOptions(words: readonly string[]): { options: CliOptions; rest: string[] } {
  const options: CliOptions = {
    json: false,
    pretty: false,
    details: false,
    stats: false,
    oneline: false,
    force: false,
    version: false,
    help: false,
    start: false,
  };
  let at = 0;
  while (at < words.length && words[at].startsWith('-') && words[at] !== '-') {
    const given = words[at++];
    const name = OPTIONS.find(given.replace(/^--?/, ''));
    if (name === undefined) throw new UsageError(`the option "${given}" is not known`);
    const next = () => {
      if (at >= words.length) throw new UsageError(`the option "${given}" wants a value behind it`);
      return named(words[at++], given);
    };
    OPTIONS.get(name)?.take(options, next);
  }
  return { options, rest: words.slice(at) };
}
