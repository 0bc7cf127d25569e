/**
 * All that a node of a flannel network makes on its own host: a tunnel for each family, with what its peers need, and
 * beside them the bridge and the rules that were asked for. Whatever ends this process, it stays; `takeDown` takes it away.
 */

import type { Client } from '../../control/client.ts';
import { type Device, dumpOfDevices, readDevice } from '../../io/devices.ts';
import { removeRoute, routesBy } from '../../io/routes.ts';
import { ask, succeeds } from '../../io/rtnetlink.ts';
import type { Clock } from '../clock.ts';
import { FAMILIES, type Family, parseSubnet, type Subnet } from '../contract/subnet.ts';
import { formatGateway } from '../contract/subnet-env.ts';
import { ensureBridge, removeBridges } from './bridge.ts';
import { HostProgrammer } from './host-programmer.ts';
import { MARK, PROTOCOL } from './mark.ts';
import { Masquerade } from './masquerade.ts';
import type { Peer } from './peer.ts';
import { Reconciler, type ReconcilerOptions, type Report } from './reconcile.ts';
import { Tunnel, type TunnelOptions, tunnelMtu } from './tunnel.ts';
import { VtepDaemon } from './vtep-daemon.ts';

/** What we are in one family. */
export interface OwnEnd {
  /** Our address on the interface that leads to the other nodes. */
  readonly local: string;
  readonly mac: string;
  /** `10.5.0.0/16`, and ours of it, `10.5.52.0/24`. */
  readonly network: string;
  readonly subnet: string;
}

export interface HostSettings {
  readonly vni: number;
  readonly port: number;
  readonly learning: boolean;
  readonly directRouting: boolean;
  /** The interface that leads to the other nodes; `mtu`: its own, or what the network says. */
  readonly external: { readonly name: string; readonly mtu: number };
  readonly ipv4?: OwnEnd;
  readonly ipv6?: OwnEnd;
  /** Its name, if there is to be one. */
  readonly bridge?: string;
  readonly masquerade: boolean;
}

export interface HostOptions {
  /** Starts a daemon where none is. */
  readonly connect: () => Promise<Client>;
  readonly clock: Clock;
  readonly random?: () => number;
  readonly say?: ReconcilerOptions['say'];
}

interface Side {
  readonly tunnel: Tunnel;
  readonly reconciler: Reconciler;
}

export class Host {
  private readonly options: HostOptions;
  private readonly daemon: VtepDaemon;
  private readonly masquerade = new Masquerade();
  private readonly sides = new Map<Family, Side>();
  private readonly peers = new Map<Family, ReadonlyMap<string, Peer>>();
  private settings: HostSettings | undefined;

  constructor(options: HostOptions) {
    this.options = options;
    this.daemon = new VtepDaemon(options.connect, options.clock);
    this.daemon.onGone = () => this.soon();
  }

  /**
   * Makes the tunnels as far as they can be made while no subnet is known, so that whoever sends to us as soon as we have
   * one is heard. Throws a sentence where they cannot be made.
   */
  async prepare(settings: HostSettings): Promise<void> {
    for (const family of FAMILIES) {
      const end = settings[family];
      if (end) await new Tunnel(this.daemon, tunnelOptions(settings, family, end)).ensure();
    }
  }

  /** From now on it is this, at once and whenever it is found to be another. Tunnels that are not of it go. */
  async become(settings: HostSettings): Promise<void> {
    this.settings = settings;
    for (const family of FAMILIES) {
      await this.sides.get(family)?.reconciler.stop();
      this.sides.delete(family);
      const end = settings[family];
      if (end) this.sides.set(family, this.sideOf(family, settings, end));
    }
    for (const family of FAMILIES) this.programSoon(family);
    await this.removeOthers();
  }

  /** These and no others, from now on; also before it is said what the host is to be. */
  want(family: Family, peers: ReadonlyMap<string, Peer>): void {
    this.peers.set(family, peers);
    this.programSoon(family);
  }

  /** Something of the host may be another than it was. */
  soon(): void {
    for (const { reconciler } of this.sides.values()) reconciler.soon();
  }

  /** Nothing is being done, or about to be. */
  async idle(): Promise<void> {
    for (const { reconciler } of this.sides.values()) await reconciler.idle();
  }

