/** The README's library example does what the README says. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');

it('prints what it prints', () => {
  const text = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const [, example, printed] = /```js\n([\s\S]*?)```\s+prints\s+```\n([\s\S]*?)```/.exec(text) ?? [];
  const face = pathToFileURL(join(ROOT, 'dist', 'index.js')).href;
  const script = example.replace("from 'vtep'", `from '${face}'`);
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  expect(out).toBe(printed);
});
