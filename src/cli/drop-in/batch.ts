/**
 * `ip -batch` and `bridge -batch`: lines that concern us are carried out here, those between them by the real tool in
 * one go, in the order of the file. Lines keep their numbers, so what is said of a failure is what the real tool says.
 * Neighbouring lines of our tables go to the daemon together.
 */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { splitWords } from '../batch-lines.ts';
import { type CommandLine, takeApart } from './command-line.ts';
import type { EntryRequest } from './daemon.ts';
import { requestOf } from './entries.ts';
import { Here } from './here.ts';
import { type Meant, meant } from './meant.ts';
import { HAND_OVER } from './shim.ts';

/** What a line ends the real tool with that does not come back from it: a word that is wrong, `help`. */
const AT_ONCE = 255;

/** The daemon of the link has said no, so it is there. */
const REFUSED = 255;

/** Lines that go to the daemon together, at most. */
const TOGETHER = 1024;

/** One that goes on behind a backslash is as many lines of the file as it takes. */
interface Line {
  first: number;
  last: number;
  words: string[];
}

interface Terms {
  real: string;
  line: CommandLine;
  file: string;
  /** A line with its options; the exit status. */
  carryOut: (words: readonly string[]) => Promise<number>;
}

export async function batch(terms: Terms): Promise<number> {
  const raw = linesIn(terms.file);
  return raw === undefined ? HAND_OVER : new Batch(terms, raw).run();
}

class Batch {
  private readonly terms: Terms;
  private readonly raw: readonly string[];
  private readonly options: readonly string[];
  /** Lines before it are done with, or wait. */
  private from = 0;
  private readonly waiting: { line: Line; request: EntryRequest }[] = [];
  /** As many go together as none of was refused lately, and twice that next time. */
  private together = 1;
  private failed = 0;
  private isOver = false;

  constructor(terms: Terms, raw: readonly string[]) {
    this.terms = terms;
    this.raw = raw;
    this.options = withoutBatch(terms.line);
  }

  async run(): Promise<number> {
    for (const each of linesOf(this.raw)) {
      const what = this.meantBy(each.words);
      if (what.kind === 'real') continue;
      await this.handOver(each.first);
      if (!this.isOver) await this.take(each, what);
      if (this.isOver) break;
    }
    if (!this.isOver) await this.handOver(this.raw.length);
    await this.settle();
    Here.release();
    return this.failed;
  }

  /** Options are none in a line. */
  private meantBy(words: readonly string[]): Meant {
    if (words[0].startsWith('-')) return { kind: 'real' };
    return meant(takeApart(this.terms.line.tool, [...this.options, ...words]));
  }

  /** What was left for the real tool, up to this line. */
  private async handOver(to: number): Promise<void> {
    const { from, raw } = this;
    this.from = to;
    if (raw.slice(from, to).every((each) => withoutComment(each).trim() === '')) return;
    await this.settle();
    if (!this.isOver) this.runReal(from, to);
  }

  private async take(line: Line, what: Meant): Promise<void> {
    const request = what.kind === 'fdb' ? await this.requestFor(what) : undefined;
    if (request) {
      this.waiting.push({ line, request });
      this.from = line.last + 1;
      if (this.waiting.length >= this.together) await this.settle();
      return;
    }
    await this.settle();
    if (this.isOver) return;
    if (what.kind !== 'fdb') Here.release();
    await this.alone(line);
  }

  private async requestFor(what: Extract<Meant, { kind: 'fdb' }>): Promise<EntryRequest | undefined> {
    Here.hold();
    const here = await Here.find(this.terms.line.netns);
    return here && (await here.link(what.dev)) ? requestOf(what) : undefined;
  }

  /** One that is refused is carried out once more, alone, which says why. */
  private async settle(): Promise<void> {
    const { waiting } = this;
    while (waiting.length > 0 && !this.isOver) {
      const some = waiting.slice(0, this.together).map(({ request }) => request);
      Here.hold();
      const here = await Here.find(this.terms.line.netns);
      const done = here ? await here.askAhead(some) : 0;
      const [next] = waiting.splice(0, done + 1).slice(done);
      this.together = next ? 1 : Math.min(2 * this.together, TOGETHER);
      if (next) await this.alone(next.line);
    }
  }

  private async alone({ first, last, words }: Line): Promise<void> {
    const status = await this.terms.carryOut([...this.options, ...words]);
    if (status !== 0 && status !== REFUSED) Here.release();
    const hasWaited = this.from > first;
    if (status === HAND_OVER) return hasWaited ? this.runReal(first, last + 1) : undefined;
    if (!hasWaited) this.from = last + 1;
    if (status > 0) process.stderr.write(`Command failed ${this.terms.file}:${last + 1}\n`);
    this.note(status < 0 ? AT_ONCE : Math.min(status, 1));
  }

  private note(status: number): void {
    this.failed ||= status;
    if (status === AT_ONCE) this.failed = AT_ONCE;
    this.isOver ||= status !== 0 && (!this.terms.line.force || status === AT_ONCE);
  }

  private runReal(from: number, to: number): void {
    const { raw, options } = this;
    const { real, line, file } = this.terms;
    Here.release();
    const lines = [...Array<string>(from).fill(''), ...raw.slice(from, to)];
    // the end of the file is as it is, of the others it is that of a line
    if (to < raw.length) lines.push('');
    const words = [...options, ...(line.force ? ['-force'] : []), '-batch', '-'];
    const { status, stderr } = spawnSync(real, words, {
      input: lines.join('\n'),
      stdio: ['pipe', 'inherit', 'pipe'],
      encoding: 'utf8',
    });
    process.stderr.write(stderr.replace(/^Command failed -:/gm, `Command failed ${file}:`));
    this.note(status ?? 1);
  }
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
    const text = begun + withoutComment(line);
    begun = text.endsWith('\\') ? text.slice(0, -1) : '';
    if (begun !== '') continue;
    const words = wordsOf(text);
    if (words.length > 0) yield { first, last: at, words };
    first = at + 1;
  }
}

function withoutComment(line: string): string {
  return line.replace(/#.*/, '');
}

/** None where they are a mistake, which the real tool is to say. */
function wordsOf(text: string): string[] {
  try {
    return splitWords(text);
  } catch {
    return [];
  }
}
