/** A configuration out of its text: all of its mistakes, or what it wants. Nothing of the host is asked. */

import { linkOptions } from '../control/link-args.ts';
import type { FdbArgs, LinkArgs, NeighArgs, VniArgs } from '../control/protocol.ts';
import { Refusal } from '../control/refusal.ts';
import { complaints, type Shapes } from '../control/shapes.ts';
import {
  CONFIGURED_FDB,
  CONFIGURED_LINK,
  CONFIGURED_NEIGH,
  CONFIGURED_VNI,
  ENGINE_SHAPES,
  type EngineArgs,
  LOG_SHAPES,
  type LogArgs,
  NAME_SHAPE,
} from './shapes.ts';
import {
  defaultEntries,
  destination,
  eachVni,
  entryKey,
  fdbState,
  identity,
  isList,
  type LinkState,
  neighState,
  type States,
} from './state.ts';
import { type Mistake, type Place, Source, type Values } from './yaml.ts';

export interface Config {
  links: States;
  engine: EngineArgs;
  log: LogArgs;
  /** Where something of it stands: a link's args, an entry, a neighbour. */
  place(of: object): Place | undefined;
  /** Where `engine` says this. */
  engineAt(key: keyof EngineArgs): Place;
}

export type Reading = { config: Config } | { mistakes: Mistake[] };

/** Of one range. */
const VNIS_MOST = 4096;

const PARTS = ['links', 'engine', 'log'];

export function readConfig(text: string): Reading {
  const source = new Source(text);
  const config = source.isLegible ? new Reader(source).read() : undefined;
  return config
    ? { config }
    : { mistakes: source.mistakes.sort((a, b) => a.line - b.line || a.column - b.column) };
}

class Reader {
  private readonly source: Source;
  private readonly places = new Map<object, Place>();
  /** Of the links so far, by `identity`. */
  private readonly identities = new Map<string, string>();

  constructor(source: Source) {
    this.source = source;
  }

  read(): Config | undefined {
    const { source, places } = this;
    const { value } = source;
    if (value === undefined || value === null) {
      source.mistake(value, 'the file is empty; `links: {}` says that there are no links');
      return undefined;
    }
    if (!isMap(value)) {
      source.mistake(value, `a configuration is a map with ${PARTS.join(', ')}`);
      return undefined;
    }
    for (const key of Object.keys(value).filter((each) => !PARTS.includes(each))) {
      source.mistake(value, `"${key.slice(0, 40)}" is not known; there are ${PARTS.join(', ')}`, key, 'key');
    }
    const links = this.links(value);
    const engine = this.part<EngineArgs>(value, 'engine', ENGINE_SHAPES);
    const log = this.part<LogArgs>(value, 'log', LOG_SHAPES);
    if (source.mistakes.length > 0) return undefined;
    return {
      links,
      engine,
      log,
      place: (of) => places.get(of),
      engineAt: (key) => source.place(value.engine, key),
    };
  }

  private part<T>(of: Values, key: string, shapes: Shapes<T>): T {
    const value = of[key] ?? {};
    this.check(value, shapes, [], of, key);
    return value as T;
  }

  private links(root: Values): States {
    const states = new Map<string, LinkState>();
    const links = root.links ?? {};
    if (!isMap(links)) {
      this.source.mistake(root, 'links is a map by name: `links: {vx0: {id: 42}}`', 'links');
      return states;
    }
    for (const name of Object.keys(links)) {
      if (!NAME_SHAPE.accepts(name)) {
        this.source.mistake(links, `"${name.slice(0, 40)}" is not ${NAME_SHAPE.is}`, name, 'key');
      }
      const state = this.link(name, links);
      if (state) states.set(name, state);
    }
    return states;
  }

  /** Undefined: there are mistakes. */
  private link(name: string, links: Values): LinkState | undefined {
    const { source } = this;
    const link = links[name];
    if (!isMap(link)) {
      source.mistake(links, `${name} is a map with its words, such as {id: 42, remotes: [192.0.2.2]}`, name);
      return undefined;
    }
    const { fdb, neigh, vnis, ...said } = link;
    const needed = said.external === true ? [] : (['id'] as const);
    const isSound = this.check(said, CONFIGURED_LINK, needed, link);
    const entries = this.list<FdbArgs>(link, 'fdb', CONFIGURED_FDB, ['mac', 'dst'], name);
    const neighbors = this.list<NeighArgs>(link, 'neigh', CONFIGURED_NEIGH, ['ip', 'mac'], name);
    const args = { name, ...said } as LinkArgs;
    const state = {
      args,
      fdb: entries.map((entry) => this.moved(entry, fdbState(entry, args))),
      neigh: neighbors.map((entry) => this.moved(entry, neighState(entry))),
      vnis: this.list<VniArgs>(link, 'vnis', CONFIGURED_VNI, ['vni'], name),
    };
    if (!isSound || source.mistakes.length > 0) return undefined;
    this.places.set(args, source.place(links, name));
    this.checkWhole(state, links);
    return state;
  }

