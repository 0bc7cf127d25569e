/**
 * All that are ours in a network namespace: the links of its daemon, and those that were moved there, whose daemons are
 * where they were made. To those who ask they are one daemon: a link that was moved is called as it is called here, and
 * is no more in the namespace that it has left.
 *
 * Daemons of other namespaces are asked only where a TAP is that this one's does not know, and not waited for long: one
 * of them that hangs is no matter of who works here.
 */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { NoDaemon } from '../../control/client.ts';
import type { LinkItem, Verb, Verbs } from '../../control/protocol.ts';
import { Refusal } from '../../control/refusal.ts';
import { folderOfUser, namespaceInode, socketPath } from '../../control/socket-path.ts';
import { Daemon, type EntryRequest } from './daemon.ts';
import { type Tap, tapNamed, tapsIn } from './taps.ts';

/** Silence of a daemon of another namespace. */
const PATIENCE_MS = 500;

/** Of each item and each verb's arguments one of them names the link. */
interface Named {
  dev?: string;
  name?: string;
}

interface Member {
  readonly daemon: Daemon;
  /** Of the namespace itself: what was not moved is here too. */
  readonly isOwn: boolean;
  /** What was moved here: its name here, and the one that its daemon knows it by. */
  readonly guests: ReadonlyMap<string, string>;
  /** What was moved to elsewhere. */
  readonly away: ReadonlySet<string>;
}

/** A link, whose it is, and what it is called here. */
interface Found {
  readonly member: Member;
  readonly link: LinkItem;
  readonly here: string;
}

export class Here {
  /** Between two lines of a batch of which neither changes what is ours here. */
  private static isHeld = false;
  private static held: Here | undefined;

  private readonly netns: string | undefined;
  private readonly own: Member | undefined;
  /** Sockets of all other namespaces. */
  private readonly others: readonly string[];
  private guestsOfOthers: Promise<Member[]> | undefined;
  private readonly found = new Map<string, Promise<Found | undefined>>();

  private constructor(netns: string | undefined, own: Member | undefined, others: readonly string[]) {
    this.netns = netns;
    this.own = own;
    this.others = others;
  }

  /** Undefined: no link there is ours. */
  static async find(netns?: string): Promise<Here | undefined> {
    if (Here.held?.netns === netns && Here.held) return Here.held;
    const path = socketPath(netns);
    const daemon = await Daemon.at(path);
    const own = daemon && (await memberOf(daemon, true, namespaceInode(netns)).catch(endedMember));
    const others = socketsBut(path);
    const here = own || others.length > 0 ? new Here(netns, own, others) : undefined;
    if (Here.isHeld) Here.held = here;
    return here;
  }

  /** Whoever looks for it next finds the same one, until `release`. */
  static hold(): void {
    Here.isHeld = true;
  }

  static release(): void {
    const { held } = Here;
    Here.isHeld = false;
    Here.held = undefined;
    held?.close();
  }

  /** All items of the answer; where no link is named, of all of them. */
  async ask<V extends Verb>(verb: V, args: Verbs[V]['args']): Promise<Verbs[V]['items'][]> {
    const named = (args ?? {}) as Named;
    const isOfLinks = verb.startsWith('link '); // whose `dev` is another one
    const name = isOfLinks ? named.name : named.dev;
    if (name === undefined) {
      const members = await this.members();
      const all = await Promise.all(
        members.map(async (each) => shown(each, await each.daemon.ask(verb, args))),
      );
      return all.flat();
    }
    const found = await this.find(name);
    if (!found) throw new Refusal('ENODEV', `there is no link ${name} here`);
    const { member, link, here } = found;
    const asked = isOfLinks ? { ...named, name: link.name } : { ...named, dev: link.name };
    const items = await member.daemon.ask(verb, asked as Verbs[V]['args']);
    return items.map((item) => called(item, link.name, here));
  }

  /** As many as are of links of one daemon: sent together, and carried out up to one that is refused; how many were. */
  async askAhead(requests: readonly EntryRequest[]): Promise<number> {
    let daemon: Daemon | undefined;
    const asked: EntryRequest[] = [];
    for (const { verb, args } of requests) {
      const found = await this.find(args.dev);
      if (!found || (daemon && found.member.daemon !== daemon)) break;
      daemon = found.member.daemon;
      asked.push({ verb, args: { ...args, dev: found.link.name } });
    }
    return daemon ? daemon.askAhead(asked) : 0;
  }

  /** By its name, or another one that it has; undefined: it is none of ours. */
  async link(name: string): Promise<LinkItem | undefined> {
    const found = await this.find(name);
    return found && called(found.link, found.link.name, found.here);
  }

  /** All of them, or the one of this name. */
  async links(name?: string, stats?: true): Promise<LinkItem[]> {
    if (name !== undefined && !(await this.find(name))) return [];
    return this.ask('link show', { name, stats });
  }

