/** What a link of this host is opened with, what carries it, and how both speak of what they could not have. */

import { WORKERS_MOST } from '../tables/tables.ts';
import type { Mac } from '../wire/address.ts';
import type { LinkSettings } from './link.ts';
import type { Offloads } from './offloads.ts';

/** What may be said of an engine, from and to. */
export const ENGINE_RANGES = {
  workers: [1, WORKERS_MOST],
  links: [1, 65_535],
  remotes: [1, 4_000_000],
  fdbSize: [1, 16_000_000],
  busyPoll: [0, 1_000_000],
  nice: [-20, 19],
} as const;

/** One link: what `ip link add NAME type vxlan` says of it. */
export interface LinkOptions extends LinkSettings {
  name: string;
  /** Default destinations, at first. */
  remotes: string[];
  /** A multicast group as the default destination: joined on `dev`. */
  group?: string;
  local?: string;
  dev?: string;
  sourcePorts: [number, number];
  /** 0: the host's, or 1 for a group; `inherit`: the inner packet's. */
  ttl: number | 'inherit';
  /** DSCP and ECN as one byte; the inner ECN goes outward in any case. */
  tos: number | 'inherit';
  /** Over IPv6. */
  flowLabel: number | 'inherit';
  /** Undefined: set where the transport can. */
  df?: 'unset' | 'set' | 'inherit';
  /** Of the TAP, where it is made. */
  ifindex?: number;
  mtu?: number;
  mac?: Mac;
  addresses: string[];
  /** Over IPv4: whether datagrams have a checksum. */
  checksum: boolean;
  /** Over IPv6: whether datagrams without one are sent, and taken. */
  zeroChecksumTx: boolean;
  zeroChecksumRx: boolean;
  up: boolean;
}

/** What carries the links: the same for all of one process. */
export interface EngineOptions {
  fdbSize: number;
  transport: 'native' | 'dgram';
  /** Threads that carry frames. */
  workers: number | 'auto';
  /** Superframes, trains and merging, where the kernel has them. */
  offloads: Offloads;
  /** Microseconds that the native transport looks for more before it sleeps. */
  busyPoll: number;
  /** Priority of a thread that carries frames and is behind (`engine/urgency.ts`). */
  nice: number;
}

export type Options = LinkOptions & EngineOptions;

/** What the operator should know, one sentence each. */
export type Say = (level: 'warn' | 'info', sentence: string) => void;
