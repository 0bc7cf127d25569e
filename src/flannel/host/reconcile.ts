/**
 * Keeps what is programmed as it should be: what peers need against what is there, at start, when the peers are others,
 * when somebody says that the host may have changed, and every minute.
 *
 *   a run   1. what of ours is there is read,      2. each peer gets what it lacks; one that fails is put back
 *              unless it was a moment ago
 *           3. what is left over goes              4. the next run is set: in a minute, or when a failure is tried again
 *
 * Runs never overlap. One peer that fails, fails alone, and is tried again later and later.
 */

import { BackOff } from '../back-off.ts';
import type { Clock } from '../clock.ts';
import type { Peer } from './peer.ts';
import { leftovers, missing, nameOf, type Plan, planOf } from './plan.ts';
import { Away, type Entry, type Programmed, type Programmer, TABLES } from './programmer.ts';

const EVERY_MS = 60_000;
/** Peers, or leftovers, at once: the answers to one are waited for while the others are carried out. */
const AT_ONCE = 256;
/** Of failures that come together only the first are told one by one. */
const TOLD_MOST = 3;
/** The key of what is nobody's fault alone. */
const ALL = '';

export interface Report {
  readonly wanted: number;
  /** Peers that have all they need. */
  readonly programmed: number;
  readonly failing: readonly { readonly key: string; readonly sentence: string; readonly tries: number }[];
  /** Why nothing at all can be programmed now. */
  readonly away?: string;
  readonly runs: number;
  /** When the last run ended, by the clock. */
  readonly last?: number;
}

export interface ReconcilerOptions {
  readonly programmer: Programmer;
  readonly clock: Clock;
  /** From 0 to 1; for the pauses. */
  readonly random?: () => number;
  /** What the operator should know, a sentence each, once. */
  readonly say?: (level: 'warn' | 'info', sentence: string) => void;
}

export class Reconciler {
  private readonly programmer: Programmer;
  private readonly clock: Clock;
  private readonly say: NonNullable<ReconcilerOptions['say']>;
  private readonly backOff: BackOff;
  private peers: ReadonlyMap<string, Peer> = new Map();
  private plan: Plan = { entries: new Map(), refused: new Map() };
  private done = new Set<string>();
  /** Of the run that goes on: what failed that had not before, and how many that had failed did not. */
  private news: string[] = [];
  private mended = 0;
  /** What the last run has left there, if nothing has failed and nobody has said that it may be another by now. */
  private known: Programmed | undefined;
  private readAt = Number.NEGATIVE_INFINITY;
  private isStale = false;
  private runs = 0;
  private last: number | undefined;
  private running: Promise<void> | undefined;
  private isWanted = false;
  private isStopped = false;
  private callOff: () => void = () => {};

  constructor({ programmer, clock, random, say = () => {} }: ReconcilerOptions) {
    this.programmer = programmer;
    this.clock = clock;
    this.say = say;
    this.backOff = new BackOff(clock, random);
  }

  /** These and no others, from now on; of two that exclude each other the later one of the map is programmed. */
  want(peers: ReadonlyMap<string, Peer>): void {
    this.peers = peers;
    this.begin();
  }

  /** Something of the host may be another than it was: it is looked at now, or again after the run that goes on. */
  soon(): void {
    this.isStale = true;
    this.begin();
  }

  /** No run goes on, or is about to begin. */
  async idle(): Promise<void> {
    while (this.running) await this.running;
  }

  report(): Report {
    const failures = this.backOff.list().filter(({ key }) => key !== ALL);
    const refused = Array.from(this.plan.refused, ([key, sentence]) => ({ key, sentence, tries: 0 }));
    return {
      wanted: this.peers.size,
      programmed: this.done.size,
      failing: [...failures.map(({ key, sentence, tries }) => ({ key, sentence, tries })), ...refused],
      away: this.backOff.get(ALL)?.sentence,
      runs: this.runs,
      last: this.last,
    };
  }

