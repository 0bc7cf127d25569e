/** YAML as plain values, with the place of each; its mistakes with theirs. A hostile file costs its length, no more. */

import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml';

/** That aliases may stand for, beside what is written out. */
const REPEATED_MOST = 100_000;
/** A configuration needs six. */
const DEPTH_MOST = 16;
const MISTAKES_MOST = 20;
const SENTENCE_MOST = 1000;

export interface Place {
  line: number;
  column: number;
}

export interface Mistake extends Place {
  sentence: string;
}

export type Values = { [key: string]: unknown };

/** What a file says, where it says it, and what is wrong with it: nothing is used of a file with mistakes. */
export class Source {
  readonly mistakes: Mistake[] = [];
  value: unknown;
  /** False: what its value is cannot be told. */
  isLegible = true;
  private readonly lines = new LineCounter();
  private readonly aliases = new Map<Node, Node | undefined>();
  /** Of the values of maps and lists, and of the keys of maps. */
  private readonly places = new WeakMap<object, Map<string, { key: number; value: number }>>();
  private readonly starts = new WeakMap<object, number>();
  private left: number;

  constructor(text: string) {
    this.left = text.length + REPEATED_MOST;
    const options = {
      lineCounter: this.lines,
      prettyErrors: false,
      uniqueKeys: false,
      resolveKnownTags: false,
      logLevel: 'error',
    } as const;
    this.read(parseDocument(text, options));
  }

  /** Where `value` begins, or that of `key` in it. */
  place(value: unknown, key?: string): Place {
    return this.placeAt(this.offset(value, key, 'value'));
  }

  /** `about`: a value that was read; `key`: one in it. `at` the key itself, where what stands there is not known. */
  mistake(about: unknown, sentence: string, key?: string, at: 'key' | 'value' = 'value'): void {
    this.mistakeAt(this.offset(about, key, at), sentence);
  }

  private offset(value: unknown, key: string | undefined, at: 'key' | 'value'): number {
    if (typeof value !== 'object' || value === null) return 0;
    const inside = key === undefined ? undefined : this.places.get(value)?.get(key)?.[at];
    return inside ?? this.starts.get(value) ?? 0;
  }

  /** The first of them are enough. */
  complain(at: Place, sentence: string): void {
    if (this.mistakes.length < MISTAKES_MOST) this.mistakes.push({ ...at, sentence: printable(sentence) });
  }

  private mistakeAt(offset: number, sentence: string): void {
    this.complain(this.placeAt(offset), sentence);
  }

  private placeAt(offset: number): Place {
    const { line, col } = this.lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  private read(document: Document.Parsed): void {
    for (const { code, message, pos } of [...document.errors, ...document.warnings]) {
      const isDeep = code === 'RESOURCE_EXHAUSTION';
      this.mistakeAt(pos[0], isDeep ? `this is nested more than ${DEPTH_MOST} deep` : inOurWords(message));
      if (isDeep) break; // what follows is only its consequence
    }
    this.isLegible = this.mistakes.length === 0;
    if (!this.isLegible) return;
    this.findAliases(document);
    if (document.contents) this.value = this.plain(document.contents, DEPTH_MOST);
  }

  /** An anchor may be set again: an alias means the last one before it. */
  private findAliases(document: Document.Parsed): void {
    const anchors = new Map<string, Node>();
    visit(document, {
      Node: (_, node) => {
        if (isAlias(node)) this.aliases.set(node, anchors.get(node.source));
        else if (node.anchor !== undefined) anchors.set(node.anchor, node);
      },
    });
  }

  private plain(node: Node | null, depth: number): unknown {
    if (node === null || isScalar(node)) return node?.value ?? null;
    const at = node.range?.[0] ?? 0;
    if (depth === 0) {
      this.isLegible = false;
      return this.mistakeAt(at, `this is nested more than ${DEPTH_MOST} deep`);
    }
    if (isAlias(node)) {
      const meant = this.aliases.get(node);
      if (meant) return this.plain(meant, depth - 1);
      return this.mistakeAt(at, `the alias *${node.source} has no anchor &${node.source} before it`);
    }
    const made: Values | unknown[] = isSeq(node) ? [] : Object.create(null);
    this.starts.set(made, at);
    const places = new Map<string, { key: number; value: number }>();
    this.places.set(made, places);
    if (isSeq(node)) this.fillList(made as unknown[], node.items as Node[], places, depth);
    if (isMap(node)) this.fillMap(made as Values, node.items as Pair[], places, depth);
    return made;
  }

  private fillList(made: unknown[], items: readonly Node[], places: Places, depth: number): void {
    for (const item of items) {
      if (this.isSpent(item)) return;
      const at = item?.range?.[0] ?? 0;
      places.set(String(made.length), { key: at, value: at });
      made.push(this.plain(item, depth - 1));
    }
  }

  private fillMap(made: Values, pairs: readonly Pair[], places: Places, depth: number): void {
    for (const { key, value } of pairs) {
      if (this.isSpent(key)) return;
      const at = key?.range?.[0] ?? 0;
      if (!isScalar(key)) {
        this.mistakeAt(at, 'a key must be a word');
        continue;
      }
      const name = key.source ?? String(key.value); // an interface may be called 007
      const before = places.get(name);
      if (before)
        this.mistakeAt(at, `"${name.slice(0, 40)}" stands at line ${this.placeAt(before.key).line} already`);
      places.set(name, { key: at, value: value?.range?.[0] ?? at });
      made[name] = this.plain(value, depth - 1);
    }
  }

  private isSpent(node: Node | null): boolean {
    if (this.left-- > 0) return false;
    this.isLegible = false;
    if (this.left === -1) {
      this.mistakeAt(
        node?.range?.[0] ?? 0,
        `aliases of aliases multiply here: they stand for more than ${REPEATED_MOST} values`,
      );
    }
    return true;
  }
}

type Places = Map<string, { key: number; value: number }>;

interface Pair {
  key: Node | null;
  value: Node | null;
}

/** Whatever it quotes: one line, and nothing that a terminal obeys. */
function printable(sentence: string): string {
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return sentence.slice(0, SENTENCE_MOST).replace(/[\p{Cc}\u2028\u2029]/gu, escaped);
}

/** The parser's sentences begin with a capital letter, ours go on behind the place. */
function inOurWords(message: string): string {
  if (/tabs/i.test(message)) return 'a tab stands where spaces must: YAML is indented by spaces';
  if (/multiple documents/i.test(message)) return 'a second document begins here: a file is one';
  return message.charAt(0).toLowerCase() + message.slice(1);
}
