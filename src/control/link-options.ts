/** What a link of this host is opened with, and how it speaks of what it could not have. */

import type { Mac } from '../wire/address.ts';
import type { LinkSettings } from './link.ts';

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
  /** Superframes and trains, where the kernel has them. */
  offload: boolean;
}

/** What the operator should know, one sentence each. */
export type Say = (level: 'warn' | 'info', sentence: string) => void;
