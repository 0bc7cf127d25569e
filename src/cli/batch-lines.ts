/** Lines as iproute2 reads them in a batch: comments, lines that go on, quotes. */

import { UsageError } from './grammar.ts';

/** Most lines: words with one blank between them. */
const PLAIN = /^[^ \t\r'"#\\]+( [^ \t\r'"#\\]+)*$/;

export interface BatchLine {
  /** Of the last line that it took, from 1. */
  number: number;
  /** Or why there are none: a sentence. */
  words: string[] | string;
}

/** What text comes to, in chunks of which each may end in mid-line. Empty lines are left out. */
export class BatchLines {
  private number = 0;
  /** Of a line that goes on in the next one. */
  private begun: string | undefined;
  private rest = '';

  *add(chunk: string): Generator<BatchLine> {
    const lines = chunk.split('\n');
    lines[0] = this.rest + lines[0];
    this.rest = lines.pop() as string;
    for (const line of lines) {
      const taken = this.take(line);
      if (taken) yield taken;
    }
  }

  /** The last line may lack its end. */
  *end(): Generator<BatchLine> {
    if (this.rest !== '') yield* this.add('\n');
    if (this.begun !== undefined) {
      yield { number: this.number, words: 'the line goes on, and there is no other' };
    }
  }

  private take(line: string): BatchLine | undefined {
    this.number++;
    if (this.begun === undefined && PLAIN.test(line)) return { number: this.number, words: line.split(' ') };
    const hash = line.indexOf('#');
    const text = (this.begun ?? '') + (hash < 0 ? line : line.slice(0, hash));
    this.begun = text.endsWith('\\') ? text.slice(0, -1) : undefined;
    if (this.begun !== undefined) return undefined;
    try {
      const words = splitWords(text);
      return words.length > 0 ? { number: this.number, words } : undefined;
    } catch (error) {
      return { number: this.number, words: (error as UsageError).message };
    }
  }
}

/** Words are parted by blanks; a quoted one may have blanks in it. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  const word = /[ \t\r]*(?:"([^"]*)"|'([^']*)'|(["'])|([^ \t\r]+))/y;
  for (let found = word.exec(text); found; found = word.exec(text)) {
    const [, double, single, open, plain] = found;
    if (open !== undefined) throw new UsageError(`the quote ${open} has no end`);
    words.push(plain ?? double ?? single);
  }
  return words;
}
