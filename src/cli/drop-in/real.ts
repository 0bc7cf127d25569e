/** The real tool, which stands behind ours in the PATH. */

import { spawnSync } from 'node:child_process';

export interface Run {
  status: number;
  out: string;
  error: string;
}

/** All three streams are ours. */
export function run(real: string, words: readonly string[]): number {
  const { status, signal, error } = spawnSync(real, words, { stdio: 'inherit' });
  if (error) throw new Error(`${real} cannot be run: ${error.message}`);
  return signal === null ? (status ?? 1) : 1;
}

/** What it says is returned. Without `input` it reads nothing. */
export function capture(real: string, words: readonly string[], input = ''): Run {
  const { status, stdout, stderr, error } = spawnSync(real, words, {
    input,
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  });
  if (error) throw new Error(`${real} cannot be run: ${error.message}`);
  return { status: status ?? 1, out: stdout, error: stderr };
}
