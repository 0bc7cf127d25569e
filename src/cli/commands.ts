/** Verbs that are no object's, never cut short: each takes its own words, and is loaded when it is spoken. */

import type { CliOptions } from './options.ts';

export const COMMANDS: Readonly<Record<string, (words: string[], options: CliOptions) => Promise<number>>> = {
  daemon: async (words) => (await import('./daemon.ts')).daemon(words),
  stop: async (words, options) => (await import('./stop.ts')).stop(words, options),
  check: async (words) => (await import('./check.ts')).check(words),
  config: async (words, options) => (await import('./config.ts')).config(words, options),
  reload: async (words, options) => (await import('./config.ts')).reload(words, options),
  run: async (words) => (await import('./run.ts')).run(words),
  flannel: async (words, options) => (await import('./flannel.ts')).flannel(words, options),
  exec: async (words) => (await import('./exec.ts')).exec(words),
  completion: async (words) => (await import('./completion.ts')).completion(words),
  help: async (words) => (await import('./help.ts')).help(words),
};
