/**
 * Which command lines may be meant for links of ours, and what they ask. Whether the link that is named is ours, only
 * the daemon knows: who carries this out asks it, and hands over to the real tool what is not.
 *
 * What the real tool does to a TAP as it would to a kernel link stays with it: `up`, `down`, `mtu`, `address`,
 * `master`, addresses, routes, neighbours. The daemon follows the kernel there.
 */

import type { CommandLine } from './command-line.ts';

export type Meant =
  | { kind: 'real' }
  /** What is said of any device, and what of vxlan. */
  | { kind: 'add'; name?: string; general: string[]; vxlan: string[] }
  | { kind: 'change'; name?: string; newName?: string; general: string[]; vxlan: string[] }
  | { kind: 'delete'; name: string }
  /** By the real tool, and the next line may count on the new name. */
  | { kind: 'rename'; name: string; newName: string }
  /** `vxlanOnly`: by `type vxlan`. */
  | { kind: 'links'; name?: string; vxlanOnly: boolean }
  | { kind: 'fdb'; verb: string; dev: string; words: string[]; alsoBridge: boolean }
  /** `bridge`: only what is on its ports. */
  | { kind: 'entries'; dev?: string; bridge?: string; words: string[] }
  | { kind: 'vni'; verb: string; dev?: string; words: string[] }
  | { kind: 'batch'; file: string }
  | { kind: 'namespace'; names: string[] }
  /** What no TAP can do, though the kernel might let it pass without effect. */
  | { kind: 'refused'; dev: string; why: string };

const REAL: Meant = { kind: 'real' };

/** Words of `ip link add|set` before `type` that stand alone; the others have a value. */
const ALONE = /^(up|down|nomaster|novrf|dynamic)$/;
const VALUED =
  /^(address|broadcast|brd|txqueuelen|qlen|txqlen|mtu|netns|(all)?multicast|promisc|trailers|arp|master|vrf|alias|group|mode|state|num[tr]xqueues|addrgenmode|link-netns(id)?|index|link|name|protodown|g[sr]o_\w+|xdp\w*|carrier|nsid)$/;

export function meant(line: CommandLine): Meant {
  if (line.batch !== undefined) return { kind: 'batch', file: line.batch };
  if (line.rest.includes('help') || line.verb === 'help') return REAL;
  if (line.tool === 'bridge') return ofBridge(line);
  switch (`${line.object} ${line.verb}`) {
    case 'link add':
    case 'link replace':
    case 'link set':
    case 'link change':
      return linkChanged(line);
    case 'link delete':
      return linkDeleted(line.rest);
    case 'link show':
    case 'address show':
      return linksShown(line);
    case 'netns delete':
      return { kind: 'namespace', names: line.rest };
    default:
      return REAL;
  }
}

function ofBridge(line: CommandLine): Meant {
  const { object, verb, rest } = line;
  const dev = after(rest, 'dev');
  if (object === 'fdb') return fdb(line);
  if (object === 'vni') return { kind: 'vni', verb, dev, words: rest };
  const why = verb === 'show' ? undefined : whyRefused(object, rest);
  return dev !== undefined && why !== undefined ? { kind: 'refused', dev, why } : REAL;
}

function whyRefused(object: string, words: readonly string[]): string | undefined {
  if (object === 'mdb') return 'a TAP has no table of groups of its own; its bridge has one';
  const isTunnel = words.includes('tunnel_info') || after(words, 'vlan_tunnel') === 'on';
  return isTunnel ? 'a TAP has no tunnel metadata: `vtep vni add` says which VLAN is which VNI' : undefined;
}

function after(words: readonly string[], ...keys: string[]): string | undefined {
  const at = words.findIndex((word) => keys.includes(word));
  return at < 0 ? undefined : words[at + 1];
}

/** What stands before `type`: the name, a new one, and the rest as it stands. Undefined: there are more names. */
function beforeType(
  words: readonly string[],
  isNew: boolean,
): { name?: string; newName?: string; general: string[] } | undefined {
  const names: string[] = [];
  const newNames: string[] = [];
  const general: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at];
    if (ALONE.test(word)) general.push(word);
    else if (word === 'name') newNames.push(words[++at]);
    else if (VALUED.test(word) && at + 1 < words.length) general.push(word, words[++at]);
    else names.push(word === 'dev' ? words[++at] : word);
  }
  const [name, ...more] = isNew ? [...newNames, ...names] : names;
  if (more.length > 0 || newNames.length > 1) return undefined;
  return { name, newName: isNew ? undefined : newNames[0], general };
}

function linkChanged({ verb, rest }: CommandLine): Meant {
  const type = rest.indexOf('type');
  const isNew = verb === 'add' || verb === 'replace'; // the kernel replaces none that is there
  const before = beforeType(type < 0 ? rest : rest.slice(0, type), isNew);
  if (!before) return REAL; // which refuses it
  if (type >= 0 && rest[type + 1] === 'vxlan') {
    if (!isNew && before.general.includes('index')) return REAL; // which refuses it
    return { kind: isNew ? 'add' : 'change', ...before, vxlan: rest.slice(type + 2) };
  }
  const { name, newName, general } = before;
  // where one was moved to is looked up each time
  const isRenamed = type < 0 && !general.includes('netns');
  return isRenamed && name !== undefined && newName !== undefined ? { kind: 'rename', name, newName } : REAL;
}

function linkDeleted(rest: readonly string[]): Meant {
  const type = after(rest, 'type');
  if (rest[0] === 'group' || (type !== undefined && type !== 'vxlan')) return REAL;
  const name = rest[0] === 'dev' || rest[0] === 'name' ? rest[1] : rest[0];
  return name === undefined ? REAL : { kind: 'delete', name };
}

/** Words of `ip link|address show` that take one behind them. */
const FILTERS = /^(group|master|vrf|type|scope|label|to|nomaster)$/;

/** Only with `-d` is it seen of what kind a device is, and only with `-s` what it counts. */
function linksShown({ object, rest, details, stats }: CommandLine): Meant {
  const vxlanOnly = after(rest, 'type') === 'vxlan';
  if (!details && !stats && !vxlanOnly) return REAL;
  let name = after(rest, 'dev');
  for (let at = 0; at < rest.length && name === undefined; at++) {
    if (FILTERS.test(rest[at])) at++;
    else if (!/^(up|dynamic|permanent|primary|secondary|novf)$/.test(rest[at])) name = rest[at];
  }
  return object === 'address' && rest.includes('to') ? REAL : { kind: 'links', name, vxlanOnly };
}

function fdb({ verb, rest }: CommandLine): Meant {
  const dev = after(rest, 'dev', 'brport');
  const bridge = after(rest, 'br');
  if (verb === 'show') return { kind: 'entries', dev, bridge, words: rest };
  // with `master` alone it is the bridge's own table that is meant; `get` asks that one unless told otherwise
  const atBridge = rest.includes('master');
  const atSelf = rest.includes('self') || !(atBridge || verb === 'get');
  if (dev === undefined || bridge !== undefined || !atSelf) return REAL;
  return { kind: 'fdb', verb, dev, words: rest.filter((word) => word !== 'master'), alsoBridge: atBridge };
}
