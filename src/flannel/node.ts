/**
 * A node of a flannel network: follows the registry, keeps its own lease, and has this host made and programmed as that
 * and the leases of the others ask.
 *
 *   registry ─▶ follower ─┬─▶ config ─▶ network ─┐
 *                         ├─▶ own lease ─────────┼─▶ host: tunnels, bridge, masquerading; subnet file
 *                         └─▶ leases of others ──┴─▶ host: peers
 *
 * Whatever fails is said once, tried again, and changes nothing of what was programmed before.
 */

import { Ages } from './ages.ts';
import { familiesOf } from './contract/free-subnets.ts';
import { type Network, parseNetwork } from './contract/network.ts';
import type { Subnets } from './contract/subnet.ts';
import { readSubnetEnv } from './contract/subnet-env.ts';
import { Errand } from './errand.ts';
import { type External, type ExternalWords, findExternal } from './host/external.ts';
import { textOf } from './leases/claim.ts';
import { Leases } from './leases/leases.ts';
import { OwnLease } from './leases/own-lease.ts';
import type { Self } from './leases/verdict.ts';
import { type Left, leave } from './leaving.ts';
import { NodeHost, type NodeHostOptions } from './node-host.ts';
import { type NodeStatus, statusOf } from './node-status.ts';
import { Follower } from './registry/follower.ts';
import type { Change, Registry, Snapshot } from './registry/registry.ts';
import { Troubles } from './troubles.ts';

export interface NodeOptions extends NodeHostOptions {
  readonly registry: Registry;
  readonly external: ExternalWords;
  /** In seconds: of our lease, and how long before its end it is renewed. */
  readonly leaseTtl: number;
  readonly renewMargin: number;
  readonly forceNew: boolean;
  /** Once, when all is made and the peers of that moment are programmed: a sentence. */
  readonly ready: (sentence: string) => void;
}

/** What failed is tried again after a second, then later and later; without a failure all is looked at every minute. */
const FIRST_MS = 1000;
const EVERY_MS = 60_000;

export class FlannelNode {
  private readonly options: NodeOptions;
  private readonly troubles: Troubles;
  private readonly follower: Follower;
  private readonly own: OwnLease;
  private readonly leases: Leases;
  private readonly host: NodeHost;
  private readonly settling: Errand;
  private readonly ages: Ages;
  /** What was read last, until it is settled. */
  private snapshot: Snapshot | undefined;
  private network: Network | undefined;
  private external: External | undefined;
  private hasConfig = false;
  /** What the leases of others are judged by. */
  private judgedBy = '';
  private isReady = false;
  private programming: NodeJS.Immediate | undefined;

  constructor(options: NodeOptions) {
    const { registry, clock, log, subnetFile } = options;
    this.options = options;
    this.troubles = new Troubles(log);
    this.host = new NodeHost(options, this.troubles);
    this.leases = new Leases(log);
    this.ages = new Ages(clock);
    this.settling = new Errand({ clock, work: () => this.settle(), first: FIRST_MS, every: EVERY_MS });
    this.own = new OwnLease({
      registry,
      clock,
      log,
      ttl: options.leaseTtl,
      margin: options.renewMargin,
      previous: readSubnetEnv(subnetFile),
      forceNew: options.forceNew,
      changed: () => this.settling.soon(),
    });
    this.follower = new Follower({
      registry,
      clock,
      say: log,
      following: { snapshot: (all) => this.begin(all), changes: (some) => this.observe(some) },
    });
  }

  start(): void {
    this.host.start();
    this.follower.start();
  }

  /** All that was programmed stays, and the lease too. */
  async stop(): Promise<void> {
    this.follower.stop();
    this.own.stop();
    await this.settling.stop();
    await this.host.stop();
    this.options.registry.close();
  }

  /** The lease is given back, and what was made is taken down. */
  async leave(): Promise<Left> {
    const { connect, clock, subnetFile } = this.options;
    this.follower.stop();
    await this.settling.stop();
    await this.host.stop();
    const giveBack = () => this.own.release();
    return leave({ giveBack, connect: () => connect(false), clock, subnetFile });
  }

