/** What a later process must know to give our lease back and to take down what was made, when no node runs. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeIfOther } from './atomic-file.ts';
import type { Ends } from './contract/lease.ts';

export interface Remembered<W = unknown> {
  /** Where the registry is, in the words that the node was started with. */
  readonly words: W;
  readonly vni: number;
  readonly ends: Ends;
  readonly subnetFile: string;
}

/** Written where it is another than before. Throws a sentence. */
export function remember(state: string, remembered: Remembered): void {
  const text = `${JSON.stringify(remembered)}\n`;
  writeIfOther(pathIn(state), text, 'a node that leaves without its process will not know its lease');
}

/** Undefined: there is none that could be read. */
export function recall<W>(state: string): Remembered<W> | undefined {
  try {
    return JSON.parse(readFileSync(pathIn(state), 'utf8')) as Remembered<W>;
  } catch {
    return undefined;
  }
}

function pathIn(state: string): string {
  return join(state, 'node.json');
}
