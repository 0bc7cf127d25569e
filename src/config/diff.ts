/**
 * What must be done so that the links are as a file wants them, and how each step is taken back. The file says all of
 * its links' settings. Of what else there is, only what the file before made is taken away: what verbs made stays.
 *
 *   1. links that go, or are made anew, where another is to have their VNI and port
 *   2. links that change, each after the one whose VNI and port it is to have
 *   3. new links
 *   4. entries, neighbours, VNIs
 *   5. the other links that go: nothing can be refused any more
 */

import { isDeepStrictEqual } from 'node:util';
import type { FdbArgs, LinkArgs, NeighArgs, VniArgs } from '../control/protocol.ts';
import {
  ALL_ZERO,
  defaultEntries,
  destination,
  eachVni,
  entryKey,
  identity,
  isList,
  isOfIpv6,
  type LinkState,
  plainIp,
  type States,
  settings,
} from './state.ts';

/** `link put`: a link becomes what all of its arguments say. The others are verbs (`control/protocol.ts`). */
interface Orders {
  'link add': LinkArgs;
  'link put': LinkArgs;
  'link del': { name: string };
  'fdb append': FdbArgs;
  'fdb replace': FdbArgs;
  'fdb del': FdbArgs;
  'neigh replace': NeighArgs;
  'neigh del': { dev: string; ip: string };
  'vni add': VniArgs;
  'vni del': VniArgs;
}

export type Order = { [V in keyof Orders]: { verb: V; args: Orders[V] } }[keyof Orders];

export interface Step {
  order: Order;
  undo: Order[];
  /** What of the file it is for, by which its place is known. */
  about?: object;
}

export function diff(running: States, wanted: States, owned: States): Step[] {
  const plan = planLinks(running, wanted, owned);
  const kept = (name: string) => (plan.remade.has(name) ? undefined : running.get(name));
  return [
    ...plan.early.map((state) => deletion(state)),
    ...plan.changed.map(change),
    ...[...wanted.values()]
      .filter(({ args }) => kept(args.name) === undefined)
      .map(({ args }) => ({ order: order('link add', args), undo: [deleting(args)], about: args })),
    ...[...wanted.values()].flatMap((state) =>
      contents(kept(state.args.name), state, owned.get(state.args.name)),
    ),
    ...plan.late.map((state) => deletion(state)),
  ];
}

/** Others set these too: `ip link set vx0 up`. */
const TAP_WORDS = ['up', 'mtu', 'address'] as const;

interface Change {
  before: LinkState;
  after: LinkState;
}

interface LinkPlan {
  early: LinkState[];
  remade: Set<string>;
  changed: Change[];
  late: LinkState[];
}

function planLinks(running: States, wanted: States, owned: States): LinkPlan {
  const common = [...wanted.values()].flatMap((after) => {
    const before = running.get(after.args.name);
    return before ? [{ before, after }] : [];
  });
  const remade = new Set(common.filter(mustBeRemade).map(({ after }) => after.args.name));
  const changing = common.filter((each) => !remade.has(each.after.args.name) && isChanged(each));
  const changed = inOrder(changing, remade);
  const going = [...running.values()].filter(({ args }) => owned.has(args.name) && !wanted.has(args.name));
  const taken = new Set([...wanted.values()].map(({ args }) => identity(args)));
  const isInTheWay = ({ args }: LinkState) => taken.has(identity(args));
  const early = [...remade].map((name) => running.get(name) as LinkState);
  return {
    early: [...early, ...going.filter(isInTheWay)],
    remade,
    changed,
    late: going.filter((state) => !isInTheWay(state)),
  };
}

/** A link keeps the family of its underlay, and what sort it is. */
function mustBeRemade({ before, after }: Change): boolean {
  const to = isOfIpv6(after.args);
  if (to !== undefined && to !== (isOfIpv6(before.args) ?? false)) return true;
  const sort = ({ external, vnifilter }: LinkArgs) => `${external ?? false} ${vnifilter ?? false}`;
  return sort(before.args) !== sort(after.args);
}

function isChanged({ before: { args: before, tap: running }, after: { args: after } }: Change): boolean {
  const tap: LinkArgs = { ...before, ...running };
  if (TAP_WORDS.some((key) => after[key] !== undefined && after[key] !== tap[key])) return true;
  if (isSame(withoutTap(before), withoutTap(after))) return false;
  if (settings(before) !== settings(after)) return true;
  return !isSameSet(before.remotes, after.remotes) || !isSameSet(before.addresses, after.addresses);
}

