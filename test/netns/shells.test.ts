/** Completion as zsh and fish do it; bash's is among the verbs' tests. Needs both shells, and no network. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { COMPLETIONS } from '../support/completions.ts';
import { MAIN } from '../support/vtep-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'vtep-shells-'));
const FILES = ['one.yaml', 'two.yaml'];
for (const name of FILES) writeFileSync(join(folder, name), '');
afterAll(() => rmSync(folder, { recursive: true }));

function run(command: string, words: readonly string[]): string {
  const { stdout, stderr } = spawnSync(command, words, { encoding: 'utf8', cwd: folder, timeout: 60_000 });
  expect(stderr).toBe('');
  return stdout;
}

const FISH = `
function vtep; "${process.execPath}" "${MAIN}" $argv; end
vtep completion fish | source
complete -C "$argv"
`;

const OFFERED: Record<string, (line: string) => string[]> = {
  // behind a tab it says of what sort a candidate is
  fish: (line) =>
    run('fish', ['--no-config', '-c', FISH, line])
      .split('\n')
      .map((each) => each.split('\t')[0]),
  zsh: (line) => {
    const script = join(import.meta.dirname, '..', 'support', 'complete.zsh');
    const said = run('zsh', ['-f', script, process.execPath, MAIN, line]);
    return Array.from(said.matchAll(/<<(.+)>>/g), ([, word]) => word);
  },
};

/** Some of what bash is asked: a shell takes its time. */
const SOME = COMPLETIONS.filter((_, at) => at % 3 === 0);

describe.each(Object.keys(OFFERED))('%s', (shell) => {
  it.each(SOME)('completes %j', (words, expected) => {
    const offered = OFFERED[shell](['vtep', ...words].join(' ')).filter((word) => word !== '');
    // where no word can stand, it may be a file
    expect(offered.sort()).toEqual(expected.length > 0 ? [...expected].sort() : FILES);
  });
});
