/**
 * Our own lease: which subnet is this node's, and that it stays so. Whoever holds a subnet forwards with it, so a lease
 * that is lost changes nothing here but its standing: the subnet is asked for again, and another one is taken only if
 * there was none before, or `forceNew` says so.
 *
 *   settle   a snapshot came: does what `claim.ts` finds to be done
 *   observe  changes came: some may be about our lease
 *   tend     by the timer: renews it in time, mends what was observed
 */

import type { Log } from '../../control/log.ts';
import type { Clock } from '../clock.ts';
import type { Ends } from '../contract/lease.ts';
import { formatKey, parseKey, type Subnets } from '../contract/subnet.ts';
import type { Change, Registry, Snapshot } from '../registry/registry.ts';
import { type Held, isOurs, leaseValue, nextStep, type Standing, type Step, type Wish } from './claim.ts';

export interface OwnLeaseOptions {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Log;
  /** Of a lease, in seconds. */
  readonly ttl: number;
  /** How long before its end it is renewed, in seconds. */
  readonly margin: number;
  /** What an earlier run had. */
  readonly previous: Subnets;
  /** Takes another subnet when ours is lost, or does not fit the network any more. */
  readonly forceNew: boolean;
  readonly random?: () => number;
  /** Another subnet, or another standing. */
  readonly changed?: () => void;
}

export interface OwnLeaseStatus {
  readonly standing: Standing;
  readonly subnets?: Subnets;
  readonly key?: string;
  /** Until it ends by itself, if nothing is done. */
  readonly secondsLeft?: number;
  /** What is wrong with it. */
  readonly problem?: string;
}