function withoutTap({ up, mtu, address, ...args }: LinkArgs): LinkArgs {
  return args;
}

/** Each after the one that has its VNI and port until then. Of a ring, one is made anew. */
function inOrder(changes: readonly Change[], remade: Set<string>): Change[] {
  const ordered: Change[] = [];
  const held = new Map(changes.map((change) => [identity(change.before.args), change]));
  let left = [...changes];
  while (left.length > 0) {
    const isFree = (change: Change) => [undefined, change].includes(held.get(identity(change.after.args)));
    const free = left.filter(isFree);
    const done = free.length > 0 ? free : left.slice(0, 1);
    if (free.length === 0) remade.add(done[0].after.args.name);
    ordered.push(...free);
    for (const change of done) held.delete(identity(change.before.args));
    left = left.filter((change) => !done.includes(change));
  }
  return ordered;
}

/** What the file does not say of the TAP stays as it is; what it says is taken back to what it was. */
function change({ before, after }: Change): Step {
  const tap = { ...before.args, ...before.tap };
  const was = TAP_WORDS.filter((key) => after.args[key] !== undefined).map((key) => [key, tap[key]]);
  const args = { ...after.args, up: after.args.up ?? tap.up };
  const undo = { ...before.args, ...Object.fromEntries(was), up: tap.up };
  return { order: order('link put', args), undo: [order('link put', undo)], about: after.args };
}

function deletion({ args, fdb, neigh, vnis }: LinkState): Step {
  const undo = [
    order('link add', args),
    ...fdb.map((entry) => order('fdb append', entry)),
    ...neigh.map((entry) => order('neigh replace', entry)),
    ...vnis.map((entry) => order('vni add', entry)),
  ];
  return { order: deleting(args), undo };
}

function contents(running: LinkState | undefined, wanted: LinkState, owned: LinkState | undefined): Step[] {
  const first = vnis(running, wanted.vnis, owned?.vnis ?? []);
  const dropped = first.flatMap(({ order: { verb, args } }) => (verb === 'vni del' ? args.vni[0] : []));
  const isLeft = ({ src_vni }: FdbArgs) => src_vni === undefined || !dropped.includes(src_vni);
  const left = running && { ...running, fdb: running.fdb.filter(isLeft) };
  return [
    ...neighbors(running?.neigh ?? [], wanted.neigh, owned?.neigh ?? []),
    ...first,
    ...entries(left, wanted, left ? (owned?.fdb ?? []) : []),
  ];
}

function entries(running: LinkState | undefined, wanted: LinkState, owned: readonly FdbArgs[]): Step[] {
  const known = byKey(entriesThen(running, wanted));
  const asked = byKey([...defaultEntries(wanted.args), ...wanted.fdb]);
  const steps: Step[] = [];
  for (const [key, there] of asked) {
    const before = known.get(key) ?? [];
    const come = there.filter((entry) => !before.some((each) => isSame(each, entry)));
    const isReleased = come.some(isLearnedElsewhere) && !before.every(isLearnedElsewhere);
    if (isReleased) for (const entry of before) steps.push(removal(entry));
    for (const entry of isReleased ? there : come) steps.push(placing(entry, isReleased ? [] : before));
  }
  for (const [key, gone] of byKey(owned)) {
    const stays = asked.get(key) ?? [];
    if (!isList(gone[0].mac) && stays.length > 0) continue; // it is replaced
    for (const entry of gone) {
      if (stays.some((each) => destination(each) === destination(entry))) continue;
      const before = known.get(key)?.find((each) => destination(each) === destination(entry));
      if (before) steps.push(removal(before));
    }
  }
  return steps;
}

/** What is there by hand once the links are as they should be. */
function entriesThen(running: LinkState | undefined, { args }: LinkState): FdbArgs[] {
  if (!running) return defaultEntries(args);
  const places = (entries: readonly FdbArgs[]) => new Set(entries.map(destination));
  const [before, after] = [places(defaultEntries(running.args)), places(defaultEntries(args))];
  const stays = (entry: FdbArgs) =>
    entry.mac !== ALL_ZERO || !before.has(destination(entry)) || after.has(destination(entry));
  const come = defaultEntries(args).filter((entry) => !before.has(destination(entry)));
  return [...running.fdb.filter(stays), ...come];
}

/** What another program has learned takes over nothing that was made by hand: that must go first. */
function isLearnedElsewhere({ flags }: FdbArgs): boolean {
  return flags?.includes('extern_learn') ?? false;
}

function removal(entry: FdbArgs): Step {
  return { order: order('fdb del', entry), undo: [order('fdb append', entry)] };
}