  status(): NodeStatus {
    const { follower, own, network, external, troubles } = this;
    const { registry, clock } = this.options;
    return statusOf({
      registry: { name: registry.name, heard: follower.lastContact, away: follower.away },
      own: own.status(),
      network,
      external,
      reports: this.host.report(),
      settings: this.host.settings,
      peers: this.leases,
      ages: this.ages,
      now: clock.now(),
      problems: troubles.list(),
    });
  }

  private begin(snapshot: Snapshot): void {
    this.ages.begin(snapshot.entries);
    this.snapshot = snapshot;
    this.hasConfig = snapshot.config !== undefined;
    if (this.isForgetful) this.leases.apply(snapshot.entries.map((entry) => ({ what: 'put', entry })));
    else this.leases.replace(snapshot);
    this.settling.soon();
  }

  private observe(changes: readonly Change[]): void {
    this.ages.observe(changes);
    const config = changes.findLast(({ what }) => what === 'config');
    if (config?.what === 'config') this.hasConfig = config.value !== undefined;
    const hasOthers = this.leases.apply(
      this.isForgetful ? changes.filter(({ what }) => what !== 'gone') : changes,
    );
    this.own.observe(changes);
    // with another config all is looked at from its beginning
    if (config) this.follower.again();
    else if (hasOthers) this.program();
  }

  /**
   * A registry that has lost the config has lost all, and the nodes write their leases again: whose was there stays until
   * there is a config, and with it somebody who says that this is the network.
   */
  private get isForgetful(): boolean {
    return !this.hasConfig && this.network !== undefined;
  }

  /** True: all is as it should be. Our lease is tried again by itself. */
  private async settle(): Promise<boolean> {
    const { snapshot } = this;
    if (snapshot) this.readConfig(snapshot.config);
    const { network } = this;
    if (!network) return true;
    const isSeen = await this.troubles.guard('the interface to the other nodes', () => this.look(network));
    const { external } = this;
    if (!external) return false;
    const place = { network, external, ends: this.host.endsOf(network, external) };
    // with a lease others send to us
    if (!this.own.subnets && !(await this.host.prepare(place))) return false;
    if (snapshot) await this.own.settle(snapshot, place);
    if (this.snapshot === snapshot) this.snapshot = undefined;
    await this.host.remember(place);
    const { subnets } = this.own;
    if (!subnets) return isSeen;
    this.judge({ ...place, subnets });
    const isMade = await this.host.make(place, subnets, this.leases);
    if (isMade && !this.isReady) this.sayReady(external, subnets);
    return isSeen && isMade;
  }

  /** One that cannot be used changes nothing: what there was stays. */
  private readConfig(text: string | undefined): void {
    const what = 'the config of the network';
    const { name } = this.options.registry;
    try {
      if (text === undefined) {
        throw new Error(`${name} has no config of a network: \`vtep flannel init\` writes one`);
      }
      this.network = parseNetwork(text);
      this.troubles.over(what);
    } catch (error) {
      const stays = this.network ? 'the one before stays in force' : 'it is waited for';
      this.troubles.begin(what, `${(error as Error).message}; ${stays}`);
    }
  }

  /** Another address of ours is another lease. */
  private look(network: Network): void {
    const before = this.external;
    this.external = findExternal(this.options.external, familiesOf(network));
    const isOther = JSON.stringify(before) !== JSON.stringify(this.external);
    if (before && isOther && !this.snapshot) this.follower.again();
  }

  private judge(self: Self): void {
    const { network, subnets, ends } = self;
    const plain = (_: string, value: unknown) => (typeof value === 'bigint' ? `${value}` : value);
    const text = JSON.stringify([network, subnets, ends], plain);
    if (text === this.judgedBy) return;
    this.judgedBy = text;
    this.leases.judgeBy(self);
  }

  private sayReady(external: External, subnets: Subnets): void {
    this.isReady = true;
    const { peers } = this.status();
    const devices = Object.values(this.host.report()).map(({ device }) => device);
    this.options.ready(
      `${textOf(subnets)} on ${devices.join(' and ')} over ${external.name}, ${peers.length} peer${peers.length === 1 ? '' : 's'}`,
    );
  }

  /** Changes of one moment are one piece of work. */
  private program(): void {
    this.programming ??= setImmediate(() => {
      this.programming = undefined;
      this.host.program(this.leases);
    });
  }
}
