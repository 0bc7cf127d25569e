/** What is to be thought of one lease of another node. */

import { type Ends, type Lease, leaseVni, parseLease } from '../contract/lease.ts';
import type { Network } from '../contract/network.ts';
import {
  FAMILIES,
  formatSubnet,
  isSame,
  isWithin,
  overlap,
  parseKey,
  type Subnet,
  type Subnets,
} from '../contract/subnet.ts';
import { type Reason, Unusable } from '../contract/unusable.ts';
import type { Entry } from '../registry/registry.ts';

/** What leases are judged by. */
export interface Self {
  readonly network: Network;
  readonly ends: Ends;
  readonly subnets: Subnets | undefined;
}

export type Verdict =
  | { readonly what: 'used'; readonly subnets: Subnets; readonly lease: Lease }
  /** Our own, or of a backend that is not ours to carry. */
  | { readonly what: 'passed over' }
  | { readonly what: 'refused'; readonly reason: Reason; readonly sentence: string; readonly rival?: string };

export const PASSED_OVER: Verdict = { what: 'passed over' };

/** `rivalOf`: the key of a lease that is used and has some of that subnet. */
export function verdictOn(
  entry: Entry,
  self: Self,
  rivalOf: (subnet: Subnet) => string | undefined,
): Verdict {
  try {
    return read(entry, self, rivalOf);
  } catch (error) {
    if (!(error instanceof Unusable)) throw error;
    const { reason, message } = error;
    return { what: 'refused', reason, sentence: message };
  }
}

function read({ key, value }: Entry, self: Self, rivalOf: (subnet: Subnet) => string | undefined): Verdict {
  const subnets = parseKey(key);
  if (!subnets) throw new Unusable('key', 'a lease is called as its subnet is, such as 10.5.52.0-24');
  if (isOwn(subnets, self)) return PASSED_OVER;
  if (value === undefined) throw new Unusable('too large', 'its value is larger than a lease is');
  const families = FAMILIES.filter((family) => subnets[family] && self.network[family]);
  const lease = parseLease(value, families);
  if (!lease) return PASSED_OVER;
  if (families.length === 0) throw new Unusable('outside the network', 'it is of no family of the network');
  checkNode(lease, self);
  const places = families.map((family) => subnets[family] as Subnet);
  for (const subnet of places) checkPlace(subnet, self);
  for (const subnet of places) {
    const rival = rivalOf(subnet);
    if (rival === undefined) continue;
    const sentence = `${formatSubnet(subnet)} overlaps the lease ${rival}, which was there before`;
    return { what: 'refused', reason: 'overlaps', sentence, rival };
  }
  return { what: 'used', subnets, lease };
}

function isOwn(subnets: Subnets, self: Self): boolean {
  return (
    self.subnets !== undefined && FAMILIES.every((family) => isSame(subnets[family], self.subnets?.[family]))
  );
}

function checkNode(lease: Lease, { network, ends }: Self): void {
  if (lease.vni !== undefined && lease.vni !== leaseVni(network.vni)) {
    throw new Unusable('vni', `its VNI is ${lease.vni}, and the network's is ${leaseVni(network.vni)}`);
  }
  for (const family of FAMILIES) {
    const [theirs, ours] = [lease[family], ends[family]];
    if (!theirs || !ours) continue;
    if (theirs.publicIp === ours.publicIp) {
      throw new Unusable('own address', `it has our address ${ours.publicIp}, which no other node may have`);
    }
    if (theirs.mac === ours.mac) throw new Unusable('own mac', `it has our VtepMAC ${ours.mac}`);
  }
}

function checkPlace(subnet: Subnet, { network, subnets }: Self): void {
  const whole = network[subnet.family]?.network;
  if (!whole || subnet.length <= whole.length || !isWithin(subnet, whole)) {
    throw new Unusable(
      'outside the network',
      `${formatSubnet(subnet)} is not a part of ${whole && formatSubnet(whole)}`,
    );
  }
  const own = subnets?.[subnet.family];
  if (own && overlap(subnet, own)) {
    throw new Unusable('own subnet', `${formatSubnet(subnet)} overlaps our own ${formatSubnet(own)}`);
  }
}