  private checkWhole({ args, fdb, neigh, vnis }: LinkState, links: Values): void {
    const { source, identities } = this;
    try {
      linkOptions(args);
    } catch (error) {
      source.mistake(links, about(args.name, (error as Error).message), args.name);
    }
    const own = identity(args);
    const other = identities.get(own);
    if (other !== undefined && !args.external) {
      const [, port, vni] = own.split(' ');
      source.mistake(
        links,
        `${args.name}: ${other} has VNI ${vni} at port ${port} already (EEXIST)`,
        args.name,
      );
    }
    identities.set(own, args.name);
    this.checkUnique(fdb, (entry) =>
      isList(entry.mac) ? `${entryKey(entry)} dst ${destination(entry)}` : entryKey(entry),
    );
    this.checkUnique(neigh, ({ ip }) => ip);
    this.checkGroups(args, fdb);
    this.checkVnis(args, vnis);
  }

  private checkUnique<T extends object>(entries: readonly T[], keyOf: (entry: T) => string): void {
    const known = new Map<string, T>();
    for (const entry of entries) {
      const key = keyOf(entry);
      const before = known.get(key);
      if (before)
        this.complain(
          entry,
          `${key.trim()} stands at line ${this.places.get(before)?.line} already (EEXIST)`,
        );
      known.set(key, entry);
    }
  }

  /** State and flags are those of a MAC, with all its destinations. */
  private checkGroups(args: LinkArgs, entries: readonly FdbArgs[]): void {
    const words = new Map(
      defaultEntries(args).map(({ mac, state, flags }) => [mac, JSON.stringify([state, flags])]),
    );
    for (const entry of entries) {
      const own = JSON.stringify([entry.state, entry.flags]);
      const first = words.get(entryKey(entry)) ?? own;
      if (first !== own)
        this.complain(entry, `the destinations of ${entry.mac} must have the same state and flags`);
      words.set(entryKey(entry), first);
    }
  }

  private checkVnis({ name, external }: LinkArgs, ranges: readonly VniArgs[]): void {
    const known = new Set<number>();
    for (const range of ranges) {
      const [first, last] = range.vni;
      if (!external) this.complain(range, `${name} has one VNI; vnis go with external and vnifilter`);
      if (first > last || last - first >= VNIS_MOST) {
        this.complain(range, `vni [${first}, ${last}] is no range: first and last, of at most ${VNIS_MOST}`);
        return;
      }
      const twice = eachVni([range]).find(({ vni: [vni] }) => known.has(vni));
      if (twice) this.complain(range, `VNI ${twice.vni[0]} is in a range before already (EEXIST)`);
      for (let vni = first; vni <= last; vni++) known.add(vni);
    }
  }

  private complain(entry: object, sentence: string): void {
    this.source.complain(this.places.get(entry) as Place, sentence);
  }

  /** Each with `dev`, and with its place noted. */
  private list<T extends { dev: string }>(
    link: Values,
    key: string,
    shapes: Shapes<Omit<T, 'dev'>>,
    needed: readonly (keyof Omit<T, 'dev'> & string)[],
    dev: string,
  ): T[] {
    const list = link[key] ?? [];
    if (!Array.isArray(list)) {
      this.source.mistake(link, `${key} is a list of maps with ${needed.join(', ')}`, key);
      return [];
    }
    const sound = list.filter((item, at) => this.check(item, shapes, needed, list, String(at)));
    return sound.map((item) => {
      const entry = { dev, ...item } as T;
      this.places.set(entry, this.source.place(item));
      return entry;
    });
  }

  /** True: there is nothing wrong with it. `key`: under which it stands in `of`. */
  private check<T>(
    value: unknown,
    shapes: Shapes<T>,
    needed: readonly (keyof T & string)[],
    of: unknown,
    key?: string,
  ): boolean {
    const all = complaints(value, shapes, needed);
    for (const { key: about, sentence } of all) {
      const holder = key === undefined ? of : value;
      if (about === '') this.source.mistake(of, sentence, key);
      else this.source.mistake(holder, sentence, about, Object.hasOwn(shapes, about) ? 'value' : 'key');
    }
    return all.length === 0;
  }

  /** The place of one that takes another's place. */
  private moved<T extends object>(from: T, to: T): T {
    this.places.set(to, this.places.get(from) as Place);
    this.places.delete(from);
    return to;
  }
}

function isMap(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A sentence that names the link, if it does not yet. */
export function about(name: string, sentence: string): string {
  return sentence.split(/[\s:,"]+/).includes(name) ? sentence : `${name}: ${sentence}`;
}

/** Throws a sentence for each mistake. */
export function readSound(file: string, text: string): Config {
  const reading = readConfig(text);
  if ('config' in reading) return reading.config;
  throw new Refusal('EINVAL', mistakeLines(file, reading.mistakes).join('\n'));
}

/** A line each, as compilers say it. */
export function mistakeLines(file: string, mistakes: readonly Mistake[]): string[] {
  const lines = mistakes.map(({ line, column, sentence }) => `${file}:${line}:${column}: ${sentence}`);
  return [...new Set(lines)];
}
