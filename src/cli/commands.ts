/** Verbs that are no object's: each takes its own words, and is loaded when it is spoken. Returns the exit code. */

import type { CliOptions } from './options.ts';

export const COMMANDS: Readonly<Record<string, (words: string[], options: CliOptions) => Promise<number>>> = {
  daemon: async (words) => (await import('./daemon.ts')).daemon(words),
  run: async (words) => (await import('./run.ts')).run(words),
  exec: async (words) => (await import('./exec.ts')).exec(words),
  completion: async (words) => (await import('./completion.ts')).completion(words),
  help: async (words) => (await import('./help.ts')).help(words),
};
