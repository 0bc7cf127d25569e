/** `/run/flannel/subnet.env`: what container runtimes ask for their subnet, byte for byte as flannel writes it. */

import { readFileSync } from 'node:fs';
import type { Network } from './network.ts';
import {
  FAMILIES,
  type Family,
  formatAddress,
  formatSubnet,
  parseSubnet,
  type Subnet,
  type Subnets,
} from './subnet.ts';

const KEYS = {
  ipv4: { network: 'FLANNEL_NETWORK', subnet: 'FLANNEL_SUBNET' },
  ipv6: { network: 'FLANNEL_IPV6_NETWORK', subnet: 'FLANNEL_IPV6_SUBNET' },
} as const;

/** `mtu` is that of the tunnel. */
export function formatSubnetEnv(network: Network, subnets: Subnets, mtu: number, ipMasq: boolean): string {
  const lines = FAMILIES.flatMap((family) => {
    const [pool, subnet] = [network[family], subnets[family]];
    if (!pool || !subnet) return [];
    return [
      `${KEYS[family].network}=${formatSubnet(pool.network)}`,
      `${KEYS[family].subnet}=${formatGateway(subnet)}`,
    ];
  });
  return [...lines, `FLANNEL_MTU=${mtu}`, `FLANNEL_IPMASQ=${ipMasq}`, ''].join('\n');
}

/** The subnet's containers have it as theirs: `10.5.52.1/24`. The address before it is the tunnel's own. */
export function formatGateway({ family, base, length }: Subnet): string {
  return `${formatAddress({ family, value: base + 1n })}/${length}`;
}

/** What an earlier run had; of no file, or of one without sense, nothing. */
export function readSubnetEnv(path: string): Subnets {
  const text = read(path);
  return Object.fromEntries(
    FAMILIES.flatMap((family): [Family, Subnet][] => {
      const value = new RegExp(`^\\s*(?:export\\s+)?${KEYS[family].subnet}=["']?([^"'\\s]*)`, 'm').exec(
        text,
      )?.[1];
      const subnet = parseSubnet(value ?? '');
      return subnet?.family === family ? [[family, subnet]] : [];
    }),
  );
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