  /** Everything stays as it is; ends with the run that goes on. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.isWanted = false;
    this.callOff();
    await this.idle();
  }

  private begin(): void {
    if (this.isStopped) return;
    this.isWanted = true;
    this.running ??= this.runWhileWanted();
  }

  private async runWhileWanted(): Promise<void> {
    this.callOff();
    await Promise.resolve(); // changes of one moment are one run
    while (this.isWanted && this.backOff.mayTry(ALL, ALL)) {
      this.isWanted = false;
      await this.run();
    }
    this.running = undefined;
    if (this.isStopped) return;
    const next = this.backOff.get(ALL)?.next ?? Math.min(this.backOff.next, this.readAt + EVERY_MS);
    this.callOff = this.clock.after(Math.max(0, next - this.clock.now()), () => this.begin());
  }

  private async run(): Promise<void> {
    this.done = new Set();
    this.news = [];
    this.mended = 0;
    try {
      const now = await this.read();
      this.makePlan();
      await inParts([...this.plan.entries], ([key, wanted]) => this.program(key, wanted, now));
      await this.removeLeftovers(now);
      if (this.backOff.succeeded(ALL)) this.say('info', 'peers can be programmed again');
      if (this.backOff.isEmpty) this.known = now;
    } catch (error) {
      const { message } = error as Error;
      if (this.backOff.failed(ALL, ALL, message)) this.say('warn', message);
    }
    this.runs++;
    this.last = this.clock.now();
    this.tell();
  }

  private async read(): Promise<Programmed> {
    const { known } = this;
    this.known = undefined;
    const at = this.clock.now();
    if (known && !this.isStale && at < this.readAt + EVERY_MS) return known;
    this.isStale = false;
    const now = await this.programmer.programmed();
    this.readAt = at;
    return now;
  }

  private makePlan(): void {
    const before = this.plan.refused;
    this.plan = planOf(this.peers, (peer) => this.programmer.entriesOf(peer));
    for (const [key, sentence] of this.plan.refused) {
      if (before.get(key) !== sentence) this.news.push(sentence);
    }
  }

  private async program(key: string, wanted: readonly Entry[], now: Programmed): Promise<void> {
    const lacking = missing(wanted, now);
    const what = JSON.stringify(wanted);
    if (lacking.length > 0) {
      if (!this.backOff.mayTry(key, what)) return;
      try {
        await this.carryOut(lacking, now);
      } catch (error) {
        if (error instanceof Away) throw error;
        const { message } = error as Error;
        if (this.backOff.failed(key, what, message)) this.news.push(message);
        return;
      }
    }
    this.done.add(key);
    if (this.backOff.succeeded(key)) this.mended++;
  }

  /** All of them or none: what was done of them before one failed is undone. */
  private async carryOut(entries: readonly Entry[], now: Programmed): Promise<void> {
    const undo: (() => Promise<void>)[] = [];
    try {
      for (const entry of entries) {
        const before = now[entry.table].get(entry.key);
        await this.put(entry, before, now);
        undo.push(() =>
          before === undefined
            ? this.remove(entry, now)
            : this.put({ ...entry, value: before }, entry.value, now),
        );
      }
    } catch (error) {
      if (error instanceof Away) throw error;
      // what cannot be undone either is found, and mended or taken out, by the next run
      for (const each of undo.reverse()) await each().catch(rethrowAway);
      throw error;
    }
  }

  private async removeLeftovers(now: Programmed): Promise<void> {
    const all = leftovers(now, this.plan);
    for (const table of [...TABLES].reverse()) {
      await inParts(
        all.filter((entry) => entry.table === table),
        (entry) => this.takeOut(entry, now),
      );
    }
    const isLeft = new Set(all.map(nameOf));
    this.backOff.keep((key) => key === ALL || this.plan.entries.has(key) || isLeft.has(key));
  }

  private async takeOut(entry: Entry, now: Programmed): Promise<void> {
    const name = nameOf(entry);
    if (!this.backOff.mayTry(name, entry.value)) return;
    try {
      await this.remove(entry, now);
      this.backOff.succeeded(name);
    } catch (error) {
      if (error instanceof Away) throw error;
      const { message } = error as Error;
      if (this.backOff.failed(name, entry.value, message)) this.news.push(message);
    }
  }

  private async put(entry: Entry, before: string | undefined, now: Programmed): Promise<void> {
    await this.programmer.put(entry, before);
    now[entry.table].set(entry.key, entry.value);
  }

  private async remove(entry: Entry, now: Programmed): Promise<void> {
    await this.programmer.remove(entry);
    now[entry.table].delete(entry.key);
  }

  private tell(): void {
    for (const sentence of this.news.slice(0, TOLD_MOST)) this.say('warn', sentence);
    const others = this.news.length - TOLD_MOST;
    if (others > 0) this.say('warn', `and ${others} more that could not be programmed: see the status`);
    if (this.mended > 0) this.say('info', `${this.mended} are programmed that could not be before`);
  }
}

/** Some at a time, of which none is left running; ends with the first `Away`. */
async function inParts<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < all.length; at += AT_ONCE) {
    const settled = await Promise.allSettled(all.slice(at, at + AT_ONCE).map(work));
    const failed = settled.find((each) => each.status === 'rejected');
    if (failed) throw failed.reason;
  }
}

function rethrowAway(error: unknown): void {
  if (error instanceof Away) throw error;
}
