/** Lines as iproute2 reads them in a batch: comments, lines that go on, quotes. */

import { UsageError } from './grammar.ts';

export interface BatchLine {
  /** Of the last line that it took, from 1. */
  number: number;
  words: string[];
}

/** From chunks of text. Empty lines are left out. */
export async function* batchLines(chunks: AsyncIterable<string>): AsyncGenerator<BatchLine | Error> {
  let number = 0;
  let begun: string | undefined;
  let rest = '';
  const take = (line: string): BatchLine | Error | undefined => {
    number++;
    const hash = line.indexOf('#');
    const text = (begun ?? '') + (hash < 0 ? line : line.slice(0, hash));
    begun = text.endsWith('\\') ? text.slice(0, -1) : undefined;
    if (begun !== undefined) return undefined;
    try {
      const words = splitWords(text);
      return words.length > 0 ? { number, words } : undefined;
    } catch (error) {
      return Object.assign(error as Error, { number });
    }
  };
  for await (const chunk of chunks) {
    const lines = chunk.split('\n');
    lines[0] = rest + lines[0];
    rest = lines.pop() as string;
    for (const line of lines) {
      const taken = take(line);
      if (taken) yield taken;
    }
  }
  const last = rest === '' ? undefined : take(rest);
  if (last) yield last;
  if (begun !== undefined) {
    yield Object.assign(new UsageError('the line goes on, and there is no other'), { number });
  }
}

/** Words are parted by blanks; a quoted one may have blanks in it. */
export function splitWords(text: string): string[] {
  if (!/['"]/.test(text)) return text.split(/[ \t\r]+/).filter((word) => word !== '');
  const words: string[] = [];
  let at = 0;
  while (at < text.length) {
    const sign = text[at];
    if (sign === ' ' || sign === '\t' || sign === '\r') at++;
    else if (sign === '"' || sign === "'") {
      const end = text.indexOf(sign, at + 1);
      if (end < 0) throw new UsageError(`the quote ${sign} has no end`);
      words.push(text.slice(at + 1, end));
      at = end + 1;
    } else {
      const end = /[ \t\r]|$/g;
      end.lastIndex = at;
      const stop = end.exec(text)?.index ?? text.length;
      words.push(text.slice(at, stop));
      at = stop;
    }
  }
  return words;
}
