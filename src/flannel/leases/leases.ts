/**
 * The leases of the other nodes, and what they ask of this host. Each is judged for itself when it comes, and again only
 * when something it was judged by changes: of two that overlap the one that was there first stays, and the other one gets
 * its turn when that is gone. What cannot be used is refused with a sentence, said once, and counted by its reason.
 */

import type { Log } from '../../control/log.ts';
import type { Lease } from '../contract/lease.ts';
import {
  baseOf,
  FAMILIES,
  type Family,
  formatAddress,
  formatSubnet,
  parseKey,
  type Subnet,
} from '../contract/subnet.ts';
import { SubnetIndex } from '../contract/subnet-index.ts';
import { quoted, type Reason } from '../contract/unusable.ts';
import type { Peer } from '../host/peer.ts';
import type { Change, Entry, Snapshot } from '../registry/registry.ts';
import { PASSED_OVER, type Self, type Verdict, verdictOn } from './verdict.ts';

interface Known {
  readonly entry: Entry;
  /** The revision at which it came: who was there first does not change with renewals. */
  readonly since: number;
  readonly verdict: Verdict;
}

export interface Refusal {
  readonly key: string;
  readonly reason: Reason;
  readonly sentence: string;
}

export interface LeasesReport {
  readonly used: number;
  readonly passedOver: number;
  readonly refused: readonly Refusal[];
  readonly reasons: ReadonlyMap<Reason, number>;
}

/** Refusals that come together: more than so many are said by their number. */
const SAID_AT_ONCE = 10;

export class Leases {
  private readonly log: Log;
  private self: Self | undefined;
  private readonly known = new Map<string, Known>();
  private readonly wanted = { ipv4: new Map<string, Peer>(), ipv6: new Map<string, Peer>() };
  private readonly indexes = { ipv4: new SubnetIndex(), ipv6: new SubnetIndex() };
  /** By the key of the lease that is in their way. */
  private readonly blocked = new Map<string, Set<string>>();
  private news: Refusal[] = [];
  private hasChanged = false;
  /** The subnets behind each address. */
  private readonly behind = new Map<string, Set<string>>();
  private readonly shared = new Set<string>();
  private readonly rivalOf = (subnet: Subnet) => this.indexes[subnet.family].rivalOf(subnet);

  constructor(log: Log) {
    this.log = log;
  }

  /** By the subnet; those that were written last come last. It goes on changing with the leases. */
  peers(family: Family): ReadonlyMap<string, Peer> {
    return this.wanted[family];
  }

  /** All of them are judged anew: by this, from now on. True: other peers are wanted than before. */
  judgeBy(self: Self): boolean {
    return this.reporting(() => {
      this.self = self;
      const before = [...this.known.values()];
      const isUsed = ({ verdict }: Known) => Number(verdict.what === 'used');
      before.sort((a, b) => isUsed(b) - isUsed(a) || a.since - b.since);
      this.forgetAll();
      for (const known of before) this.judge(known.entry, known);
      this.putInOrder();
    });
  }

  /** All there is; what is not in it is gone. True: other peers are wanted than before. */
  replace({ entries }: Snapshot): boolean {
    return this.reporting(() => {
      const there = new Set(entries.map(({ key }) => key));
      for (const key of [...this.known.keys()]) if (!there.has(key)) this.drop(key);
      for (const entry of [...entries].sort((a, b) => a.revision - b.revision)) this.put(entry);
    });
  }

  /** True: other peers are wanted than before. */
  apply(changes: readonly Change[]): boolean {
    return this.reporting(() => {
      for (const change of changes) {
        if (change.what === 'put') this.put(change.entry);
        else if (change.what === 'gone') this.drop(change.key);
      }
    });
  }

