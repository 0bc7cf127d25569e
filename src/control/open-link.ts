/** Opens one link alone, with all that carries it. */

import { CarriedLink } from './carried-link.ts';
import { Dataplane } from './dataplane.ts';
import type { Link } from './link.ts';
import type { Options, Say } from './link-options.ts';
import { openDgramLink } from './open-dgram.ts';
import { openTap } from './open-tap.ts';
import { survey } from './site.ts';
import { undoable } from './undo.ts';

export interface OpenLink {
  readonly name: string;
  readonly mtu: number;
  readonly workers: number;
  readonly link: Link;
  /** Resolves when it is carried no more: with what went wrong, or undefined after `close`. */
  readonly ended: Promise<string | undefined>;
  /** What carries it natively. */
  readonly plane?: Dataplane;
  readonly carried?: CarriedLink;
  /** Stops carrying, and takes away what was made. */
  close(): Promise<void>;
}

/** Its port is its own only at `local`: other VTEPs of this host may have it at other addresses. */
export function openLink(options: Options, say: Say): Promise<OpenLink> {
  return undoable(async (undo) => {
    const site = survey(options);
    const queues = openTap(options, site.existing, say);
    if (options.transport === 'dgram') return openDgramLink(options, site, queues[0], undo, say);
    const plane = new Dataplane({ ...options, links: 1, workers: queues.length, atLocal: true }, say);
    undo.push(() => plane.stop());
    const carried = await CarriedLink.openOver(plane, options, site, queues);
    undo.push(() => carried.close());
    undo.push(() => plane.turns.end());
    const { link, mtu } = carried;
    const ended = Promise.race([carried.ended, plane.engine.ended]);
    return { name: options.name, mtu, workers: queues.length, link, ended, plane, carried };
  });
}
