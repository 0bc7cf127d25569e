#!/usr/bin/env node
/**
 * The command: options, then a verb, each in a file of its own that is loaded when it is spoken.
 *
 * It ends with 0; with 1 if the daemon refused something, or there is none; with 2 if the words were not understood
 * (then nothing was done), or `run` could not start as asked.
 */

import { COMMANDS } from './commands.ts';
import { FormError, UsageError, wrapped } from './grammar.ts';
import { findVerb, loadObject, OBJECTS, planOf } from './objects.ts';
import { type CliOptions, parseOptions } from './options.ts';
import { version } from './version.ts';
import { mindWhatIsWritten } from './written.ts';

const HELP_WORD = /^(help|--help|-h|-help)$/;

async function main(given: readonly string[]): Promise<number> {
  const { options, rest } = parseOptions(given);
  // another program's words are no matter of ours, and words to be completed are not spoken yet
  if (rest[0] === 'exec' && rest.includes('--')) return COMMANDS.exec(rest.slice(1), options);
  if (rest[0] === 'completion' && rest[1] === 'words') return COMMANDS.completion(rest.slice(1), options);
  if (options.version || rest.includes('--version')) {
    process.stdout.write(`vtep ${version()}\n`);
    return 0;
  }
  if (options.batch !== undefined) {
    if (rest.length > 0) throw new UsageError(`"${rest[0]}" is one verb too many: -batch has them in a file`);
    return (await import('./verb.ts')).carryOutBatch(options.batch, options);
  }
  if (rest.length === 0 && !options.help) {
    await COMMANDS.help([], options);
    return 2;
  }
  if (options.help || rest.some((word) => HELP_WORD.test(word))) {
    const about = rest.filter((word) => !HELP_WORD.test(word));
    return COMMANDS.help(about, options);
  }
  return speak(rest, options);
}

async function speak([first, ...words]: string[], options: CliOptions): Promise<number> {
  const object = await loadObject(first);
  if (object) {
    const plan = planOf(findVerb(object.name, object.verbs, words), options);
    return (await import('./verb.ts')).carryOutVerb(plan, options);
  }
  if (Object.hasOwn(COMMANDS, first)) return COMMANDS[first](words, options);
  const objects = Object.keys(OBJECTS).map((name) => name.split('|')[0]);
  const known = [...objects, ...Object.keys(COMMANDS)].join(', ');
  throw new FormError(
    `the verb "${first}" is not known; there is ${known}`,
    'vtep [OPTIONS] VERB ...; see `vtep help`',
  );
}

mindWhatIsWritten();

/** Some commands are modules of their own, so what they throw is known by what it says, not by its class. */
function complain(error: Error & { form?: string; exitStatus?: number }): number {
  process.stderr.write(`vtep: ${error.message}\n`);
  if (error.form !== undefined) process.stderr.write(`form: ${wrapped(error.form)}\n`);
  return error.exitStatus ?? 2;
}

main(process.argv.slice(2))
  .catch(complain)
  .then((status) => {
    process.exitCode = status;
  });
