/** Which entries are meant, of those to be shown or flushed: words as `bridge fdb flush` has them. */

import { FDB_FLAG } from '../tables/fdb.ts';
import { parseIp } from '../wire/address.ts';
import { type FdbOwner, parseVia, refuseForeign } from './fdb-entry.ts';
import type { FdbFilter } from './protocol.ts';
import { Refusal } from './refusal.ts';

/** The kernel's states: `permanent` has both bits, `static` one, what ages none. */
const NOARP = 0x40;
const PERMANENT = 0x80;

/** What a word asks for: which bits are looked at, which must be set, which not. As in iproute2 6.7 and later. */
const STATE_WORDS = new Map<string, readonly [mask: number, set: number, clear: number]>([
  ['permanent', [PERMANENT, PERMANENT, 0]],
  ['nopermanent', [PERMANENT, 0, PERMANENT]],
  ['static', [PERMANENT | NOARP, NOARP, 0]],
  ['nostatic', [NOARP, 0, NOARP]],
  ['dynamic', [PERMANENT | NOARP, 0, PERMANENT | NOARP]],
  ['nodynamic', [NOARP, NOARP, 0]],
]);
const FLAG_WORDS = new Map<string, number>([
  ['router', FDB_FLAG.router],
  ['extern_learn', FDB_FLAG.externLearn],
  ['sticky', FDB_FLAG.sticky],
]);

export interface Matcher {
  /** Whether an entry with these flags is meant at all. */
  entry(flags: number): boolean;
  /** Whether this destination of it is. */
  remote(remote: number): boolean;
}

export function matcherOf(filter: Omit<FdbFilter, 'dev' | 'mac'>, owner: FdbOwner): Matcher {
  const { remotes } = owner.tables;
  refuseForeign(filter, owner);
  const matchesWords = wordsMatcher(filter.words ?? []);
  const ip = filter.dst === undefined ? undefined : parseIp(filter.dst);
  if (filter.dst !== undefined && !ip)
    throw new Refusal('EINVAL', `dst "${filter.dst}" is not an IP address, such as 192.0.2.1`);
  const scope = filter.via === undefined ? undefined : parseVia(filter.via, owner);
  const { port, vni } = filter;
  return {
    entry: matchesWords,
    remote: (remote) =>
      (!ip || remotes.hasAddress(remote, ip[0], ip[1], ip[2], ip[3])) &&
      (port === undefined || remotes.port(remote) === port) &&
      (vni === undefined || remotes.vni(remote) === vni) &&
      (scope === undefined || remotes.scope(remote) === scope),
  };
}

/** Several words are one mask; of a bit that one sets and another clears, the later holds. */
function wordsMatcher(words: readonly string[]): (flags: number) => boolean {
  let [stateMask, state, flagMask, flag] = [0, 0, 0, 0];
  for (const word of words) {
    const [mask, set, clear] = STATE_WORDS.get(word) ?? [0, 0, 0];
    const isNot = word.startsWith('no') && !STATE_WORDS.has(word);
    const bit = FLAG_WORDS.get(isNot ? word.slice(2) : word) ?? 0;
    if (mask === 0 && bit === 0) throw new Refusal('EINVAL', `"${word}" is no state or flag of an entry`);
    stateMask |= mask;
    state = (state & ~clear) | set;
    flagMask |= bit;
    flag = (flag & ~bit) | (isNot ? 0 : bit);
  }
  return (flags) => (kernelState(flags) & stateMask) === state && (flags & flagMask) === flag;
}

function kernelState(flags: number): number {
  if (flags & FDB_FLAG.permanent) return PERMANENT | NOARP;
  return flags & FDB_FLAG.static ? NOARP : 0;
}
