/**
 * The daemon's links as a file wants them: all of it comes to be, or nothing. What has been done is taken back step by
 * step when a later one is refused, so the steps least likely to be undone without a trace stand first (`config/diff.ts`).
 */

import { diff, type Order, type Step } from '../config/diff.ts';
import { DEFAULT_PATH, readText } from '../config/file.ts';
import { about, type Config, mistakeLines, readSound } from '../config/read.ts';
import type { EngineArgs } from '../config/shapes.ts';
import { fdbState, type LinkState, neighState, type States } from '../config/state.ts';
import { configLines } from '../config/write.ts';
import type { LogLevel } from '../control/log.ts';
import { parseOffloads } from '../control/offloads.ts';
import type { FdbArgs, FdbItem, NeighItem, VniArgs } from '../control/protocol.ts';
import { Refusal } from '../control/refusal.ts';
import { CONFIG_SHAPES, checked } from '../control/shapes.ts';
import { firstName } from '../io/devices.ts';
import type { Daemon } from './daemon.ts';

/** What holds for all links; `log.level` is changed as a file says. */
export interface Terms {
  engine: Required<EngineArgs>;
  /** By default. */
  usual: Required<EngineArgs>;
  log: { level: LogLevel };
}

const NEVER = new AbortController().signal;

export class Configuration {
  private readonly daemon: Daemon;
  private readonly terms: Terms;
  /** Of its own file; undefined: it was started without. */
  private readonly path: string | undefined;
  /** What the file before made. */
  private owned: States = new Map();
  private ownEngine: EngineArgs = {};
  /** The file before: the same text again means the same. */
  private inForce: { text: string; config: Config } | undefined;
  private last: Promise<unknown> = Promise.resolve();
  /** While a file comes to be in force: other verbs wait, so that none comes between its steps. */
  busy: Promise<unknown> | undefined;

  constructor(daemon: Daemon, terms: Terms, path?: string) {
    this.daemon = daemon;
    this.terms = terms;
    this.path = path;
  }

  /** For the control socket: verbs that begin with `config`. */
  dispatch(verb: string, args: unknown): unknown {
    if (verb === 'config show') return this.show();
    if (verb === 'config reload') return this.reload(checked(args ?? {}, CONFIG_SHAPES));
    throw new Refusal('EOPNOTSUPP', `the verb "${verb}" is not known; there are config show, config reload`);
  }

  /** Its own file for the first time: by that the engine was made, but for what the command line had otherwise. */
  start(text: string): Promise<number> {
    const name = this.path ?? DEFAULT_PATH;
    return this.inTurn(async () => this.become(name, text, readSound(name, text)));
  }

  /** `text`: of another file than its own, which whoever asks has read; resolves to how many steps it took. */
  async reload({ text, path }: { text?: string; path?: string }): Promise<number> {
    if (text === undefined && path !== undefined) {
      throw new Refusal('EINVAL', `path ${path} needs text: a daemon reads no other file than its own`);
    }
    const name = path ?? (text === undefined ? (this.path ?? DEFAULT_PATH) : 'the configuration');
    const wanted = text ?? (await readText(name)); // before its turn: a pipe may take any time
    return this.inTurn(async () => this.become(name, wanted, this.readFitting(name, wanted)));
  }

  /** Without mistakes, and without what cannot be while the daemon runs. */
  private readFitting(name: string, text: string): Config {
    const { inForce } = this;
    const config = inForce?.text === text ? inForce.config : readSound(name, text);
    const [first] = this.complaintsAbout(config.engine);
    if (!first) return config;
    const [key, sentence] = first;
    throw new Refusal('EBUSY', mistakeLines(name, [{ ...config.engineAt(key), sentence }])[0]);
  }

  private inTurn(become: () => Promise<number>): Promise<number> {
    const done = this.last.then(become);
    const settled = done
      .catch(() => {})
      .then(() => {
        if (this.busy === settled) this.busy = undefined;
      });
    this.busy = this.last = settled;
    return done;
  }

  /** Lines of a file that would change nothing. */
  show(): Generator<string> {
    const { usual, log } = this.terms;
    const all = Object.entries(this.terms.engine);
    const engine = Object.fromEntries(all.filter(([key, value]) => usual[key as keyof EngineArgs] !== value));
    return configLines({ engine, log, links: this.states() });
  }

  /** What cannot be while it runs: sentences. */
  private complaintsAbout(engine: EngineArgs): [key: keyof EngineArgs, sentence: string][] {
    const plain = (key: string, value: unknown) =>
      JSON.stringify(key === 'offload' ? parseOffloads(String(value ?? 'auto')) : value);
    return Object.entries(engine).flatMap(([key, value]): [keyof EngineArgs, string][] => {
      const now = [this.terms.engine, this.ownEngine].map((of) => plain(key, of[key as keyof EngineArgs]));
      if (now.includes(plain(key, value))) return [];
      return [[key as keyof EngineArgs, `engine.${key} cannot change while the daemon runs: restart it`]];
    });
  }

