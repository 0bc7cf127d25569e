/** What a node tells of itself, for `vtep flannel status`. */

import type { Ages } from './ages.ts';
import type { Network } from './contract/network.ts';
import { FAMILIES, formatSubnet } from './contract/subnet.ts';
import type { External } from './host/external.ts';
import type { Host, HostSettings } from './host/host.ts';
import { tunnelMtu } from './host/tunnel.ts';
import type { Standing } from './leases/claim.ts';
import type { Leases, Refusal } from './leases/leases.ts';
import type { OwnLeaseStatus } from './leases/own-lease.ts';

export interface PeerStatus {
  readonly subnet: string;
  readonly remote: string;
  readonly mac: string;
  /** Seconds since its lease was seen first as it is now. */
  readonly age?: number;
  readonly programmed: boolean;
  /** Why it is not. */
  readonly problem?: string;
}

export interface TunnelStatus {
  readonly device: string;
  readonly local: string;
  readonly mtu: number;
  readonly vni: number;
  readonly port: number;
  readonly mac: string;
  readonly wanted: number;
  readonly programmed: number;
  /** Seconds since the host was last compared with what should be. */
  readonly looked?: number;
  readonly problem?: string;
}

export interface NodeStatus {
  readonly registry: {
    readonly name: string;
    /** Seconds since it was last heard. */
    readonly lastContact?: number;
    /** Why it is not heard. */
    readonly away?: string;
  };
  readonly network?: { readonly ipv4?: string; readonly ipv6?: string };
  readonly own: {
    readonly standing: Standing;
    readonly key?: string;
    readonly subnets: readonly string[];
    readonly secondsLeft?: number;
    readonly problem?: string;
  };
  readonly external?: { readonly dev: string; readonly publicIps: readonly string[] };
  readonly tunnels: readonly TunnelStatus[];
  readonly peers: readonly PeerStatus[];
  /** Leases that are of no use, and why. */
  readonly refused: readonly Refusal[];
  readonly problems: readonly string[];
}

export interface Sources {
  readonly registry: { readonly name: string; readonly heard?: number; readonly away?: string };
  readonly own: OwnLeaseStatus;
  readonly network?: Network;
  readonly external?: External;
  readonly settings?: HostSettings;
  readonly reports: ReturnType<Host['report']>;
  readonly peers: Pick<Leases, 'peers' | 'report'>;
  readonly ages: Ages;
  readonly problems: readonly string[];
  /** By the clock. */
  readonly now: number;
}

export function statusOf(sources: Sources): NodeStatus {
  const { registry, own, network, external, peers, problems, now } = sources;
  const { subnets, ...standing } = own;
  return {
    registry: {
      name: registry.name,
      ...(registry.heard !== undefined && { lastContact: seconds(now - registry.heard) }),
      ...(registry.away !== undefined && { away: registry.away }),
    },
    network: Object.fromEntries(
      FAMILIES.flatMap((family) => {
        const pool = network?.[family];
        return pool ? [[family, formatSubnet(pool.network)]] : [];
      }),
    ),
    own: { ...standing, subnets: Object.values(subnets ?? {}).map(formatSubnet) },
    ...(external && { external: { dev: external.name, publicIps: publicIpsOf(external) } }),
    tunnels: tunnelsOf(sources),
    peers: peersOf(sources),
    refused: peers.report().refused,
    problems,
  };
}

function publicIpsOf(external: External): string[] {
  return FAMILIES.flatMap((family) => external[family]?.publicIp ?? []);
}

function tunnelsOf({ settings, reports, now }: Sources): TunnelStatus[] {
  return FAMILIES.flatMap((family) => {
    const [end, report] = [settings?.[family], reports[family]];
    if (!settings || !end || !report) return [];
    return {
      device: report.device,
      local: end.local,
      mtu: tunnelMtu(settings.external.mtu, family === 'ipv6'),
      vni: settings.vni,
      port: settings.port,
      mac: end.mac,
      wanted: report.wanted,
      programmed: report.programmed,
      ...(report.last !== undefined && { looked: seconds(now - report.last) }),
      ...(report.away !== undefined && { problem: report.away }),
    };
  });
}

function peersOf({ peers, reports, ages }: Sources): PeerStatus[] {
  const age = ages.list();
  return FAMILIES.flatMap((family) => {
    const report = reports[family];
    const failing = new Map(report?.failing.map(({ key, sentence }) => [key, sentence]));
    return Array.from(peers.peers(family), ([key, { subnet, remote, mac }]) => {
      const problem = failing.get(key) ?? report?.away;
      return {
        ...{ subnet, remote, mac, age: age.get(subnet) },
        programmed: report !== undefined && problem === undefined,
        ...(problem !== undefined && { problem }),
      };
    });
  });
}

function seconds(milliseconds: number): number {
  return Math.round(milliseconds / 1000);
}
