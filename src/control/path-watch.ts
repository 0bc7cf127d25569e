/**
 * How large a packet the way to a link's remotes carries. The kernel knows it, by its interfaces' MTUs, its routes and by
 * what routers told it, which it forgets again: it is asked when datagrams did not fit, when routes have changed, and
 * once a minute; and at once when the interface they leave by got another MTU, as a sender who is told the old one keeps
 * to it.
 */

import { COUNTER } from '../tables/counters.ts';
import { REMOTE_TX_ERRORS } from '../tables/remotes.ts';
import type { Tables } from '../tables/tables.ts';
import type { HostFollower } from './host-follower.ts';
import type { Link } from './link.ts';
import { defaults, type Remotes, wayTo } from './site.ts';

const AGAIN_SECONDS = 60;
/** Routes may change all the time, and links be many. */
const ROUTES_SECONDS = 5;
/** Of many remotes the first are asked about. */
const REMOTES_MOST = 64;

/** How often something of the host has changed. */
type Changes = Pick<HostFollower, 'routes' | 'mtus' | 'hasOtherMtu'>;

export class PathWatch {
  private readonly link: Link;
  private readonly tables: Tables;
  private readonly host: Changes;
  private tooBig = 0;
  private routes = 0;
  private mtus = 0;
  /** Interfaces that its datagrams leave by. */
  private devices: readonly number[] = [];
  private seconds: number;
  private sinceAsked = 0;

  constructor(link: Link, tables: Tables, host: Changes) {
    this.link = link;
    this.tables = tables;
    this.host = host;
    this.seconds = link.index; // not all in the same one
  }

  /** Once a second. `underlay`: the index of the link's `dev`; 0: none is named. */
  look(said: Remotes, underlay: number): void {
    const tooBig = this.tables.counters.get(this.link.index, COUNTER['too-big']);
    const isTurn = ++this.seconds % AGAIN_SECONDS === 0;
    const isRouted = ++this.sinceAsked >= ROUTES_SECONDS && this.host.routes !== this.routes;
    if (!isTurn && !isRouted && tooBig === this.tooBig) return;
    this.tooBig = tooBig;
    this.ask(said, underlay);
  }

  /** An interface has got another MTU. */
  lookAtMtu(said: Remotes, underlay: number): void {
    if (this.host.hasOtherMtu(this.devices, this.mtus)) this.ask(said, underlay);
    else this.mtus = this.host.mtus;
  }

  ask(said: Remotes, underlay: number): void {
    this.sinceAsked = 0;
    this.routes = this.host.routes;
    this.mtus = this.host.mtus;
    const { mtu, devices } = wayTo([...this.remotes(said)], underlay || undefined, this.link.ipv6);
    this.link.pathMtu = mtu;
    this.devices = devices;
  }

  /** Default destinations, and those to which something could not be sent. */
  private remotes(said: Remotes): Set<string> {
    const { remotes } = this.tables;
    const asked = new Set(defaults(said));
    for (const remote of this.tooBig > 0 ? remotes.all() : []) {
      if (asked.size >= REMOTES_MOST) break;
      const isOurs = remotes.link(remote) === this.link.index;
      if (isOurs && remotes.counter(remote, REMOTE_TX_ERRORS) > 0) asked.add(this.link.fdb.address(remote));
    }
    return asked;
  }
}
