/** What a link of this host is opened with, and how it speaks of what it could not have. */

import type { Mac } from '../wire/address.ts';
import type { LinkSettings } from './link.ts';
import type { Offloads } from './offloads.ts';

export interface LinkOptions extends LinkSettings {
  name: string;
  remotes: string[];
  local?: string;
  dev?: string;
  sourcePorts: [number, number];
  ttl: number;
  mtu?: number;
  mac?: Mac;
  addresses: string[];
  checksum: boolean;
  /** Undefined: set where the transport can. */
  df?: boolean;
  up: boolean;
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

/** What the operator should know, one sentence each. */
export type Say = (level: 'warn' | 'info', sentence: string) => void;
