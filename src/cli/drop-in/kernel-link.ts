/**
 * What iproute2 and the kernel refuse of a link where vtep would not: scripts meet their answers. `vtep link set` changes
 * what the kernel never does; a script that tries that counts on the refusal, or would fail with the kernel.
 */

import { isIPv6 } from 'node:net';
import type { LinkArgs, LinkItem } from '../../control/protocol.ts';
import { Refusal } from '../../control/refusal.ts';
import { UsageError } from '../grammar.ts';

/** Words that iproute2 ends with 1 about, without asking the kernel. */
export class Misspoken extends UsageError {}

/** Checks of iproute2's own, in its order. */
export function checkWords(args: LinkArgs, isNew: boolean): void {
  const { id, remotes = [], group, local, dev, external, vnifilter } = args;
  if (group === null) throw new UsageError('the unspecified address is no group');
  if (remotes.length > 1) throw new UsageError(`remote ${remotes[1]}: remote ${remotes[0]} is said already`);
  if (group && remotes.length > 0) throw new Misspoken('vxlan: both group and remote cannot be specified');
  if (new Set([group, local, ...remotes].filter(Boolean).map((ip) => isIPv6(ip as string))).size > 1)
    throw new Misspoken(`vxlan: "${local}" is of another family than "${group ?? remotes[0]}"`);
  if (group && !dev) throw new Misspoken("vxlan: 'group' requires 'dev' to be specified");
  if (external && id !== undefined) throw new Misspoken("vxlan: both 'external' and vni cannot be specified");
  if (vnifilter && !external) throw new Misspoken("vxlan: vnifilter is valid only when 'external' is set");
  if (isNew && id === undefined && !external)
    throw new Misspoken('vxlan: missing virtual network identifier');
}

/** What is of one family only: the kernel refuses one of the other, and takes the other for nothing. */
export function checkFamily(args: LinkArgs, before: Partial<LinkArgs> = {}): void {
  const places = [args, before].flatMap(({ local, group, remotes = [] }) => [local, group, ...remotes]);
  const ipv6 = places.some((ip) => ip && isIPv6(ip));
  if (args.flowlabel && !ipv6)
    throw new Refusal('EINVAL', 'flowlabel is of IPv6: neither local nor remote is');
  if (ipv6) delete args.udpcsum;
}

/** Those that the kernel changes as a link runs, and ours, of which it knows nothing. */
const CHANGED: readonly (keyof LinkArgs)[] = [
  ...(['name', 'id', 'remotes', 'group', 'local', 'dev', 'ttl', 'tos', 'df', 'flowlabel'] as const),
  ...(['learning', 'ageing', 'localbypass', 'suppress', 'innervlan'] as const),
  ...(['mtu', 'address', 'addresses', 'up'] as const),
];

/** Throws at the first that the kernel keeps as it is; returns what is left to be done. */
export function changesOf({ srcport, ...args }: LinkArgs, link: LinkItem | undefined): LinkArgs {
  if (args.id !== undefined && args.id !== link?.id)
    throw new Refusal('EOPNOTSUPP', `the VNI of ${args.name} stays what it is`);
  // `srcport 0 0` asks for nothing
  const isPorts = srcport !== undefined && `${srcport}` !== '0,0';
  const kept = isPorts ? 'srcport' : (Object.keys(args) as (keyof LinkArgs)[]).find(isKept);
  if (kept ?? args.ttl === 'inherit') {
    const word = kept ?? 'ttl inherit';
    const isForGood = word === 'external' || word === 'vnifilter';
    throw new Refusal(
      'EOPNOTSUPP',
      isForGood
        ? `${word} is said when a link is made, and stays`
        : `${word} is not changed as a link runs, as with the kernel; \`vtep link set ${args.name} ${word} ...\` does`,
    );
  }
  checkFamily(args, link);
  return args;
}

function isKept(name: keyof LinkArgs): boolean {
  return !CHANGED.includes(name);
}
