#!/usr/bin/env node
/** The command: one verb, and what to say when it is not that. */

import { readFileSync } from 'node:fs';
import { OFFLOAD_MEANINGS } from '../control/offloads.ts';
import { run } from './run.ts';
import { USAGE, UsageError } from './words.ts';

const HELP = `A userspace VXLAN data plane over TAP.

${USAGE}

Carries the frames of the TAP NAME in VXLAN until SIGINT or SIGTERM; SIGUSR2 prints the tables and counters.

--offload takes auto, off, some of these words with commas between, or some not to use (nogso,nolro):
${Object.entries(OFFLOAD_MEANINGS)
  .map(([word, meaning]) => `  ${word}  ${meaning}`)
  .join('\n')}
`;

function version(): string {
  const path = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}

async function main(words: string[]): Promise<number> {
  const [verb, ...rest] = words;
  if (verb === undefined || verb === 'help' || words.includes('--help') || words.includes('-h')) {
    process.stdout.write(HELP);
    return verb === undefined ? 2 : 0;
  }
  if (words.includes('--version') || words.includes('-V')) {
    process.stdout.write(`vtep ${version()}\n`);
    return 0;
  }
  try {
    if (verb !== 'run') throw new UsageError(`the verb "${verb}" is not known; there is "run"`);
    return await run(rest);
  } catch (error) {
    process.stderr.write(`vtep: ${(error as Error).message}\n`);
    process.stderr.write(`form: ${USAGE}\n`);
    return 2;
  }
}

process.exitCode = await main(process.argv.slice(2));
