/** The default destinations that were said of a link: they come and go with what is said. */

import { ALL_ZERO } from './fdb.ts';
import { type Link, NO_VNI } from './link.ts';
import { defaults, type Remotes } from './site.ts';

/** Those that the table's verbs made stay. A trunk's are those of its VNIs, which see to it themselves. */
export function changeRemotes(link: Link, from: Remotes, to: Remotes): void {
  if (link.settings.vni === NO_VNI) return;
  const [before, after] = [defaults(from), defaults(to)];
  for (const dst of after) if (!before.includes(dst)) link.fdb.append({ mac: ALL_ZERO, dst });
  for (const dst of before) if (!after.includes(dst)) leave(link, dst);
}

/** A verb may have taken it away by itself. */
function leave(link: Link, dst: string): void {
  try {
    link.fdb.del({ mac: ALL_ZERO, dst });
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOENT') throw error;
  }
}