/** `before`: all of the same MAC. */
function placing(entry: FdbArgs, before: readonly FdbArgs[]): Step {
  const verb = isList(entry.mac) ? 'fdb append' : 'fdb replace';
  const same = before.find((each) => destination(each) === destination(entry));
  const restored = isList(entry.mac) ? same : before[0];
  const undo = [restored ? order(verb, restored) : order('fdb del', entry)];
  if (!restored && before.length > 0) undo.push(order(verb, before[0])); // state and flags are those of all
  return { order: order(verb, entry), undo, about: entry };
}

function neighbors(running: NeighArgs[], wanted: NeighArgs[], owned: NeighArgs[]): Step[] {
  const known = new Map(running.map((entry) => [entry.ip, entry]));
  const asked = new Set(wanted.map(({ ip }) => ip));
  const put = (entry: NeighArgs) => order('neigh replace', entry);
  const del = (entry: NeighArgs) => order('neigh del', { dev: entry.dev, ip: entry.ip });
  const come = wanted.filter((entry) => !isSame(known.get(entry.ip), entry));
  const gone = owned.flatMap(({ ip }) => (asked.has(ip) ? [] : (known.get(ip) ?? [])));
  return [
    ...come.map((entry) => {
      const before = known.get(entry.ip);
      return { order: put(entry), undo: [before ? put(before) : del(entry)], about: entry };
    }),
    ...gone.map((entry) => ({ order: del(entry), undo: [put(entry)] })),
  ];
}

function vnis(running: LinkState | undefined, wanted: VniArgs[], owned: VniArgs[]): Step[] {
  const [known, asked] = [byVni(running?.vnis ?? []), byVni(wanted)];
  const dropping = (entry: VniArgs) => droppingVni(entry, running?.fdb ?? []);
  const gone = [...byVni(owned).keys()].filter((vni) => !asked.has(vni) && known.has(vni));
  const steps = gone.map((vni) => dropping(known.get(vni) as VniArgs));
  for (const [vni, entry] of asked) {
    const before = known.get(vni);
    if (isSame(before, entry)) continue;
    if (before && hasMore(before, entry)) steps.push(dropping(before));
    const undo = !before || hasMore(before, entry) ? [order('vni del', entry)] : restating(entry, before);
    steps.push({ order: order('vni add', entry), undo, about: aboutOf(entry, wanted) });
  }
  return steps;
}

/** What is not said of a VNI that is there stays: so it must go first. */
function hasMore(from: VniArgs, to: VniArgs): boolean {
  const leads = ({ remote, group }: VniArgs) => remote !== undefined || group !== undefined;
  return (from.vlan !== undefined && to.vlan === undefined) || (leads(from) && !leads(to));
}

function restating(from: VniArgs, to: VniArgs): Order[] {
  return [...(hasMore(from, to) ? [order('vni del', from)] : []), order('vni add', to)];
}

/** Its entries go with it. */
function droppingVni(entry: VniArgs, fdb: readonly FdbArgs[]): Step {
  const own = fdb.filter(({ src_vni }) => src_vni === entry.vni[0]);
  const undo = [order('vni add', entry), ...own.map((each) => order('fdb append', each))];
  return { order: order('vni del', entry), undo };
}

/** The range of the file that it is one of. */
function aboutOf({ vni: [vni] }: VniArgs, ranges: readonly VniArgs[]): VniArgs | undefined {
  return ranges.find(({ vni: [first, last] }) => first <= vni && vni <= last);
}

function byVni(entries: readonly VniArgs[]): Map<number, VniArgs> {
  return new Map(eachVni(entries).map((entry) => [entry.vni[0], entry]));
}

function order<V extends keyof Orders>(verb: V, args: Orders[V]): Order {
  return { verb, args } as Order;
}

function deleting({ name }: LinkArgs): Order {
  return order('link del', { name });
}

function byKey(entries: readonly FdbArgs[]): Map<string, FdbArgs[]> {
  const map = new Map<string, FdbArgs[]>();
  for (const entry of entries) {
    const known = map.get(entryKey(entry));
    if (known) known.push(entry);
    else map.set(entryKey(entry), [entry]);
  }
  return map;
}

/** Keys in another order mean the same. */
function isSame(a: object | undefined, b: object): boolean {
  return isDeepStrictEqual(a, b);
}

function isSameSet(a: readonly string[] = [], b: readonly string[] = []): boolean {
  const plain = (list: readonly string[]) => [...new Set(list.map(plainIp))].sort().join();
  return plain(a) === plain(b);
}
