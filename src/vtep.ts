/** The library's VTEP: one link over ports that the caller brings, driven by Node's loop. No addon, no root. */

import { ALL_ZERO } from './control/fdb.ts';
import { DEFAULT_SETTINGS, Link, type LinkSettings } from './control/link.ts';
import { ENGINE_RANGES } from './control/link-options.ts';
import { Links } from './control/links.ts';
import { checked, OWN_MAC, VNI, whole } from './control/shapes.ts';
import { monotonicSeconds } from './engine/engine.ts';
import { EventedEngine } from './engine/evented-engine.ts';
import type { Port, UnderlayPort } from './io/port.ts';
import { endpoint } from './tables/links.ts';
import { DEFAULT_SIZES, Tables } from './tables/tables.ts';
import { knownIp, parseMac } from './wire/address.ts';

export interface VtepOptions extends Partial<LinkSettings> {
  vni: number;
  /** Where frames come from and go to: a TAP, or memory. */
  tap: Port;
  /** Where datagrams come from and go to: node:dgram, or memory. */
  udp: UnderlayPort;
  /** Default destinations. */
  remotes?: readonly string[];
  /** The link's own MAC: frames that claim to come from it are dropped. */
  mac?: string;
  /** Our addresses on the underlay, so that a datagram of ours that comes back is known. */
  local?: readonly string[];
  /** Entries that the forwarding table has room for; 131072 unless given. */
  fdbSize?: number;
  /** Seconds, never going back; the monotonic clock unless given. */
  clock?: () => number;
}

const INDEX = 1;

const COUNT = whole(0, 2 ** 31 - 1);

/** Of the options, what may be of the right type and wrong nevertheless. */
const VALUES = {
  vni: VNI,
  port: whole(1, 65_535),
  ageing: COUNT,
  maxAddresses: COUNT,
  fdbSize: whole(...ENGINE_RANGES.fdbSize),
  mac: OWN_MAC,
};

export class Vtep extends Link {
  private readonly links: Links;
  private readonly engine: EventedEngine;
  private readonly ports: readonly Port[];

  constructor(options: VtepOptions) {
    const { tap, udp, remotes = [], local = [], clock = monotonicSeconds } = options;
    checkValues(options);
    const settings = { ...DEFAULT_SETTINGS, ...options };
    const ipv6 = [...remotes, ...local].some((address) => address.includes(':'));
    const tables = new Tables(
      Tables.allocate({ ...DEFAULT_SIZES, fdb: options.fdbSize ?? DEFAULT_SIZES.fdb }),
    );
    super(tables, INDEX, settings, ipv6, clock);
    this.links = new Links(tables, clock);
    this.links.adopt(this);
    this.appear();
    const mac = options.mac === undefined ? undefined : parseMac(options.mac);
    if (mac) tables.links.setMac(INDEX, mac.high, mac.low);
    for (const dst of remotes) this.fdb.append({ mac: ALL_ZERO, dst });
    for (const address of local) tables.own.addAddress(knownIp(address));
    for (const port of udp.sourcePorts) tables.own.addPort(port);
    const route = { link: INDEX, endpoint: endpoint(ipv6, settings.port) };
    this.engine = new EventedEngine(tables, tap, udp, route, clock);
    this.ports = [tap, udp];
  }

  /** Resolves when a port has ended for good: with why. After `close`: undefined. */
  get ended(): Promise<string | undefined> {
    return this.engine.ended;
  }

  /** Carries some of what waits at the ports now, instead of at the loop's next turn. Returns how many frames. */
  turn(): number {
    return this.engine.turn();
  }

  /** Hands over what the data path has told since; happens by itself soon after. */
  deliverEvents(): void {
    this.links.deliverEvents();
  }

  /** Ages the tables now, instead of within a second: for clocks that are turned by hand. */
  tick(): void {
    this.engine.tick();
  }

  /** Stops, and closes both ports. */
  async close(): Promise<void> {
    await this.engine.stop();
    for (const port of this.ports) port.close();
  }
}

function checkValues(options: VtepOptions): void {
  const said = Object.entries(options).filter(([key, value]) => key in VALUES && value !== undefined);
  checked(Object.fromEntries(said), VALUES, ['vni']);
}
