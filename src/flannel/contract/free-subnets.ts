/** Which subnets of a network nobody has, and which of them a node takes. */

import type { Entry } from '../registry/registry.ts';
import { fits, type Network, type Pool } from './network.ts';
import {
  FAMILIES,
  type Family,
  isWithin,
  lastOf,
  overlap,
  parseKey,
  type Subnet,
  type Subnets,
  sizeOf,
  subnetAround,
} from './subnet.ts';

/** As many as flannel looks at, before it takes one of them by chance. */
const LOOKED_AT = 100;

/**
 * The subnets of those leases, whatever their values say. One that is not within the network takes nothing of it, nor
 * does one that is all of it: nobody could join any more for the sake of one wrong key.
 */
export function takenOf(entries: readonly Entry[], network: Network): Subnet[] {
  const isTaking = (subnet: Subnet | undefined): subnet is Subnet => {
    const whole = subnet && network[subnet.family]?.network;
    return (
      subnet !== undefined && whole !== undefined && subnet.length > whole.length && isWithin(subnet, whole)
    );
  };
  return entries.flatMap(({ key }) => Object.values(parseKey(key) ?? {})).filter(isTaking);
}

/** In order; no more than `most`. */
function freeSubnets({ first, last, length }: Pool, taken: readonly Subnet[], most = LOOKED_AT): Subnet[] {
  const { family } = first;
  const inOrder = taken
    .filter((subnet) => subnet.family === family)
    .sort((a, b) => (a.base < b.base ? -1 : Number(a.base > b.base)));
  const size = sizeOf(first);
  const free: Subnet[] = [];
  let next = 0;
  for (let base = first.base; base <= last.base && free.length < most; ) {
    while (next < inOrder.length && lastOf(inOrder[next]).value < base) next++;
    const blocker = inOrder[next];
    if (blocker === undefined || blocker.base >= base + size) {
      free.push({ family, base, length });
      base += size;
    } else base = subnetAround(lastOf(blocker), length).base + size;
  }
  return free;
}

/** One of each family, by chance. Throws, with a sentence, if there is none. */
export function pickSubnets(network: Network, taken: readonly Subnet[], random: () => number): Subnets {
  return Object.fromEntries(
    familiesOf(network).map((family) => {
      const free = freeSubnets(network[family] as Pool, taken);
      if (free.length === 0)
        throw new Error(`no subnet of the network is free any more over ${NAMES[family]}`);
      return [family, free[Math.floor(random() * free.length)]];
    }),
  );
}

const NAMES = { ipv4: 'IPv4', ipv6: 'IPv6' } as const;

export function familiesOf(network: Network): Family[] {
  return FAMILIES.filter((family) => network[family] !== undefined);
}

/** A subnet of the right size for each family of the network, and none beside. */
export function fitNetwork(network: Network, subnets: Subnets): boolean {
  return FAMILIES.every((family) => {
    const [pool, subnet] = [network[family], subnets[family]];
    return pool && subnet ? fits(pool, subnet) : pool === subnet;
  });
}

export function areFree(subnets: Subnets, taken: readonly Subnet[]): boolean {
  return !Object.values(subnets).some((subnet) => taken.some((other) => overlap(subnet, other)));
}
