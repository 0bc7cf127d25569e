/** What cannot go together in one link though each word of it is sound, as far as that is known without its host. */

import { isIPv6 } from 'node:net';
import type { FdbArgs, LinkArgs, VniArgs } from '../control/protocol.ts';
import { VLANS } from '../tables/links.ts';
import { isUnspecified, parseIp } from '../wire/address.ts';
import { defaultEntries, destination, entryKey, isList, isOfIpv6, type LinkState, plainIp } from './state.ts';

/** `about`: which part of the state. `twin`: the one that stands there already. */
export interface Conflict {
  about: object;
  sentence: string;
  twin?: object;
}

/** Of one range. */
const VNIS_MOST = 4096;
const LAST_VLAN = VLANS - 2;

export function* conflicts({ args, fdb, neigh, vnis }: LinkState): Generator<Conflict> {
  yield* twins(fdb, (entry) =>
    isList(entry.mac) ? `${entryKey(entry)} dst ${destination(entry)}` : entryKey(entry),
  );
  yield* twins(neigh, ({ ip }) => ip);
  yield* ofAddresses(args);
  yield* ofGroups(args, fdb);
  for (const entry of fdb) yield* ofEntry(args, entry);
  yield* ofVnis(args, vnis);
}

function* twins<T extends object>(entries: readonly T[], keyOf: (entry: T) => string): Generator<Conflict> {
  const known = new Map<string, T>();
  for (const about of entries) {
    const key = keyOf(about);
    const twin = known.get(key);
    if (twin) yield { about, sentence: key.trim(), twin };
    known.set(key, about);
  }
}

function* ofAddresses(args: LinkArgs): Generator<Conflict> {
  const { addresses = [] } = args;
  const plain = addresses.map((each) => each.replace(/^[^/]+/, plainIp));
  const again = addresses.find((_, at) => plain.indexOf(plain[at]) < at);
  if (again) yield { about: args, sentence: `${args.name}: addresses has ${again} twice (EEXIST)` };
}

/** State and flags are those of a MAC, with all its destinations. */
function* ofGroups(args: LinkArgs, entries: readonly FdbArgs[]): Generator<Conflict> {
  const words = new Map(
    defaultEntries(args).map(({ mac, state, flags }) => [mac, JSON.stringify([state, flags])]),
  );
  for (const about of entries) {
    const own = JSON.stringify([about.state, about.flags]);
    const first = words.get(entryKey(about)) ?? own;
    const sentence = `the destinations of ${about.mac} must have the same state and flags`;
    if (first !== own) yield { about, sentence };
    words.set(entryKey(about), first);
  }
}

function* ofEntry(args: LinkArgs, about: FdbArgs): Generator<Conflict> {
  const { src_vni: srcVni, dst = '' } = about;
  if (args.external && srcVni === undefined) {
    yield { about, sentence: `src_vni is missing: ${args.name} has many VNIs (EINVAL)` };
  }
  if (!args.external && srcVni !== undefined) {
    yield { about, sentence: `src_vni ${srcVni}: ${args.name} has one VNI, and is no trunk (EOPNOTSUPP)` };
  }
  const ip = parseIp(dst);
  if (ip && isUnspecified(ip[0], ip[1], ip[2], ip[3])) {
    yield { about, sentence: `dst ${dst} is no host's address, nor a group's (EINVAL)` };
  } else if (ip && !args.external && isIPv6(dst) !== (isOfIpv6(args) ?? false)) {
    const [own, other] = isIPv6(dst) ? ['IPv4', 'IPv6'] : ['IPv6', 'IPv4'];
    const sentence = `dst ${dst} is of ${other}, the remotes of ${args.name} are of ${own} (EAFNOSUPPORT)`;
    yield { about, sentence };
  }
}

function* ofVnis(args: LinkArgs, ranges: readonly VniArgs[]): Generator<Conflict> {
  const vnis = new Set<number>();
  const vlans = new Map<number, number>();
  for (const about of ranges) {
    const [first, last] = about.vni;
    yield* ofRange(args, about);
    if (first > last || last - first >= VNIS_MOST) return;
    for (let vni = first; vni <= last; vni++) {
      const vlan = about.vlan === undefined ? undefined : about.vlan + vni - first;
      const its = vlan === undefined ? undefined : vlans.get(vlan);
      if (vnis.has(vni)) yield { about, sentence: `VNI ${vni} is in a range before already (EEXIST)` };
      else if (its !== undefined) yield { about, sentence: `VLAN ${vlan} is VNI ${its} already (EEXIST)` };
      if (vnis.has(vni) || its !== undefined) break;
      vnis.add(vni);
      if (vlan !== undefined) vlans.set(vlan, vni);
    }
  }
}

function* ofRange(args: LinkArgs, about: VniArgs): Generator<Conflict> {
  const { name, external, dev } = args;
  const { group, remote, vlan } = about;
  const [first, last] = about.vni;
  if (!external) yield { about, sentence: `${name} has one VNI; vnis go with external and vnifilter` };
  if (first > last || last - first >= VNIS_MOST) {
    yield { about, sentence: `vni [${first}, ${last}] is no range: first and last, of at most ${VNIS_MOST}` };
  } else if (vlan !== undefined && vlan + last - first > LAST_VLAN) {
    yield { about, sentence: `vlan ${vlan} and those behind it are too few: the last one is ${LAST_VLAN}` };
  }
  if (group && remote)
    yield { about, sentence: `group ${group} and remote ${remote} exclude each other (EINVAL)` };
  if (group && !dev)
    yield { about, sentence: `group ${group} needs an interface to join it on: dev of ${name} (EINVAL)` };
}
