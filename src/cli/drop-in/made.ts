/** What a link, or a VNI of it, was made with: the kernel says more of those destinations. */

import type { FdbNews, LinkItem, VniArgs } from '../../control/protocol.ts';

export const ALL_ZERO = '00:00:00:00:00:00';

export function isMade(
  { mac, dev, dst, src_vni: source = -1 }: FdbNews,
  link: LinkItem | undefined,
  vnis: readonly VniArgs[],
): boolean {
  const of = vnis.find(
    ({ dev: name, vni: [first, last] }) => name === dev && first <= source && source <= last,
  );
  const own = [of?.remote, of?.group].filter((each) => each !== undefined);
  const made = own.length > 0 ? own : [...(link?.remotes ?? []), link?.group];
  return mac === ALL_ZERO && made.includes(dst);
}

/** The kernel says `via` of the destinations that a link was made with, and `vni` of those that a VNI was. */
export function asMade<E extends FdbNews>(entry: E, link: LinkItem | undefined, vnis: readonly VniArgs[]): E {
  if (!isMade(entry, link, vnis)) return entry;
  return { ...entry, vni: entry.vni ?? entry.src_vni, via: entry.via ?? link?.dev ?? undefined };
}
