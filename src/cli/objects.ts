/** What there is to speak of; each with its verbs in a file of its own, that only those load who need it. */

import { FormError, RefusedWord, UsageError } from './grammar.ts';
import type { Command, Commands, Plan } from './plan.ts';
import type { Show } from './printer.ts';

type Load = () => Promise<Commands> | Commands;

/** In the order in which iproute2 tries them; `neigh|neighbour` is one with two spellings. */
export const OBJECTS: Readonly<Record<string, Load>> = {
  link: async () => (await import('./link.ts')).LINK,
  fdb: async () => (await import('./fdb.ts')).FDB,
  'neigh|neighbour|neighbor': async () => (await import('./neigh.ts')).NEIGH,
  vni: async () => (await import('./vni.ts')).VNI,
  monitor: async () => ({ '': (await import('./monitor.ts')).MONITOR }),
};

/** The first of `names` that begins as given. */
export function spelled(names: readonly string[], given: string): string | undefined {
  const meant = names.flatMap((name) => name.split('|').map((spelling) => ({ name, spelling })));
  return (
    meant.find(({ spelling }) => spelling === given)?.name ??
    meant.find(({ spelling }) => given !== '' && spelling.startsWith(given))?.name
  );
}

export interface Spoken {
  name: string;
  verbs: Commands;
}

/** Undefined: there is no such object. */
export async function loadObject(given: string): Promise<Spoken | undefined> {
  const name = spelled(Object.keys(OBJECTS), given);
  return name === undefined ? undefined : { name, verbs: await OBJECTS[name]() };
}

export interface Found {
  object: string;
  verb: string;
  command: Command;
  words: readonly string[];
}

/** Without a verb it is `show`, as in iproute2. */
export function findVerb(object: string, verbs: Commands, words: readonly string[]): Found {
  if (Object.hasOwn(verbs, '')) return { object, verb: '', command: verbs[''], words };
  const given = words[0] ?? 'show';
  const rest = words.slice(1);
  if (Object.hasOwn(verbs, given)) return { object, verb: given, command: verbs[given], words: rest };
  const names = Object.keys(verbs);
  const name = spelled(names, given);
  if (name !== undefined) return { object, verb: name, command: verbs[name], words: rest };
  const spoken = firstOf(object);
  const listed = names.map(firstOf).join(', ');
  throw new FormError(
    `the verb "${given}" of ${spoken} is not known; there is ${listed}`,
    `vtep ${spoken} { ${listed.replaceAll(', ', ' | ')} }`,
  );
}

export function formOf({ object, verb, command }: Found): string {
  return ['vtep', firstOf(object), firstOf(verb), command.form].filter((part) => part !== '').join(' ');
}

/** Of the spellings. */
function firstOf(name: string): string {
  return name.split('|')[0];
}

/** A verb's words come to a plan, or to a sentence with the verb's form. */
export function planOf(found: Found, show: Show): Plan {
  try {
    return found.command.plan(found.words, show);
  } catch (error) {
    if (!(error instanceof UsageError) || error instanceof RefusedWord) throw error;
    throw new FormError(error.message, formOf(found));
  }
}