/** Each is a race lost, or a step on the way. */
const MOST_ATTEMPTS = 200;
/** From the second race on that was lost: many who start at once spread. */
const PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1000;
const RETRY_MS = 60_000;
/** While there is none at all. */
const FIRST_RETRY_MS = 5000;
/** Between two mendings, so that nobody who writes nonsense into our key keeps us busy. */
const LEAST_GAP_MS = 1000;
/** What Node's timers can hold. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class OwnLease {
  private readonly options: OwnLeaseOptions;
  private readonly random: () => number;
  private wish: Wish | undefined;
  private held: Held | undefined;
  private forwarded: Subnets | undefined;
  private standing: Standing = 'none';
  /** What is wrong: now, and as of the last snapshot. */
  private problem: string | undefined;
  private lasting: string | undefined;
  private tended = Number.NEGATIVE_INFINITY;
  private isStopped = false;
  private callOff: () => void = () => {};
  private last: Promise<unknown> = Promise.resolve();

  constructor(options: OwnLeaseOptions) {
    this.options = options;
    this.random = options.random ?? Math.random;
  }

  /** What this node forwards with, whatever became of the lease. */
  get subnets(): Subnets | undefined {
    return this.forwarded;
  }

  status(): OwnLeaseStatus {
    const { held, forwarded, standing, problem } = this;
    return {
      standing,
      ...(forwarded && { subnets: forwarded, key: formatKey(forwarded) }),
      ...(held && this.isGood && { secondsLeft: Math.round((held.until - this.options.clock.now()) / 1000) }),
      ...(problem !== undefined && { problem }),
    };
  }

  /** Whenever all of the registry was read, and whenever the wish is another one. What fails is tried again. */
  settle(snapshot: Snapshot, wish: Wish): Promise<void> {
    return this.alone(async () => {
      if (this.isStopped) return;
      this.wish = wish;
      // Read before our last write, it knows nothing of it; but a registry that lost all counts from one again.
      const isOld = this.held !== undefined && snapshot.revision < this.held.revision;
      await this.unlessFailing(async () =>
        this.bringAbout(wish, isOld ? await this.options.registry.read() : snapshot),
      );
    });
  }

  observe(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.what === 'config' || !this.held || !this.wish) continue;
      const { key, revision } = change.what === 'put' ? change.entry : change;
      if (key !== this.held.key || revision <= this.held.revision) continue;
      if (change.what === 'put' && isOurs(this.held, this.wish, change.entry.value)) {
        this.held = { ...this.held, revision };
      } else {
        if (change.what === 'gone' && this.isGood) this.standing = 'lost';
        this.tendIn(Math.max(0, this.tended + LEAST_GAP_MS - this.options.clock.now()), true);
      }
    }
  }

  /** Gives it back. False: it was not ours any more. */
  release(): Promise<boolean> {
    this.stop();
    return this.alone(async () => {
      const { registry } = this.options;
      const { held, wish } = this;
      if (!held || !wish) return false;
      if (await registry.remove(held.key, held.revision)) return true;
      const entry = (await registry.read()).entries.find(({ key }) => key === held.key);
      return (
        entry !== undefined && isOurs(held, wish, entry.value) && registry.remove(held.key, entry.revision)
      );
    });
  }

  /** Nothing is done by itself any more; the lease stays. */
  stop(): void {
    this.isStopped = true;
    this.callOff();
  }

  private get isGood(): boolean {
    return this.standing === 'held' || this.standing === 'unfit';
  }

  /** One after the other: each begins with what the one before it has found out. */
  private alone<T>(work: () => Promise<T>): Promise<T> {
    const next = this.last.then(work);
    this.last = next.catch(() => {});
    return next;
  }

  private async bringAbout(wish: Wish, first: Snapshot): Promise<void> {
    const { registry, previous, forceNew } = this.options;
    let snapshot = first;
    let lost = 0;
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      if (this.isStopped) return;
      const step = nextStep({ snapshot, wish, held: this.held, previous, forceNew, random: this.random });
      if (step.problem !== undefined) this.complain(step.problem);
      if (step.what === 'rest') return this.rest(step);
      if (await this.carryOut(step, wish)) {
        if (step.news !== undefined) this.options.log('info', step.news);
      } else if (lost++ > 0) await this.pause(Math.min(LONGEST_PAUSE_MS, PAUSE_MS * lost) * this.random());
      snapshot = await registry.read();
    }
    throw new Error(`no subnet could be had in ${MOST_ATTEMPTS} attempts: others were quicker`);
  }

  /** False: somebody was quicker. */
  private async carryOut(step: Exclude<Step, { what: 'rest' }>, wish: Wish): Promise<boolean> {
    const { registry, ttl, clock } = this.options;
    const until = clock.now() + ttl * 1000;
    switch (step.what) {
      case 'abandon':
        this.held = undefined;
        this.standing = 'lost';
        return true;
      case 'remove':
        if (!(await registry.remove(step.key, step.revision))) return false;
        // What is forwarded with is given up only where it is said: see `abandon`.
        if (step.key === this.held?.key && !this.forwarded) this.held = undefined;
        return true;
      case 'create': {
        const { subnets } = step;
        const [key, value] = [formatKey(subnets), leaseValue(subnets, wish)];
        if (this.held) this.standing = 'lost';
        const revision = await registry.create(key, value, ttl);
        if (revision === undefined) return false;
        this.held = { key, subnets, value, revision, until, isProven: false };
        return true;
      }
      case 'write': {
        const { key, subnets } = step;
        const value = leaseValue(subnets, wish);
        const revision = await registry.renew(key, value, ttl, step.revision);
        if (revision === undefined) return false;
        this.held = { key, subnets, value, revision, until, isProven: this.held?.isProven ?? true };
        return true;
      }
    }
  }

  private async rest({ standing, revision, problem }: Extract<Step, { what: 'rest' }>): Promise<void> {
    const { registry, clock } = this.options;
    let { held } = this;
    if (held && revision !== undefined) {
      const isKnown = revision === held.revision;
      // Else it is a write of ours of which we heard no answer.
      const until = isKnown ? held.until : clock.now() + ((await registry.timeLeft(held.key)) ?? 0) * 1000;
      held = { ...held, revision, until, isProven: true };
      this.held = held;
    }
    const hasChanged = this.standing !== standing || this.forwarded !== held?.subnets;
    this.standing = standing;
    this.problem = problem;
    this.lasting = problem;
    this.forwarded = held?.subnets ?? this.forwarded;
    if (hasChanged) this.options.changed?.();
    this.plan();
  }

  private plan(): void {
    const { clock, ttl, margin } = this.options;
    this.callOff();
    if (!this.held || !this.isGood) return;
    // A margin that leaves no time at all would have it renewed for ever.
    const early = margin < ttl ? margin : ttl / 2;
    this.tendIn(Math.max(0, this.held.until - early * 1000 - clock.now()));
  }

  private tendIn(milliseconds: number, isLost = false): void {
    this.callOff();
    if (this.isStopped) return;
    const work = () => void this.tend(isLost);
    this.callOff = this.options.clock.after(Math.min(milliseconds, LONGEST_TIMER_MS), work);
  }

  private tend(isLost: boolean): Promise<void> {
    return this.alone(async () => {
      const { held, wish } = this;
      if (!wish || this.isStopped) return;
      this.tended = this.options.clock.now();
      await this.unlessFailing(async () => {
        const isRenewed = !isLost && held !== undefined && (await this.renew(held));
        if (isRenewed) this.plan();
        else await this.bringAbout(wish, await this.options.registry.read());
      }, isLost);
    });
  }

  private async unlessFailing(work: () => Promise<void>, isLost = true): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (this.isStopped) return;
      const retry = this.held ? Math.min(RETRY_MS, this.options.ttl * 100) : FIRST_RETRY_MS;
      const what = this.held ? `the lease ${this.held.key} cannot be kept` : 'no lease can be had';
      this.complain(`${what} now, it is tried again every ${retry / 1000} s: ${(error as Error).message}`);
      this.tendIn(retry, isLost);
    }
  }

  private async renew(held: Held): Promise<boolean> {
    const { clock, registry, ttl, log } = this.options;
    const until = clock.now() + ttl * 1000;
    const revision = await registry.renew(held.key, held.value, ttl, held.revision);
    if (revision === undefined) return false;
    this.held = { ...held, revision, until };
    if (this.problem !== this.lasting) log('info', `the lease ${held.key} is renewed`);
    this.problem = this.lasting;
    return true;
  }

  /** Once, until it is well again or something else is wrong. */
  private complain(problem: string): void {
    if (problem !== this.problem) this.options.log('warn', problem);
    this.problem = problem;
  }

  private pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      this.options.clock.after(milliseconds, resolve);
    });
  }
}

/** Of a node that does not run: each lease with our addresses and MACs. How many there were. */
export async function giveBack(registry: Registry, vni: number, ends: Ends): Promise<number> {
  const { entries } = await registry.read();
  const ours = entries.filter(({ key, value }) => {
    const subnets = parseKey(key);
    return subnets !== undefined && value === leaseValue(subnets, { network: { vni }, ends });
  });
  const gone = await Promise.all(ours.map(({ key, revision }) => registry.remove(key, revision)));
  return gone.filter(Boolean).length;
}