  report(): LeasesReport {
    const refused: Refusal[] = [];
    const reasons = new Map<Reason, number>();
    const count = { used: 0, 'passed over': 0, refused: 0 };
    for (const [key, { verdict }] of this.known) {
      count[verdict.what]++;
      if (verdict.what !== 'refused') continue;
      const { reason, sentence } = verdict;
      refused.push({ key, reason, sentence });
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
    return { used: count.used, passedOver: count['passed over'], refused, reasons };
  }

  private put(entry: Entry): void {
    const before = this.known.get(entry.key);
    if (before && before.entry.value === entry.value) {
      this.known.set(entry.key, { ...before, entry });
      this.moveLast(before.verdict);
      return;
    }
    const waiting = before ? this.withdraw(entry.key, before.verdict) : [];
    this.judge(entry, before);
    this.judgeAgain(waiting);
  }

  private drop(key: string): void {
    const known = this.known.get(key);
    if (!known) return;
    const waiting = this.withdraw(key, known.verdict);
    this.known.delete(key);
    this.judgeAgain(waiting);
  }

  private judgeAgain(keys: readonly string[]): void {
    const entries = keys.map((key) => this.known.get(key)).filter((known) => known !== undefined);
    for (const known of entries.sort((a, b) => a.since - b.since)) {
      this.withdraw(known.entry.key, known.verdict);
      this.judge(known.entry, known);
    }
  }

  /** Takes back what a verdict led to. Returns those that were refused only for its sake. */
  private withdraw(key: string, verdict: Verdict): string[] {
    if (verdict.what === 'refused' && verdict.rival !== undefined)
      this.blocked.get(verdict.rival)?.delete(key);
    if (verdict.what !== 'used') return [];
    for (const [family, subnet] of this.carried(verdict)) {
      const name = formatSubnet(subnet);
      const remote = this.wanted[family].get(name)?.remote ?? '';
      this.indexes[family].remove(subnet);
      this.wanted[family].delete(name);
      this.behind.get(remote)?.delete(name);
      if (this.behind.get(remote)?.size === 0) this.behind.delete(remote);
    }
    this.hasChanged = true;
    const waiting = [...(this.blocked.get(key) ?? [])];
    this.blocked.delete(key);
    return waiting;
  }

  private judge(entry: Entry, before: Known | undefined): void {
    const verdict = this.self ? verdictOn(entry, this.self, this.rivalOf) : PASSED_OVER;
    this.known.set(entry.key, { entry, since: before?.since ?? entry.revision, verdict });
    if (verdict.what === 'used') this.use(entry.key, verdict);
    if (verdict.what !== 'refused') return;
    const { reason, sentence, rival } = verdict;
    if (rival !== undefined) this.blocked.set(rival, (this.blocked.get(rival) ?? new Set()).add(entry.key));
    const isSaid = before?.verdict.what === 'refused' && before.verdict.sentence === sentence;
    if (!isSaid) this.news.push({ key: entry.key, reason, sentence });
  }

  private use(key: string, verdict: Extract<Verdict, { what: 'used' }>): void {
    for (const [family, subnet] of this.carried(verdict)) {
      const peer = peerOf(subnet, verdict.lease);
      this.indexes[family].add(subnet, key);
      this.wanted[family].set(peer.subnet, peer);
      this.remark(peer);
    }
    this.hasChanged = true;
  }

  /** Flannel programs both, and so do we: neither harms the other, and one of them is right. */
  private remark({ remote, subnet }: Peer): void {
    const all = this.behind.get(remote) ?? new Set();
    this.behind.set(remote, all.add(subnet));
    if (all.size < 2 || this.shared.has(remote)) return;
    this.shared.add(remote);
    this.log(
      'warn',
      `${[...all].join(' and ')} have one address, ${remote}: two nodes share it, or one of the leases is stale`,
    );
  }

  private moveLast(verdict: Verdict): void {
    if (verdict.what !== 'used') return;
    for (const [family, subnet] of this.carried(verdict)) {
      const name = formatSubnet(subnet);
      const peer = this.wanted[family].get(name) as Peer;
      this.wanted[family].delete(name);
      this.wanted[family].set(name, peer);
    }
  }

  private putInOrder(): void {
    const inOrder = [...this.known.values()].sort((a, b) => a.entry.revision - b.entry.revision);
    for (const { verdict } of inOrder) this.moveLast(verdict);
  }

  private forgetAll(): void {
    this.known.clear();
    this.blocked.clear();
    this.behind.clear();
    for (const family of FAMILIES) {
      this.wanted[family].clear();
      this.indexes[family].clear();
    }
    this.hasChanged = true;
  }

  private carried({ lease, subnets }: Extract<Verdict, { what: 'used' }>): [Family, Subnet][] {
    return FAMILIES.flatMap((family): [Family, Subnet][] => {
      const subnet = subnets[family];
      return subnet && lease[family] ? [[family, subnet]] : [];
    });
  }

  private reporting(work: () => void): boolean {
    this.hasChanged = false;
    this.news = [];
    work();
    for (const { key, sentence } of this.news.slice(0, SAID_AT_ONCE)) {
      this.log('warn', `the lease ${parseKey(key) ? key : quoted(key)} is not used: ${sentence}`);
    }
    const more = this.news.length - SAID_AT_ONCE;
    if (more > 0) this.log('warn', `${more} more leases are not used; vtep flannel status says why`);
    return this.hasChanged;
  }
}

function peerOf(subnet: Subnet, lease: Lease): Peer {
  const { publicIp, mac } = lease[subnet.family] as NonNullable<Lease[Family]>;
  return { subnet: formatSubnet(subnet), gateway: formatAddress(baseOf(subnet)), mac, remote: publicIp };
}
