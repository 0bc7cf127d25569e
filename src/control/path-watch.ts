/**
 * How large a packet the way to a link's remotes carries. The kernel knows it, by its interfaces' MTUs, its routes and by
 * what routers told it, which it forgets again: it is asked when datagrams did not fit, when an interface got another
 * MTU, when routes have changed, and once a minute.
 */

import { COUNTER } from '../tables/counters.ts';
import { REMOTE_TX_ERRORS } from '../tables/remotes.ts';
import type { Tables } from '../tables/tables.ts';
import type { HostFollower } from './host-follower.ts';
import type { Link } from './link.ts';
import type { LinkOptions } from './link-options.ts';
import { defaults, pathMtu } from './site.ts';

const AGAIN_SECONDS = 60;
/** Routes may change all the time, and links be many. */
const ROUTES_SECONDS = 5;
/** Of many remotes the first are asked about. */
const REMOTES_MOST = 64;

/** How often something of the host has changed. */
type Changes = Pick<HostFollower, 'routes' | 'mtus'>;

export class PathWatch {
  private readonly link: Link;
  private readonly tables: Tables;
  private readonly host: Changes;
  private tooBig = 0;
  private routes = 0;
  private mtus = 0;
  private seconds: number;

  constructor(link: Link, tables: Tables, host: Changes) {
    this.link = link;
    this.tables = tables;
    this.host = host;
    this.seconds = link.index % AGAIN_SECONDS; // not all in the same one
  }

  /** Once a second. */
  look(options: LinkOptions): void {
    const tooBig = this.tables.counters.get(this.link.index, COUNTER['too-big']);
    const isRouted = this.host.routes !== this.routes;
    const isOther = tooBig !== this.tooBig || this.host.mtus !== this.mtus;
    if (++this.seconds < (isRouted ? ROUTES_SECONDS : AGAIN_SECONDS) && !isOther) return;
    this.tooBig = tooBig;
    this.ask(options);
  }

  ask(options: LinkOptions): void {
    this.seconds = 0;
    this.routes = this.host.routes;
    this.mtus = this.host.mtus;
    this.link.pathMtu = pathMtu([...this.remotes(options)], options.dev, this.link.ipv6);
  }

  /** Default destinations, and those to which something could not be sent. */
  private remotes(options: LinkOptions): Set<string> {
    const { remotes } = this.tables;
    const asked = new Set(defaults(options));
    for (const remote of this.tooBig > 0 ? remotes.all() : []) {
      if (asked.size >= REMOTES_MOST) break;
      const isOurs = remotes.link(remote) === this.link.index;
      if (isOurs && remotes.counter(remote, REMOTE_TX_ERRORS) > 0) asked.add(this.link.fdb.address(remote));
    }
    return asked;
  }
}
