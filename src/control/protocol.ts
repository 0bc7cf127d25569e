/**
 * What is spoken at the control socket: a JSON value a line.
 *
 *   from vtep, first   {"vtep": "0.1.0", "protocol": 1}
 *   to vtep            {"id": 1, "verb": "fdb add", "args": {...}}      `id` is the caller's, and comes back
 *   from vtep          {"id": 1, "items": [...]}                        for what is shown or watched: any number of these
 *                      {"id": 1, "ok": null}                            then one of the two
 *                      {"id": 1, "error": {"code": "EEXIST", "message": "..."}}
 *
 * Requests of one connection are carried out in order, one after the other; those that watch go on until it closes.
 * Whoever sends ahead, and wants nothing done after a failure, sets `chained` on each: such a request is carried out
 * only if the one before it was, else it is answered with ECANCELED.
 * The answers are to be read meanwhile: while many of them wait, no more requests are read.
 *
 * Many requests of one verb that shows nothing may come as one, with `each` instead of `args`:
 *
 *   to vtep            {"id": 2, "verb": "fdb add", "each": [{...}, {...}, {...}]}      these are 2, 3 and 4
 *   from vtep          {"id": 3, "error": {...}}                                        those that were refused
 *                      {"id": 4, "ok": null}                                            and always the last
 */

export const PROTOCOL = 1;

export interface Request {
  id: number;
  verb: Verb;
  args?: unknown;
  /** Of as many requests, at most `EACH_MOST`; `id` is that of the first. */
  each?: unknown[];
  chained?: boolean;
}

/** Other connections wait while they are carried out. */
export const EACH_MOST = 1024;

export type Answer =
  | { id: number; items: readonly unknown[] }
  | { id: number; ok: unknown }
  | { id: number; error: { code: string; message: string } };

/** A link, as it is made, changed and shown; what is left out is as by default, or stays. */
export interface LinkArgs {
  name: string;
  id?: number;
  remotes?: string[];
  /** null: none any more. */
  group?: string | null;
  local?: string | null;
  dev?: string | null;
  dstport?: number;
  srcport?: [number, number];
  ttl?: number | 'inherit';
  tos?: number | 'inherit';
  df?: 'unset' | 'set' | 'inherit';
  flowlabel?: number | 'inherit';
  learning?: boolean;
  proxy?: boolean;
  suppress?: boolean;
  rsc?: boolean;
  l2miss?: boolean;
  l3miss?: boolean;
  udpcsum?: boolean;
  udp6zerocsumtx?: boolean;
  udp6zerocsumrx?: boolean;
  ageing?: number;
  maxaddress?: number;
  external?: boolean;
  vnifilter?: boolean;
  localbypass?: boolean;
  /** Which datagrams are dropped for: none, all, or those of a mask of 16 digits. */
  reserved_bits?: 'ignore' | 'kernel' | `0x${string}`;
  innervlan?: 'pass' | 'strip' | 'drop';
  /** Of a new one: the interface's number. */
  index?: number;
  mtu?: number;
  /** MAC. */
  address?: string;
  /** IP with prefix, set on the TAP. */
  addresses?: string[];
  up?: boolean;
}

/** A link as `link show` tells of it: all of the above that hold, and what came of them. */
export interface LinkItem extends LinkArgs {
  id: number;
  ifindex: number;
  mtu: number;
  /** What the path carries of an inner packet. */
  pathMtu: number;
  address: string;
  up: boolean;
  /** Its TAP is in another network namespace, by the inode, and is called so there. */
  moved?: { netns: number; name: string };
  workers: number;
  offloads: string[];
  /** With `stats`: by name. */
  counters?: Record<string, number>;
}

export interface FdbArgs {
  dev: string;
  mac: string;
  dst?: string;
  port?: number;
  vni?: number;
  src_vni?: number;
  /** The device that datagrams leave by. */
  via?: string;
  state?: 'permanent' | 'static' | 'dynamic';
  flags?: ('router' | 'use' | 'extern_learn' | 'sticky')[];
}

/** An entry and one of its destinations: an entry with several is several items. */
export interface FdbItem extends Omit<FdbArgs, 'state'> {
  dst: string;
  /** `learned` by itself, or as it was made. */
  state: 'learned' | 'permanent' | 'static' | 'dynamic';
  /** Seconds since a frame went there, and since one came from there. */
  used: number;
  updated: number;
}

/** As `monitor` tells of it. */
export interface FdbNews extends Omit<FdbItem, 'state'> {
  /** `stale`: it has aged. */
  state: FdbItem['state'] | 'stale';
}

export interface FdbFilter {
  dev?: string;
  mac?: string;
  dst?: string;
  port?: number;
  vni?: number;
  src_vni?: number;
  via?: string;
  /** Words of `bridge fdb flush`: permanent, static, dynamic, router, extern_learn, sticky, and each with `no`. */
  words?: string[];
}

export interface NeighArgs {
  dev: string;
  /** Of the neighbour. */
  ip: string;
  mac: string;
  flags?: 'router'[];
}

export interface NeighItem extends NeighArgs {
  /** By hand, by the kernel's own table of the TAP, or snooped. */
  state: 'permanent' | 'kernel' | 'snooped';
}

export interface VniArgs {
  dev: string;
  /** First and last. */
  vni: [number, number];
  group?: string;
  remote?: string;
  /** The VLAN of the TAP's frames that the VNI is; the first of as many. */
  vlan?: number;
}

export type MonitorItem =
  | { event: 'link'; deleted: boolean; link: LinkItem }
  | { event: 'fdb'; deleted: boolean; entry: FdbNews }
  | { event: 'neigh'; deleted: boolean; neighbor: NeighItem }
  | { event: 'miss'; dev: string; mac?: string; ip?: string };

/** Each verb with its arguments, and the items that it answers with. */
export interface Verbs {
  'link add': { args: LinkArgs; items: never };
  'link set': { args: LinkArgs; items: never };
  'link del': { args: { name: string }; items: never };
  /** `moved`: only those that are in another network namespace. */
  'link show': { args: { name?: string; stats?: boolean; moved?: boolean }; items: LinkItem };
  'fdb add': { args: FdbArgs; items: never };
  'fdb append': { args: FdbArgs; items: never };
  'fdb replace': { args: FdbArgs; items: never };
  'fdb del': { args: FdbArgs; items: never };
  'fdb flush': { args: FdbFilter; items: never };
  'fdb get': { args: { dev: string; mac: string }; items: FdbItem };
  'fdb show': { args: FdbFilter; items: FdbItem };
  'neigh add': { args: NeighArgs; items: never };
  'neigh replace': { args: NeighArgs; items: never };
  /** Only where there is one: else ENOENT. */
  'neigh change': { args: NeighArgs; items: never };
  'neigh del': { args: { dev: string; ip: string }; items: never };
  'neigh flush': { args: { dev?: string }; items: never };
  'neigh show': { args: { dev?: string }; items: NeighItem };
  'vni add': { args: VniArgs; items: never };
  'vni del': { args: VniArgs; items: never };
  'vni show': {
    args: { dev?: string; stats?: boolean };
    items: VniArgs & { counters?: Record<string, number> };
  };
  monitor: { args: { what: ('link' | 'fdb' | 'neigh' | 'miss')[] }; items: MonitorItem };
  /** The daemon's own file, or `text`: of one that the caller has read, and that sentences call `path`. */
  'config reload': { args: { text?: string; path?: string }; items: never };
  /** What runs, as lines of a file: to load it changes nothing. */
  'config show': { args: undefined; items: string };
  stop: { args: undefined; items: never };
}

export type Verb = keyof Verbs;
