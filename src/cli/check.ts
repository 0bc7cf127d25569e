/** `vtep check FILE`: what is wrong with a configuration, and where. Nothing is changed, no daemon is needed. */

import { DEFAULT_PATH, readText } from '../config/file.ts';
import { mistakeLines, readConfig } from '../config/read.ts';
import { FormError } from './grammar.ts';

export async function check([path = DEFAULT_PATH, ...more]: readonly string[]): Promise<number> {
  if (more.length > 0) throw new FormError(`the word "${more[0]}" is not known`, 'vtep check [FILE]');
  const lines = await mistakesIn(path);
  if (lines.length > 0) process.stderr.write(`${lines.join('\n')}\n`);
  return lines.length > 0 ? 1 : 0;
}

async function mistakesIn(path: string): Promise<string[]> {
  try {
    const reading = readConfig(await readText(path));
    return 'config' in reading ? [] : mistakeLines(path, reading.mistakes);
  } catch (error) {
    return [(error as Error).message];
  }
}
