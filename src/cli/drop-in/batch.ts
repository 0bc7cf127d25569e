/**
 * `ip -batch` and `bridge -batch`: lines that concern us are carried out here, those between them by the real tool in
 * one go, in the order of the file. Lines keep their numbers, so what is said of a failure is what the real tool says.
 */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { splitWords } from '../batch-lines.ts';
import { type CommandLine, takeApart } from './command-line.ts';
import { Here } from './here.ts';
import { type Meant, meant } from './meant.ts';
import { HAND_OVER } from './shim.ts';

/** What a line ends the real tool with that does not come back from it: a word that is wrong, `help`. */
const AT_ONCE = 255;

/** One that goes on behind a backslash is as many lines of the file as it takes. */
interface Line {
  first: number;
  last: number;
  words: string[];
}

type CarryOut = (words: readonly string[]) => Promise<number>;

export async function batch(
  real: string,
  line: CommandLine,
  file: string,
  carryOut: CarryOut,
): Promise<number> {
  const raw = linesIn(file);
  if (raw === undefined) return HAND_OVER;
  const options = withoutBatch(line);
  let failed = 0;
  let from = 0;
  const handOver = (to: number): number => {
    const lines = raw.slice(from, to);
    const before = from;
    from = to;
    if (lines.every((each) => each.trim() === '')) return 0;
    Here.release();
    // the end of the file is as it is, of the others it is that of a line
    if (to < raw.length) lines.push('');
    return runReal(real, options, [...Array<string>(before).fill(''), ...lines], line.force, file);
  };
  for (const { first, last, words } of linesOf(raw)) {
    const kind = kindOf(line, options, words);
    if (kind === 'real') continue;
    const before = handOver(first);
    failed ||= before;
    if (failed && (!line.force || before === AT_ONCE)) return failed;
    if (kind === 'fdb') Here.hold();
    else Here.release();
    const status = await carryOut([...options, ...words]);
    if (status !== 0) Here.release();
    if (status === HAND_OVER) continue;
    from = last + 1;
    if (status === 0) continue;
    if (status < 0) return AT_ONCE;
    process.stderr.write(`Command failed ${file}:${last + 1}\n`);
    failed = 1;
    if (!line.force) return 1;
  }
  Here.release();
  return handOver(raw.length) || failed;
}

/** Options are none in a line. */
function kindOf({ tool }: CommandLine, options: readonly string[], words: readonly string[]): Meant['kind'] {
  return words[0].startsWith('-') ? 'real' : meant(takeApart(tool, [...options, ...words])).kind;
}

/** Undefined: it cannot be read, and the real tool is to say so. */
function linesIn(file: string): string[] | undefined {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8').split('\n');
  } catch {
    return undefined;
  }
}

/** All options but `-batch FILE` and `-force`. */
function withoutBatch({ tool, options }: CommandLine): string[] {
  const kept: string[] = [];
  for (let at = 0; at < options.length; at++) {
    const { batch, force, netns } = takeApart(tool, options.slice(at, at + 2));
    const alone = takeApart(tool, [options[at]]);
    if (batch !== undefined) at++;
    else if (!(force && alone.force)) {
      kept.push(options[at]);
      if (netns !== undefined) kept.push(options[++at]);
    }
  }
  return kept;
}

function* linesOf(raw: readonly string[]): Generator<Line> {
  let begun = '';
  let first = 0;
  for (const [at, line] of raw.entries()) {
    const text = begun + line.replace(/#.*/, '');
    begun = text.endsWith('\\') ? text.slice(0, -1) : '';
    if (begun !== '') continue;
    const words = wordsOf(text);
    if (words.length > 0) yield { first, last: at, words };
    first = at + 1;
  }
}

/** None where they are a mistake, which the real tool is to say. */
function wordsOf(text: string): string[] {
  try {
    return splitWords(text);
  } catch {
    return [];
  }
}

function runReal(
  real: string,
  options: readonly string[],
  lines: readonly string[],
  force: boolean,
  file: string,
): number {
  const words = [...options, ...(force ? ['-force'] : []), '-batch', '-'];
  const { status, stderr } = spawnSync(real, words, {
    input: lines.join('\n'),
    stdio: ['pipe', 'inherit', 'pipe'],
    encoding: 'utf8',
  });
  process.stderr.write(stderr.replace(/^Command failed -:/gm, `Command failed ${file}:`));
  return status ?? 1;
}
