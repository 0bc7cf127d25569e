/**
 * `ip -batch` and `bridge -batch`: lines that concern us are carried out here, those between them by the real tool in
 * one go, in the order of the file. Lines keep their numbers, so what is said of a failure is what the real tool says.
 */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { splitWords } from '../batch-lines.ts';
import { type CommandLine, takeApart } from './command-line.ts';
import { meant } from './meant.ts';
import { HAND_OVER } from './shim.ts';

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
  let failed = false;
  let from = 0;
  const handOver = (to: number): boolean => {
    const part = raw.map((each, at) => (at >= from && at < to ? each : '')).slice(0, to);
    from = to;
    return part.every((each) => each.trim() === '') || runReal(real, options, part, line.force, file);
  };
  for (const { first, last, words } of linesOf(raw)) {
    if (meant(takeApart(line.tool, [...options, ...words])).kind === 'real') continue;
    failed = !handOver(first) || failed;
    if (failed && !line.force) return 1;
    const status = await carryOut([...options, ...words]);
    if (status === HAND_OVER) continue;
    from = last + 1;
    if (status === 0) continue;
    process.stderr.write(`Command failed ${file}:${last + 1}\n`);
    failed = true;
    if (!line.force) return 1;
  }
  return !handOver(raw.length) || failed ? 1 : 0;
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
    const words = splitWords(text);
    if (words.length > 0) yield { first, last: at, words };
    first = at + 1;
  }
}

function runReal(
  real: string,
  options: readonly string[],
  lines: readonly string[],
  force: boolean,
  file: string,
): boolean {
  const words = [...options, ...(force ? ['-force'] : []), '-batch', '-'];
  const { status, stderr } = spawnSync(real, words, {
    input: `${lines.join('\n')}\n`,
    stdio: ['pipe', 'inherit', 'pipe'],
    encoding: 'utf8',
  });
  process.stderr.write(stderr.replace(/^Command failed -:/gm, `Command failed ${file}:`));
  return status === 0;
}
