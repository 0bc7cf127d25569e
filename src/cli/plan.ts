/** What a verb's words come to: requests to the daemon, and how its items are shown. */

import type { Verb, Verbs } from '../control/protocol.ts';
import type { Grammar } from './grammar.ts';
import type { Kind, Show } from './printer.ts';

export interface Asked {
  verb: Verb;
  args: unknown;
}

export interface Plan {
  requests: readonly Asked[];
  kind?: Kind;
  /** All items are of one device, and it was named. */
  isOfOne?: boolean;
  /** Which of the items are shown; all, unless given. */
  pick?: (item: never) => boolean;
}

export interface Command {
  /** After the verb. */
  form: string;
  grammar?: Pick<Grammar<never>, 'words'>;
  plan(words: readonly string[], show: Show): Plan;
}

/** By verb, in the order in which iproute2 tries them; `show|lst|list` is one with three spellings. */
export type Commands = Readonly<Record<string, Command>>;

export function ask<V extends Verb>(verb: V, args: Verbs[V]['args']): Asked {
  return { verb, args };
}
