/**
 * What a node does next for its own lease, as one snapshot has it: one step, decided and not taken here. After each step
 * the registry is read again, until the answer is to rest.
 */

import { areFree, familiesOf, fitNetwork, pickSubnets, takenOf } from '../contract/free-subnets.ts';
import { type Ends, formatLease, parseLease, parsePublicIps } from '../contract/lease.ts';
import type { Network } from '../contract/network.ts';
import { FAMILIES, type Family, formatSubnet, parseKey, type Subnets } from '../contract/subnet.ts';
import type { Entry, Snapshot } from '../registry/registry.ts';

/** What our lease shall say, in which network. */
export interface Wish {
  readonly network: Network;
  readonly ends: Ends;
}

/** What we wrote. */
export interface Held {
  readonly key: string;
  readonly subnets: Subnets;
  readonly value: string;
  readonly revision: number;
  /** When it ends by itself, by the clock. */
  readonly until: number;
  /** Nobody had some of it before us: a snapshot that was read later says so. */
  readonly isProven: boolean;
}

/**
 * `none`: nothing was taken yet. `lost`: it ran out, or was removed, and is about to be taken again. `taken`: another
 * node has it. `disputed`: another node with our address writes itself into it. `unfit`: held, but the network has changed.
 */
export type Standing = 'none' | 'held' | 'lost' | 'taken' | 'disputed' | 'unfit';

interface Common {
  /** What is wrong, in a sentence. */
  readonly problem?: string;
  /** Said when the step was taken. */
  readonly news?: string;
}

export type Step = Common &
  (
    | { readonly what: 'rest'; readonly standing: Standing; readonly revision?: number }
    | { readonly what: 'create'; readonly subnets: Subnets }
    /** Our value in the place of the one that stands there. */
    | { readonly what: 'write'; readonly key: string; readonly subnets: Subnets; readonly revision: number }
    | { readonly what: 'remove'; readonly key: string; readonly revision: number }
    /** What we hold is not asked for any more; traffic goes on with it until there is another one. */
    | { readonly what: 'abandon' }
  );

export interface Situation {
  readonly snapshot: Snapshot;
  readonly wish: Wish;
  readonly held: Held | undefined;
  /** What an earlier run had. */
  readonly previous: Subnets;
  readonly forceNew: boolean;
  readonly random: () => number;
}

const KEPT = 'traffic goes on with it as far as others let it; --force-new takes another';

export function nextStep(situation: Situation): Step {
  const { held, snapshot } = situation;
  if (!held) return toTake(situation);
  const entry = snapshot.entries.find(({ key }) => key === held.key);
  return entry ? toKeep(situation, held, entry) : toRetake(situation, held);
}

/** Flannel's order: the lease that has our address, the subnet of an earlier run, one by chance. */
function toTake({ snapshot, wish, previous, random }: Situation): Step {
  const { network } = wish;
  const ours = snapshot.entries.filter((entry) => isOfNode(entry, wish) && parseKey(entry.key));
  const unfit = ours.find(({ key }) => !fitNetwork(network, parseKey(key) ?? {}));
  if (unfit) {
    const { key, revision } = unfit;
    return {
      what: 'remove',
      key,
      revision,
      news: `${key} was our lease, and does not fit the network any more`,
    };
  }
  const own = ours.find((entry) => entry.value === valueIn(entry.key, wish)) ?? ours[0];
  if (own) {
    const { key, revision } = own;
    const subnets = parseKey(key) as Subnets;
    const problem = isOfAnother(own, subnets, wish) ? moved(key, wish) : undefined;
    const news = `${textOf(subnets)} is ours by the lease that has our address`;
    return { what: 'write', key, revision, subnets, problem, news };
  }
  const taken = takenOf(snapshot.entries, network);
  if (fitNetwork(network, previous) && areFree(previous, taken)) {
    return { what: 'create', subnets: previous, news: `${textOf(previous)} is ours, as before` };
  }
  const subnets = pickSubnets(network, taken, random);
  return { what: 'create', subnets, news: `${textOf(subnets)} is ours` };
}

