/** A configuration as its text, line by line: a large table is never in memory as a whole. */

import type { LinkArgs } from '../control/protocol.ts';
import type { EngineArgs, LogArgs } from './shapes.ts';
import { ALL_ZERO, defaultEntries, destination, eachVni, type LinkState } from './state.ts';

export interface Written {
  log: LogArgs;
  engine: EngineArgs;
  links: Iterable<LinkState>;
}

export function* configLines({ log, engine, links }: Written): Generator<string> {
  yield* section('log', log);
  yield* section('engine', engine);
  let count = 0;
  for (const state of links) {
    if (count++ === 0) yield 'links:';
    yield* linkLines(state);
  }
  if (count === 0) yield 'links: {}';
}

function* section(name: string, of: object): Generator<string> {
  if (Object.keys(of).length > 0) yield `${name}: ${flow(of)}`;
}

function* linkLines(state: LinkState): Generator<string> {
  const { name, ...said } = withRemotesThatAre(state);
  yield `  ${plain(name)}:`;
  for (const [key, value] of Object.entries(said)) {
    const isSaid = value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);
    if (isSaid) yield `    ${key}: ${flow(value)}`;
  }
  const byDefault = placesByDefault(state);
  const fdb = state.fdb.filter((entry) => entry.mac !== ALL_ZERO || !byDefault.has(destination(entry)));
  for (const [key, list] of Object.entries({ fdb, neigh: state.neigh, vnis: state.vnis })) {
    if (list.length > 0) yield `    ${key}:`;
    for (const { dev: _, ...entry } of list) yield `      - ${flow(entry)}`;
  }
}

/** A trunk's are those of its VNIs: their own remote, or the link's. */
function placesByDefault({ args, vnis }: LinkState): Set<string> {
  if (!args.external) return new Set(defaultEntries(args).map(destination));
  const places = eachVni(vnis).flatMap(({ vni: [src_vni], remote, group }) => {
    const own = {
      ...args,
      external: false,
      ...((remote || group) && { remotes: remote ? [remote] : [], group }),
    };
    return defaultEntries(own).map((entry) => destination({ ...entry, src_vni }));
  });
  return new Set(places);
}

/** Verbs may have taken default destinations away. */
function withRemotesThatAre({ args, fdb }: LinkState): LinkArgs {
  if (!args.remotes || args.external) return args;
  const there = new Set(fdb.filter(({ mac }) => mac === ALL_ZERO).map(destination));
  const remotes = args.remotes.filter((dst) =>
    defaultEntries({ name: '', remotes: [dst] }).some((entry) => there.has(destination(entry))),
  );
  return { ...args, remotes };
}

function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (typeof value !== 'object' || value === null)
    return typeof value === 'string' ? plain(value) : String(value);
  const pairs = Object.entries(value).filter(([, each]) => each !== undefined);
  return `{${pairs.map(([key, each]) => `${plain(key)}: ${flow(each)}`).join(', ')}}`;
}

/** In quotes where YAML, of whatever version, would take it for something else than a word. */
function plain(word: string): string {
  const isWord = /^[A-Za-z0-9]([\w.:/%-]*[A-Za-z0-9])?$/.test(word) && Number.isNaN(Number(word));
  return isWord && !/^(null|true|false|yes|no|on|off|y|n)$/i.test(word) ? word : JSON.stringify(word);
}