  /** To be said each minute too. Throws a sentence. */
  ensureBridge(): void {
    const { settings } = this;
    if (settings?.bridge === undefined) return;
    const ends = FAMILIES.flatMap((family) => settings[family] ?? []);
    ensureBridge({ name: settings.bridge, mtu: this.mtu, addresses: ends.map(gatewayOf) });
  }

  /** To be said each minute too. Throws a sentence. */
  async ensureMasquerade(): Promise<void> {
    if (this.settings?.masquerade) await this.masquerade.ensure(this.settings);
  }

  /** Of the containers' interfaces: what all tunnels carry. */
  get mtu(): number {
    return Math.min(...Array.from(this.sides.values(), ({ tunnel }) => tunnel.options.mtu));
  }

  report(): { readonly [F in Family]?: Report & { readonly device: string } } {
    const reports = Array.from(this.sides, ([family, { tunnel, reconciler }]) => [
      family,
      { ...reconciler.report(), device: tunnel.name },
    ]);
    return Object.fromEntries(reports);
  }

  /** Everything stays as it is. */
  async stop(): Promise<void> {
    for (const { reconciler } of this.sides.values()) await reconciler.stop();
    this.daemon.close();
  }

  private sideOf(family: Family, settings: HostSettings, end: OwnEnd): Side {
    const { directRouting } = settings;
    const options = { ...tunnelOptions(settings, family, end), address: baseOf(end.subnet) };
    const tunnel = new Tunnel(this.daemon, options);
    const programmer = new HostProgrammer({ daemon: this.daemon, tunnel, directRouting });
    return { tunnel, reconciler: new Reconciler({ ...this.options, programmer }) };
  }

  private programSoon(family: Family): void {
    const peers = this.peers.get(family);
    if (peers) this.sides.get(family)?.reconciler.want(peers);
  }

  /** Of another VNI, or of a family that the network has no more. */
  private async removeOthers(): Promise<void> {
    const names = new Set(Array.from(this.sides.values(), ({ tunnel }) => tunnel.name));
    const others = ourTunnels().filter(({ name }) => !names.has(name));
    for (const { name } of others) await this.daemon.ask('link del', { name });
  }
}

/**
 * Takes away what this or any earlier process has made here; a daemon that does not run is not started for it. What
 * fails does not keep the rest; it is thrown at the end.
 */
export async function takeDown(connect: () => Promise<Client>, clock: Clock): Promise<void> {
  const failed: string[] = [];
  for (const part of [removeRoutes, () => removeTunnels(connect, clock), removeBridges, removeMasquerade]) {
    try {
      await part();
    } catch (error) {
      failed.push((error as Error).message);
    }
  }
  if (failed.length > 0) throw new Error(failed.join('; '));
}

function removeRoutes(): void {
  for (const ipv6 of [false, true]) {
    for (const route of routesBy(PROTOCOL, ipv6)) succeeds(() => removeRoute(route));
  }
}

/** Their neighbours and entries go with them. */
async function removeTunnels(connect: () => Promise<Client>, clock: Clock): Promise<void> {
  const tunnels = ourTunnels();
  if (tunnels.length === 0) return;
  const daemon = new VtepDaemon(connect, clock);
  try {
    for (const { name } of tunnels) await daemon.ask('link del', { name });
  } finally {
    daemon.close();
  }
}

async function removeMasquerade(): Promise<void> {
  await new Masquerade().remove();
}

function ourTunnels(): Device[] {
  return ask('the interfaces cannot be told', dumpOfDevices())
    .map(readDevice)
    .filter(({ kind, alias }) => kind === 'tun' && alias === MARK);
}

function tunnelOptions(settings: HostSettings, family: Family, { local, mac }: OwnEnd): TunnelOptions {
  const { vni, port, learning, external } = settings;
  const ipv6 = family === 'ipv6';
  return {
    ...{ ipv6, vni, port, learning, local, mac },
    dev: external.name,
    mtu: tunnelMtu(external.mtu, ipv6),
  };
}

function baseOf(subnet: string): string {
  return subnet.split('/')[0];
}

function gatewayOf({ subnet }: OwnEnd): string {
  return formatGateway(parseSubnet(subnet) as Subnet);
}
