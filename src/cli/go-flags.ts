/**
 * Options as programs in Go take them: `-opt V`, `--opt V`, `-opt=V` and `--opt=V`, and an option that is a switch
 * alone or with `=true` or `=false`. What the command line leaves out may come from the environment.
 */

import { Grammar, UsageError, type Words } from './grammar.ts';

/** The option, and what stands behind its `=`. */
const OPTION = /^--?([^-=][^=]*)(?:=(.*))?$/s;

export class GoFlags<T> extends Grammar<T> {
  private readonly prefix: string;

  /** Words of the table begin with `--`. `prefix`: of the environment's names. */
  constructor(words: Words<T>, prefix: string) {
    super(words);
    this.prefix = prefix;
  }

  /** Returns which options were given. `other` has what is no option, and says no by throwing. */
  readFlags(given: readonly string[], into: T, other: (word: string) => void): Set<string> {
    const seen = new Set<string>();
    for (let at = 0; at < given.length; at++) {
      const [, name, value] = OPTION.exec(given[at]) ?? [];
      const word = name === undefined ? undefined : this.get(`--${name}`);
      if (name === undefined) other(given[at]);
      else if (!word) throw new UsageError(`the option "${given[at]}" is not known`);
      else {
        const next = () => {
          if (value !== undefined) return value;
          if (++at >= given.length) throw new UsageError(`the option "--${name}" wants a value behind it`);
          return given[at];
        };
        word.take(into, word.form === '' ? () => value ?? 'true' : next);
        seen.add(`--${name}`);
      }
    }
    return seen;
  }

  /** What was not given, from variables: `--etcd-cafile` from `FLANNELD_ETCD_CAFILE`. One that is empty is none. */
  readEnvironment(environment: NodeJS.ProcessEnv, seen: ReadonlySet<string>, into: T): void {
    for (const [names, word] of Object.entries(this.words)) {
      const spellings = names.split('|');
      if (spellings.some((name) => seen.has(name))) continue;
      for (const name of spellings) {
        const variable = `${this.prefix}${name.replaceAll('-', '_').toUpperCase().slice(1)}`;
        const value = environment[variable];
        if (value !== undefined && value !== '') this.takeVariable(variable, value, word.take, into);
      }
    }
  }

  private takeVariable(variable: string, value: string, take: Words<T>[string]['take'], into: T): void {
    try {
      take(into, () => value);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      throw new UsageError(`${error.message}; the environment has ${variable}`);
    }
  }
}

/** What Go takes as true and false. */
export function truth(word: string, what: string): boolean {
  if (/^(1|t|true)$/i.test(word)) return true;
  if (/^(0|f|false)$/i.test(word)) return false;
  throw new UsageError(`${what} "${word}" is neither true nor false`);
}
