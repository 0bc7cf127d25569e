/** A configuration out of its text: all of its mistakes, or what it wants. Nothing of the host is asked. */

import { linkOptions } from '../control/link-args.ts';
import type { FdbArgs, LinkArgs, NeighArgs, VniArgs } from '../control/protocol.ts';
import { Refusal } from '../control/refusal.ts';
import { complaints, type Shapes } from '../control/shapes.ts';
import { conflicts } from './conflicts.ts';
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
import { fdbState, identity, type LinkState, neighState, type States } from './state.ts';
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
    const isSound = this.check(link, CONFIGURED_LINK, needed, link);
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

  private checkWhole(state: LinkState, links: Values): void {
    const { source, identities } = this;
    const { args } = state;
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
    for (const { about, sentence, twin } of conflicts(state)) {
      const place = twin && this.places.get(twin);
      this.complain(about, place ? `${sentence} stands at line ${place.line} already (EEXIST)` : sentence);
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
  const said = mistakeLines(file, reading.mistakes).join('\n');
  const [end = '', code = 'EINVAL'] = / \((E[A-Z0-9]+)\)$/.exec(said) ?? [];
  throw new Refusal(code, said.slice(0, said.length - end.length));
}

/** A line each, as compilers say it. */
export function mistakeLines(file: string, mistakes: readonly Mistake[]): string[] {
  const lines = mistakes.map(({ line, column, sentence }) => `${file}:${line}:${column}: ${sentence}`);
  return [...new Set(lines)];
}
