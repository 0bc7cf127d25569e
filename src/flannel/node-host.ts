/**
 * A node's own host, as the network and the command line ask for it: the tunnels with what peers need, the bridge, the
 * rules; the subnet file, and what is kept in the state folder. What fails is among the node's troubles.
 */

import { resolve } from 'node:path';
import type { Client } from '../control/client.ts';
import type { Log } from '../control/log.ts';
import { findDevice } from '../io/devices.ts';
import { writeIfOther } from './atomic-file.ts';
import type { Clock } from './clock.ts';
import { familiesOf } from './contract/free-subnets.ts';
import type { Ends } from './contract/lease.ts';
import type { Network } from './contract/network.ts';
import { FAMILIES, type Subnets } from './contract/subnet.ts';
import { formatSubnetEnv } from './contract/subnet-env.ts';
import type { External } from './host/external.ts';
import { Host, type HostSettings } from './host/host.ts';
import { settingsOf } from './host/host-settings.ts';
import { tunnelName } from './host/tunnel.ts';
import type { Leases } from './leases/leases.ts';
import { remember } from './remembered.ts';
import { State } from './state.ts';
import type { Troubles } from './troubles.ts';

export interface NodeHostOptions {
  /** To the daemon that carries the tunnels; `start`: one is started where none is. */
  readonly connect: (start: boolean) => Promise<Client>;
  readonly clock: Clock;
  readonly log: Log;
  /** A folder. */
  readonly state: string;
  readonly subnetFile: string;
  readonly ipMasq: boolean;
  readonly bridge?: string;
  /** Where the registry is, for a process that comes after this one. */
  readonly words: unknown;
}

/** Where this node is, and what the others know it by. */
export interface Place {
  readonly network: Network;
  readonly external: External;
  readonly ends: Ends;
}

const NO_SUBNET_FILE = 'containers will not find their subnet';

export class NodeHost {
  /** What the host was told to be. */
  settings: HostSettings | undefined;
  private readonly options: NodeHostOptions;
  private readonly troubles: Troubles;
  private readonly state: State;
  private readonly host: Host;
  private carrier: Promise<void> | undefined;

  constructor(options: NodeHostOptions, troubles: Troubles) {
    const { connect, clock, log, state } = options;
    this.options = options;
    this.troubles = troubles;
    this.state = new State(state, log);
    this.host = new Host({ connect: () => connect(true), clock, say: log });
  }

  start(): void {
    this.carrier = this.findDaemon();
  }

  stop(): Promise<void> {
    return this.host.stop();
  }

  report(): ReturnType<Host['report']> {
    return this.host.report();
  }

  /** As they are written down, or as the devices have it from an earlier run. */
  endsOf(network: Network, external: External): Ends {
    const ends = familiesOf(network).map((family) => {
      const device = tunnelName(network.vni, family === 'ipv6');
      const mac = this.state.macOf(device, findDevice(device)?.mac);
      return [family, { publicIp: external[family]?.publicIp, mac }];
    });
    return Object.fromEntries(ends) as Ends;
  }

  /** False: no tunnel can be made here, so nobody should send to us. */
  prepare(place: Place): Promise<boolean> {
    const { network } = place;
    const subnets = Object.fromEntries(
      familiesOf(network).map((family) => [family, network[family]?.network]),
    );
    return this.troubles.guard('the tunnel', async () => {
      await this.carrier;
      await this.host.prepare(this.settingsOf(place, subnets));
    });
  }

  /** It takes a while to start, and etcd to answer. What is wrong with it is told when it is needed. */
  private async findDaemon(): Promise<void> {
    try {
      (await this.options.connect(true)).close();
    } catch {}
  }

  /** For a process that comes after this one. */
  async remember({ network, ends }: Place): Promise<void> {
    const { state, words } = this.options;
    const subnetFile = resolve(this.options.subnetFile);
    await this.troubles.guard('the state folder', () =>
      remember(state, { words, subnetFile, vni: network.vni, ends }),
    );
  }

  /** True: all of it is as it should be, and the peers of this moment are programmed. */
  async make(place: Place, subnets: Subnets, leases: Leases): Promise<boolean> {
    const { bridge, ipMasq, subnetFile } = this.options;
    const settings = this.settingsOf(place, subnets);
    const { troubles, host } = this;
    if (JSON.stringify(settings) !== JSON.stringify(this.settings)) {
      this.settings = settings;
      const isDone = await troubles.guard('the tunnel', () => host.become(settings));
      if (!isDone) this.settings = undefined;
    }
    this.program(leases);
    const parts = [
      this.settings !== undefined,
      bridge === undefined || (await troubles.guard('the bridge', () => host.ensureBridge())),
      !ipMasq || (await troubles.guard('masquerading', () => host.ensureMasquerade())),
    ];
    await host.idle();
    const isAway = Object.values(host.report()).some((report) => report.away !== undefined);
    if (isAway) return false;
    // last, as it is what container runtimes wait for
    const env = formatSubnetEnv(place.network, subnets, host.mtu, ipMasq);
    parts.push(await troubles.guard('the subnet file', () => writeIfOther(subnetFile, env, NO_SUBNET_FILE)));
    return parts.every(Boolean);
  }

  program(leases: Leases): void {
    if (!this.settings) return;
    for (const family of FAMILIES) this.host.want(family, leases.peers(family));
  }

  private settingsOf(place: Place, subnets: Subnets): HostSettings {
    const { bridge, ipMasq: masquerade } = this.options;
    return settingsOf({ ...place, subnets, bridge, masquerade });
  }
}
