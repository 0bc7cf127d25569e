/** The states of entries as the kernel has them: bits, by which iproute2 picks. */

import type { FdbItem } from '../../control/protocol.ts';

const REACHABLE = 0x02;
const STALE = 0x04;
const NOARP = 0x40;
const PERMANENT = 0x80;

const BITS = {
  permanent: NOARP | PERMANENT,
  static: NOARP | REACHABLE,
  dynamic: REACHABLE,
  learned: REACHABLE,
} as const;

/** The words of `bridge fdb show state`, each of which may be cut; the first that fits is meant. */
const WORDS = [
  ['permanent', PERMANENT],
  ['static', NOARP],
  ['temp', NOARP],
  ['stale', STALE],
  ['reachable', REACHABLE],
  ['dynamic', REACHABLE],
  ['all', ~0],
] as const;

/** Whether an entry is among those that these words of `bridge fdb show` ask for. */
export function isPicked(words: readonly string[], { state }: Pick<FdbItem, 'state'>): boolean {
  const bits = BITS[state];
  for (let at = 0; at < words.length; at++) {
    if (/^(br|brport|dev)$/.test(words[at])) at++;
    else if (words[at] === 'state' && !(bits & wantedBits(words[++at]))) return false;
    else if (words[at] === 'dynamic' && bits & PERMANENT) return false;
  }
  return true;
}

/** What is no word, and the real one takes, is a number. */
function wantedBits(word = ''): number {
  return WORDS.find(([name]) => name.startsWith(word))?.[1] ?? Number(word);
}