  close(): void {
    if (Here.held === this) return;
    this.own?.daemon.close();
    this.guestsOfOthers?.then((members) => {
      for (const { daemon } of members) daemon.close();
    });
  }

  private find(name: string): Promise<Found | undefined> {
    const known = this.found.get(name) ?? this.look(name);
    this.found.set(name, known);
    return known;
  }

  private async look(name: string): Promise<Found | undefined> {
    const own = this.own && (await foundAt(this.own, name));
    const tap = own || this.others.length === 0 ? undefined : tapNamed(name, this.netns);
    if (!tap) return own;
    for (const member of await this.strangers()) {
      const found = await foundAt(member, tap.ifname);
      if (found) return found;
    }
    return undefined;
  }

  /** All who have something here. */
  private async members(): Promise<Member[]> {
    const own = this.own ? [this.own] : [];
    if (this.others.length === 0) return own;
    const items = await Promise.all(
      own.map(async (each) => shown(each, await each.daemon.ask('link show', {}))),
    );
    const known = new Set(items.flat().map(({ name }) => name));
    const isKnown = ({ ifname }: Tap) => known.has(ifname);
    return tapsIn(this.netns).every(isKnown) ? own : [...own, ...(await this.strangers())];
  }

  private strangers(): Promise<Member[]> {
    const inode = namespaceInode(this.netns);
    this.guestsOfOthers ??= Promise.all(this.others.map((path) => strangerAt(path, inode))).then((all) =>
      all.filter((member) => member !== undefined),
    );
    return this.guestsOfOthers;
  }
}

/** Sockets of daemons, without this one. Where VTEP_SOCKET lies, those beside it may be anybody's. */
function socketsBut(own: string): string[] {
  const folder = folderOfUser();
  const said = process.env.VTEP_SOCKET;
  const files = folder && existsSync(folder) ? readdirSync(folder) : [];
  const ours = files.filter((file) => file.endsWith('.sock')).map((file) => join(folder as string, file));
  return [...new Set([...(said ? [said] : []), ...ours])].filter((path) => path !== own);
}

async function memberOf(daemon: Daemon, isOwn: boolean, inode: number): Promise<Member> {
  const moved = await daemon.ask('link show', { moved: true });
  const isHere = (link: LinkItem) => link.moved?.netns === inode;
  const guests = new Map(moved.filter(isHere).map((link) => [link.moved?.name ?? link.name, link.name]));
  const away = new Set(moved.filter((link) => !isHere(link)).map(({ name }) => name));
  return { daemon, isOwn, guests, away };
}

/** A daemon that ends just now has no links any more. */
function endedMember(error: unknown): undefined {
  if (!(error instanceof NoDaemon)) throw error;
}

/** Undefined: there is none, or it has nothing here. */
async function strangerAt(path: string, inode: number): Promise<Member | undefined> {
  const begun = Date.now();
  const daemon = await Daemon.at(path, PATIENCE_MS);
  const member = daemon && (await memberOf(daemon, false, inode).catch(() => undefined));
  if (member && member.guests.size > 0) {
    daemon.waitOn();
    return member;
  }
  daemon?.close();
  if (!member && Date.now() - begun >= PATIENCE_MS) {
    process.stderr.write(
      `vtep: the daemon at ${path} does not answer: what was moved from there is not seen\n`,
    );
  }
  return undefined;
}

/** By the name that it has here. */
async function foundAt(member: Member, name: string): Promise<Found | undefined> {
  const known = member.guests.get(name);
  const link = known === undefined && !member.isOwn ? undefined : await linkOf(member, known ?? name);
  if (!link) return undefined;
  const here = known === undefined ? link.name : name;
  return has(member, here) ? { member, link, here } : undefined;
}

/** By the name that its daemon knows. */
async function linkOf({ daemon }: Member, name: string): Promise<LinkItem | undefined> {
  try {
    return (await daemon.ask('link show', { name }))[0];
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

function has({ isOwn, guests, away }: Member, name: string): boolean {
  return guests.has(name) || (isOwn && !away.has(name));
}

/** Those items that are of links here. */
function shown<T>({ isOwn, guests, away }: Member, items: T[]): T[] {
  const names = new Map([...guests].map(([here, known]) => [known, here]));
  return items.flatMap((item) => {
    const { dev, name = dev ?? '' } = item as Named;
    const here = names.get(name);
    if (here !== undefined) return [called(item, name, here)];
    return isOwn && !away.has(name) ? [item] : [];
  });
}

function called<T>(item: T, known: string, here: string): T {
  const { dev, name } = item as Named;
  return { ...item, ...(dev === known && { dev: here }), ...(name === known && { name: here }) };
}
