/** The links over one set of tables: gives out indices, and hands each link what the data path tells of it. */

import type { Tables } from '../tables/tables.ts';
import { Link, type LinkSettings } from './link.ts';

export class Links {
  private readonly tables: Tables;
  private readonly clock: () => number;
  /** By index, from 1 on. */
  private readonly byIndex: (Link | undefined)[] = [undefined];

  constructor(tables: Tables, clock: () => number) {
    this.tables = tables;
    this.clock = clock;
    // a listener must not run inside the data path
    tables.events.ring = () => queueMicrotask(() => this.deliverEvents());
    this.deliverEvents();
  }

  /** A new link with an index of its own; no datagram finds it before `appear`. */
  add(settings: LinkSettings, ipv6: boolean, isDual = false): Link {
    let index = this.byIndex.indexOf(undefined, 1);
    if (index < 0) index = this.byIndex.length;
    if (index > this.tables.links.capacity) {
      const most = index === 2 ? '1 link' : `${index - 1} links`;
      throw new Error(`there is room for ${most} only (ENOSPC)`);
    }
    return this.adopt(new Link(this.tables, index, settings, ipv6, this.clock, isDual));
  }

  /** One that was made elsewhere, at its index. */
  adopt<T extends Link>(link: T): T {
    this.byIndex[link.index] = link;
    return link;
  }

  /** No worker carries it any more: what it held is given back, and its index is another's. */
  remove(link: Link): void {
    link.disappear();
    this.deliverEvents();
    link.forget();
    this.byIndex[link.index] = undefined;
  }

  /** Hands over what the data path has told since; happens by itself soon after. */
  deliverEvents(): void {
    this.tables.events.drain((words, at) => this.byIndex[words[at + 1]]?.tell(words, at));
  }
}
