/**
 * How words are read: a table names each word, what stands behind it, and what it does. Words may be cut short as
 * iproute2 takes them: the first of the table that begins so is meant.
 */

/** A user's mistake: shown as a sentence, with the form. */
export class UsageError extends Error {}

/** Words that are right, but vtep cannot do it: no form would help. */
export class RefusedWord extends UsageError {}

/** With the form of the verb whose words they were. */
export class FormError extends UsageError {
  readonly form: string;

  constructor(message: string, form: string) {
    super(message);
    this.form = form;
  }
}

type Next = () => string;

/** Where a word stands, with what is behind it, that is said once. */
interface Said {
  once: string;
  from: number;
  to: number;
}

export interface Word<T> {
  /** What stands behind it: `MIN MAX`, or the words to choose from: `unset|set|inherit`. */
  form: string;
  take: (into: T, next: Next) => void;
  /** Of the words that have the same here, one is said, and once. */
  once?: string | ((into: T) => string | undefined);
  /** Never cut short. */
  whole?: boolean;
  /** Understood, but neither in the form nor completed. */
  hidden?: boolean;
}

/** By word; `id|vni` is one word with two spellings. */
export type Words<T> = Readonly<Record<string, Word<T>>>;

export class Grammar<T> {
  readonly words: Words<T>;
  /** In the table's order. */
  private readonly spellings = new Map<string, Word<T>>();
  /** What words that may be cut short begin with: most that are none, such as addresses, begin otherwise. */
  private readonly initials = new Set<string>();

  constructor(words: Words<T>) {
    this.words = words;
    for (const [names, word] of Object.entries(words)) {
      for (const name of names.split('|')) {
        this.spellings.set(name, word);
        if (!word.whole) this.initials.add(name[0]);
      }
    }
  }

  /** The word that is meant, in full; undefined: none. */
  find(given: string, mayBeShort = true): string | undefined {
    if (this.spellings.has(given)) return given;
    if (!mayBeShort || !this.initials.has(given[0])) return undefined;
    for (const [name, word] of this.spellings) {
      if (!word.whole && name.startsWith(given)) return name;
    }
    return undefined;
  }

  get(name: string): Word<T> | undefined {
    return this.spellings.get(name);
  }

  /** Reads all of them; `other` has those that the table does not know, and says no by throwing. */
  read(given: readonly string[], into: T, other: (word: string) => void, mayBeShort = () => true): T {
    const said: Said[] = [];
    let at = 0;
    let name: string | undefined;
    const next = () => {
      if (at >= given.length) throw new UsageError(`"${name}" wants a value behind it`);
      return given[at++];
    };
    while (at < given.length) {
      const from = at;
      const one = given[at++];
      name = this.find(one, mayBeShort());
      if (name === undefined) {
        other(one);
        continue;
      }
      const word = this.spellings.get(name) as Word<T>;
      const once = typeof word.once === 'function' ? word.once(into) : word.once;
      const before = once && said.find((each) => each.once === once);
      if (before) {
        const words = given.slice(before.from, before.to).join(' ');
        throw new UsageError(`"${name}" follows "${words}": only one of them can hold`);
      }
      word.take(into, next);
      if (once) said.push({ once, from, to: at });
    }
    return into;
  }

  /** In brackets, as a form shows them; `must` are those that cannot be left out. */
  form(...must: string[]): string {
    return Object.entries(this.words)
      .filter(([names, word]) => !word.hidden && !this.isOpposite(names))
      .map(([names, { form }]) => {
        const [name] = names.split('|');
        const words = `${form === '' && this.spellings.has(`no${name}`) ? '[no]' : ''}${name}${form && ` ${form}`}`;
        return must.includes(name) ? words : `[${words}]`;
      })
      .join(' ');
  }

  private isOpposite(name: string): boolean {
    return name.startsWith('no') && this.spellings.has(name.slice(2));
  }
}

/** A path or a name, which is none if it is empty. */
export function named(word: string, what: string): string {
  if (word !== '') return word;
  throw new UsageError(`${what} "" is empty: it wants a value`);
}

const FORM_WIDTH = 100;

/** A form over several lines; what stands in brackets is kept together. */
export function wrapped(form: string): string {
  const lines: string[] = [];
  let line = '';
  for (const part of form.match(/\[(\[no\])?[^\]]*\]|\S+/g) ?? []) {
    if (line.length + part.length >= FORM_WIDTH) {
      lines.push(line);
      line = '        ';
    }
    line += line === '' ? part : ` ${part}`;
  }
  return [...lines, line].join('\n');
}

/** Words that are said once; `learning` and `nolearning` are one. */
export function eachOnce<T>(words: Words<T>): Words<T> {
  return Object.fromEntries(
    Object.entries(words).map(([names, word]) => [names, { once: names.replace(/^no|\|.*/g, ''), ...word }]),
  );
}

/** A word that vtep cannot carry out: with the reason. */
export function refused<T>(name: string, why: string, form = ''): Words<T> {
  const take = (): void => {
    throw new RefusedWord(`"${name}" is refused: ${why}`);
  };
  return { [name]: { form, take, hidden: true } };
}

/** Words that iproute2 takes and that change nothing here. */
export function idle<T>(...names: string[]): Words<T> {
  return Object.fromEntries(names.map((name) => [name, { form: '', take: () => {}, hidden: true }]));
}
