/** The way to a remote, as the kernel would send there, by rtnetlink. */

import { formatIp, parseIp } from '../wire/address.ts';
import { findDevice } from './devices.ts';
import {
  attribute,
  attributes,
  familyOf,
  fixedPart,
  ipBytes,
  ipOf,
  message,
  numberOf,
} from './netlink-message.ts';
import { ask, FLAGS, KernelRefusal, TYPE } from './rtnetlink.ts';

/** The source that it would be sent from, the interface it leaves by, and what the way carries. */
export interface Route {
  readonly source?: string;
  readonly dev?: string;
  readonly mtu?: number;
}

const ATTRIBUTE = { destination: 1, device: 4, source: 7, metrics: 8 } as const;
const METRIC_MTU = 2;
const FIXED = 12;
/** A packet is no longer, whatever the loopback's MTU says. */
const MTU_MOST = 65_535;

/** Undefined: there is none. `dev`: only by this interface. */
export function findRoute(remote: string, dev?: string): Route | undefined {
  const out = dev === undefined ? undefined : findDevice(dev);
  const ip = parseIp(remote);
  if (!ip || (dev !== undefined && !out)) return undefined;
  const bytes = ipBytes(ip);
  const fixed = fixedPart([1, familyOf(bytes)], [1, 8 * bytes.length], [2, 0], [4, 0], [4, 0]);
  const by = out ? [attribute(ATTRIBUTE.device, out.index)] : [];
  const request = message(TYPE.getRoute, FLAGS.ask, fixed, attribute(ATTRIBUTE.destination, bytes), ...by);
  try {
    return readRoute(ask(`there is no route to ${remote}`, request)[0]);
  } catch (error) {
    if (error instanceof KernelRefusal) return undefined;
    throw error;
  }
}

function readRoute(body: Buffer): Route {
  const found = attributes(body, FIXED);
  const source = ipOf(found.get(ATTRIBUTE.source));
  const leaves = findDevice(numberOf(found.get(ATTRIBUTE.device)));
  const mtu = numberOf(attributes(found.get(ATTRIBUTE.metrics)).get(METRIC_MTU)) || leaves?.mtu;
  return {
    source: source && formatIp(source[0], source[1], source[2], source[3]),
    dev: leaves?.name,
    mtu: mtu && Math.min(mtu, MTU_MOST),
  };
}