  private async become(name: string, text: string, config: Config): Promise<number> {
    await this.daemon.links.settled();
    nameDevices(config.links);
    const names = new Set([...config.links.keys(), ...this.owned.keys()]);
    const running = new Map([...this.states(names)].map((state) => [state.args.name, state]));
    const steps = diff(running, config.links, this.owned);
    await this.carryOut(steps, name, config);
    this.inForce = { text, config };
    this.owned = config.links;
    this.ownEngine = config.engine;
    if (config.log.level) this.terms.log.level = config.log.level;
    return steps.length;
  }

  private async carryOut(steps: readonly Step[], name: string, config: Config): Promise<void> {
    const done: Step[] = [];
    try {
      for (const step of steps) {
        await this.carry(step.order);
        done.push(step);
      }
    } catch (error) {
      const why = inSentence(error as Error, name, steps[done.length], config);
      const left = await this.takeBack(done);
      const outcome =
        left.length > 0 ? `; not all could be taken back: ${left.join('; ')}` : '; nothing was changed';
      throw new Refusal((error as { code?: string }).code ?? 'EINVAL', `${why}${outcome}`);
    }
  }

  /** Goes on where something is refused; those sentences are returned. */
  private async takeBack(done: Step[]): Promise<string[]> {
    const left: string[] = [];
    for (const { undo } of done.reverse()) {
      for (const order of undo) await this.carry(order).catch((error) => left.push(error.message));
    }
    return left;
  }

  private async carry(order: Order): Promise<void> {
    try {
      if (order.verb === 'link put') await this.daemon.links.put(order.args);
      else await this.daemon.dispatch(order.verb, order.args, NEVER);
    } catch (error) {
      // what is to go may have gone by itself meanwhile
      const isGone = ['ENOENT', 'ENODEV'].includes((error as { code?: string }).code ?? '');
      if (!isGone || !order.verb.endsWith(' del')) throw error;
    }
  }

  /** Of all links, or of these. */
  private *states(names?: ReadonlySet<string>): Generator<LinkState> {
    const entries = this.entriesByHand();
    const neighbors = this.neighborsByHand();
    for (const { args, tap } of this.daemon.links.running()) {
      if (names && !names.has(args.name)) continue;
      const dev = args.name;
      const items = <T>(verb: string) => this.daemon.dispatch(verb, { dev }, NEVER) as Iterable<T>;
      const fdb = (entries.get(dev) ?? []).map((entry) => fdbState(entry, args));
      const neigh = (neighbors.get(dev) ?? []).map(neighState);
      const vnis = args.external ? [...items<VniArgs>('vni show')] : [];
      yield { args, tap, fdb, neigh, vnis };
    }
  }

  /** By link: asked for all of them at once, as the table is one. */
  private entriesByHand(): Map<string, FdbArgs[]> {
    const all = new Map<string, FdbArgs[]>();
    const items = this.daemon.dispatch('fdb show', {}, NEVER) as Iterable<FdbItem>;
    for (const { state, used: _, updated: __, ...entry } of items) {
      if (state === 'learned') continue;
      const list = all.get(entry.dev);
      if (list) list.push({ ...entry, state });
      else all.set(entry.dev, [{ ...entry, state }]);
    }
    return all;
  }

  private neighborsByHand(): Map<string, NeighItem[]> {
    const all = new Map<string, NeighItem[]>();
    for (const item of this.daemon.dispatch('neigh show', {}, NEVER) as Iterable<NeighItem>) {
      if (item.state !== 'permanent') continue;
      const list = all.get(item.dev);
      if (list) list.push(item);
      else all.set(item.dev, [item]);
    }
    return all;
  }
}

/** Devices by the names that they have first, as links that run have them. */
function nameDevices(links: States): void {
  const names = new Map<string, string>();
  const first = (name: string): string => {
    const known = names.get(name) ?? firstName(name);
    names.set(name, known);
    return known;
  };
  for (const { args, fdb } of links.values()) {
    if (args.dev) args.dev = first(args.dev);
    for (const entry of fdb) if (entry.via) entry.via = first(entry.via);
  }
}

/** Why a step was refused, with the place in the file that it is for. */
function inSentence(
  { message }: Error,
  name: string,
  { order, about: wanted }: Step,
  config: Config,
): string {
  const place = wanted && config.place(wanted);
  const dev = 'name' in order.args ? order.args.name : order.args.dev;
  const told = about(dev, bare(message));
  return place ? mistakeLines(name, [{ ...place, sentence: told }])[0] : `${name}: ${told}`;
}

/** Without the errno's name, which comes at the end. */
function bare(message: string): string {
  return message.replace(/ \(E[A-Z0-9]+\)$/, '');
}
