/**
 * The README's library examples print what stands below them, run as they stand: `vtep` is this package, built. Its tables
 * are those that the differential tests go by; `vitest -u` brings them up to date.
 */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withTables } from '../support/readme-tables.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

/** A block of JavaScript, and the next block of text: what it prints. */
const EXAMPLES = Array.from(README.matchAll(/```js\n(.*?)```.*?```text\n(.*?)```/gs), ([, code, output]) => ({
  imports: code.match(/\{ (.*) \} from 'vtep'/)?.[1],
  code,
  output,
}));

describe('the library examples of the README', () => {
  it('are all of its JavaScript', () => {
    expect(EXAMPLES.length).toBe(2);
    expect(README.match(/```js\n/g)?.length).toBe(EXAMPLES.length);
  });

  it.each(EXAMPLES)('print what it says: $imports', ({ code, output }) => {
    const words = ['--input-type=module', '-'];
    const printed = execFileSync(process.execPath, words, { cwd: ROOT, input: code, encoding: 'utf8' });
    expect(printed).toBe(output);
  });
});

/** With `npm run demo` root sees another one, which CI runs. */
const DEMO_IN_MEMORY = `
import { MemoryStage } from './scripts/demo/memory-stage.mjs';
import { tell } from './scripts/demo/story.mjs';
const stage = new MemoryStage();
process.exitCode = await tell(stage);
await stage.close();`;

describe('the demo of who is not root', () => {
  it('tells its story to the end', () => {
    const words = ['--input-type=module', '-'];
    const told = execFileSync(process.execPath, words, {
      cwd: ROOT,
      input: DEMO_IN_MEMORY,
      encoding: 'utf8',
    });
    expect(told).toMatch(/What red learned {2}vtep\.fdb\.list\(\)\n( {2}.* dst 192\.0\.2\.\d self.*\n){4}/);
    expect(told).toContain('All of it worked.');
  });
});

describe('the tables of the README', () => {
  it('say what the differential tests show', async () => {
    await expect(withTables(README)).toMatchFileSnapshot('../../README.md');
  });
});
