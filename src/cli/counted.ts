/** What was counted, with its sentence: only what there was any of. */

import { OFFLOADS } from '../memory/offload-counts.ts';
import { DROP_REASONS, NOTES } from '../tables/counters.ts';

const SENTENCES = Object.entries({ ...DROP_REASONS, ...NOTES, ...OFFLOADS });

/** `more` adds to the sentence of a counter. */
export function countedLines(
  counters: Readonly<Record<string, number>>,
  more: (name: string) => string = () => '',
): string[] {
  return SENTENCES.filter(([name]) => counters[name] > 0).map(
    ([name, sentence]) => `${name}: ${counters[name]} (${sentence}${more(name)})`,
  );
}
