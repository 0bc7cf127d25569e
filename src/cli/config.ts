/** `vtep config show|schema` and `vtep reload`: what runs as a file, what a file may say, and a file to be loaded. */

import { resolve } from 'node:path';
import { LINE_MOST } from '../control/lines.ts';
import { FormError } from './grammar.ts';
import type { CliOptions } from './options.ts';
import { ask } from './plan.ts';
import type { Kind } from './printer.ts';
import { carryOutVerb } from './verb.ts';

const LINES: Kind = { text: (line: string) => line, json: () => ({}) };

async function asObject(): Promise<Kind> {
  const { parse } = await import('yaml'); // takes longer than all else here
  const gather = (lines: readonly string[]) => [parse(lines.join('\n'))];
  return { ...LINES, gather, json: (config: object) => config, events: true }; // not a list
}

/** Room in a request for what stands around the file. */
const AROUND = 8192;

export async function config(words: readonly string[], options: CliOptions): Promise<number> {
  const [verb = '', ...more] = words;
  if (verb === 'show' && more.length === 0) {
    const kind = options.json ? await asObject() : LINES;
    return carryOutVerb({ requests: [ask('config show', undefined)], kind }, options);
  }
  if (verb === 'schema' && more.length === 0) {
    const { configSchema } = await import('../config/shapes.ts');
    process.stdout.write(`${JSON.stringify(configSchema(), null, 2)}\n`);
    return 0;
  }
  const wrong = verb === '' ? 'a word is missing' : `"${words.join(' ')}" is not known`;
  throw new FormError(`${wrong}; there is show, schema`, 'vtep config { show | schema }');
}

/** Without a file the daemon reads its own again; another is read here, with the rights of who asks. */
export async function reload([file, ...more]: readonly string[], options: CliOptions): Promise<number> {
  if (more.length > 0) throw new FormError(`the word "${more[0]}" is not known`, 'vtep reload [FILE]');
  if (file === undefined) return carryOutVerb({ requests: [ask('config reload', {})] }, options);
  const { readText } = await import('../config/file.ts');
  const text = await readText(file);
  if (JSON.stringify(text).length > LINE_MOST - AROUND) {
    throw new Error(
      `${file} is too long to be sent; a daemon reads its own file (vtep daemon -c) up to four times as long`,
    );
  }
  return carryOutVerb({ requests: [ask('config reload', { text, path: resolve(file) })] }, options);
}
