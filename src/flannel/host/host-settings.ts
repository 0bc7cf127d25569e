/** What the host is to be, from what the registry, the interface to the other nodes and the command line say. */

import { familiesOf } from '../contract/free-subnets.ts';
import type { Ends } from '../contract/lease.ts';
import type { Network } from '../contract/network.ts';
import { type Family, formatSubnet, type Subnets } from '../contract/subnet.ts';
import type { External } from './external.ts';
import type { HostSettings, OwnEnd } from './host.ts';

export interface Given {
  readonly network: Network;
  readonly external: External;
  readonly subnets: Subnets;
  readonly ends: Ends;
  readonly bridge: string | undefined;
  readonly masquerade: boolean;
}

export function settingsOf({ network, external, subnets, ends, bridge, masquerade }: Given): HostSettings {
  const { vni, port, learning, directRouting } = network;
  const own = familiesOf(network).flatMap((family): [Family, OwnEnd][] => {
    const [pool, subnet, outside, end] = [network[family], subnets[family], external[family], ends[family]];
    if (!pool || !subnet || !outside || !end) return [];
    const texts = { network: formatSubnet(pool.network), subnet: formatSubnet(subnet) };
    return [[family, { ...texts, local: outside.local, mac: end.mac }]];
  });
  return {
    ...{ vni, port, learning, directRouting, bridge, masquerade },
    external: { name: external.name, mtu: network.mtu ?? external.mtu },
    ...Object.fromEntries(own),
  };
}