function toKeep({ snapshot, wish, forceNew }: Situation, held: Held, entry: Entry): Step {
  const { key, subnets } = held;
  const { revision } = entry;
  const text = textOf(subnets);
  const value = leaseValue(subnets, wish);
  if (!isOurs(held, wish, entry.value)) {
    const owner = ownerOf(entry, held, wish);
    if (owner === 'us twice') return { what: 'rest', standing: 'disputed', problem: disputeOver(key, wish) };
    if (owner !== undefined && forceNew)
      return { what: 'abandon', news: `${text} is the node ${owner}'s now` };
    if (owner !== undefined) {
      return { what: 'rest', standing: 'taken', problem: `${text} is the node ${owner}'s now: ${KEPT}` };
    }
  }
  if (!held.isProven && !areFree(subnets, takenOf(before(snapshot, held), wish.network))) {
    return { what: 'remove', key, revision };
  }
  const isFit = fitNetwork(wish.network, subnets);
  if (!isFit && forceNew) return { what: 'remove', key, revision };
  if (entry.value !== value) return { what: 'write', key, revision, subnets };
  if (isFit) return { what: 'rest', standing: 'held', revision };
  const problem = `our subnet ${text} does not fit the network any more, and is kept; --force-new takes another`;
  return { what: 'rest', standing: 'unfit', revision, problem };
}

/** Those that were there before our lease: when two pick each family for itself, their keys differ, and subnets may not. */
function before({ entries }: Snapshot, held: Held): Entry[] {
  return entries.filter(({ key, revision }) => key !== held.key && revision < held.revision);
}

function toRetake({ snapshot, wish, forceNew }: Situation, { subnets }: Held): Step {
  const text = textOf(subnets);
  const isFit = fitNetwork(wish.network, subnets);
  if (isFit && areFree(subnets, takenOf(snapshot.entries, wish.network))) {
    return {
      what: 'create',
      subnets,
      problem: `the lease of ${text} is gone: it is taken again`,
      news: `${text} is ours again`,
    };
  }
  const why = isFit ? 'another node has some of it' : 'it does not fit the network any more';
  if (forceNew) return { what: 'abandon', news: `the lease of ${text} is gone, and ${why}` };
  return { what: 'rest', standing: 'taken', problem: `the lease of ${text} is gone, and ${why}: ${KEPT}` };
}

/** The registry has what we wrote, or what we are about to write: an answer may have been lost. */
export function isOurs(held: Held, wish: Wish, value: string | undefined): boolean {
  return value === held.value || value === leaseValue(held.subnets, wish);
}

/** The address of whoever wrote into our key. Undefined: nobody that can be told, or ourselves. */
function ownerOf(entry: Entry, held: Held, wish: Wish): string | undefined {
  const ips = parsePublicIps(entry.value ?? '');
  if (!isOfNode(entry, wish)) return ips.ipv4 ?? ips.ipv6;
  return isOfAnother(entry, held.subnets, wish) ? 'us twice' : undefined;
}

/** It has our address, and a MAC that is not ours. */
function isOfAnother(entry: Entry, subnets: Subnets, { ends }: Wish): boolean {
  return FAMILIES.some((family) => {
    const mac = subnets[family] && macIn(entry, family);
    return mac !== undefined && mac !== ends[family]?.mac;
  });
}

function macIn({ value }: Entry, family: Family): string | undefined {
  try {
    return parseLease(value ?? '', [family])?.[family]?.mac;
  } catch {
    return undefined;
  }
}

const EACH_ITS_OWN = 'each node needs an address of its own (--public-ip)';

function disputeOver(key: string, wish: Wish): string {
  return (
    `another node has our address ${addressesOf(wish)} and wrote itself into our lease ${key}: ${EACH_ITS_OWN}, ` +
    'and this one is to be started again then; traffic goes on as far as others let it'
  );
}

function moved(key: string, wish: Wish): string {
  return (
    `the lease ${key} of our address ${addressesOf(wish)} had a MAC that is not ours, and is written anew; if another node ` +
    `has that address too: ${EACH_ITS_OWN}`
  );
}

function addressesOf({ network, ends }: Wish): string {
  return familiesOf(network)
    .map((family) => ends[family]?.publicIp)
    .join(' and ');
}

/** By its address, as flannel knows its own: that of the network's first family counts. */
function isOfNode({ value }: Entry, { network, ends }: Wish): boolean {
  const [family] = familiesOf(network);
  const ip = ends[family]?.publicIp;
  return value !== undefined && ip !== undefined && parsePublicIps(value)[family] === ip;
}

function valueIn(key: string, wish: Wish): string {
  return leaseValue(parseKey(key) ?? {}, wish);
}

/** Of a lease of those subnets. */
export function leaseValue(
  { ipv4, ipv6 }: Subnets,
  { network, ends }: { readonly network: Pick<Network, 'vni'>; readonly ends: Ends },
): string {
  return formatLease({
    vni: network.vni,
    ...(ipv4 && ends.ipv4 && { ipv4: ends.ipv4 }),
    ...(ipv6 && ends.ipv6 && { ipv6: ends.ipv6 }),
  });
}

export function textOf({ ipv4, ipv6 }: Subnets): string {
  return [ipv4, ipv6]
    .filter((subnet) => subnet !== undefined)
    .map(formatSubnet)
    .join(' and ');
}
