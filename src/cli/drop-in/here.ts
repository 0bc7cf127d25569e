/**
 * All that are ours in a network namespace: the links of its daemon, and those that were moved there, whose daemons are
 * where they were made. To those who ask they are one daemon: a link that was moved is called as it is called here, and
 * is no more in the namespace that it has left.
 */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { LinkItem, Verb, Verbs } from '../../control/protocol.ts';
import { Refusal } from '../../control/refusal.ts';
import { namespaceInode, runFolder, socketPath } from '../../control/socket-path.ts';
import { Daemon } from './daemon.ts';

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

export class Here {
  private readonly members: readonly Member[];

  private constructor(members: readonly Member[]) {
    this.members = members;
  }

  /** Undefined: no link there is ours. */
  static async find(netns?: string): Promise<Here | undefined> {
    const own = socketPath(netns);
    const inode = namespaceInode(netns);
    const all = await Promise.all([own, ...others(own)].map((path) => memberAt(path, path === own, inode)));
    const members = all.filter((member) => member !== undefined);
    return members.length > 0 ? new Here(members) : undefined;
  }

  /** All items of the answer; where no link is named, of all of them. */
  async ask<V extends Verb>(verb: V, args: Verbs[V]['args']): Promise<Verbs[V]['items'][]> {
    const named = (args ?? {}) as Named;
    const name = named.dev ?? named.name;
    if (name === undefined) {
      const all = await Promise.all(
        this.members.map(async (each) => shown(each, await each.daemon.ask(verb, args))),
      );
      return all.flat();
    }
    const member = this.members.find((each) => has(each, name));
    if (!member) throw new Refusal('ENODEV', `there is no link ${name} here`);
    const known = member.guests.get(name) ?? name;
    const asked = named.dev === undefined ? { ...named, name: known } : { ...named, dev: known };
    const items = await member.daemon.ask(verb, asked as Verbs[V]['args']);
    return items.map((item) => called(item, known, name));
  }

  /** Undefined: it is none of ours. */
  async link(name: string): Promise<LinkItem | undefined> {
    try {
      return (await this.ask('link show', { name }))[0];
    } catch (error) {
      if (error instanceof Refusal) return undefined;
      throw error;
    }
  }

  close(): void {
    for (const { daemon } of this.members) daemon.close();
  }
}

/** Sockets of all other namespaces. */
function others(own: string): string[] {
  const folder = runFolder();
  const said = process.env.VTEP_SOCKET;
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.sock')) : [];
  const paths = [...(said ? [said] : []), ...files.map((file) => join(folder, file))];
  return [...new Set(paths)].filter((path) => path !== own);
}

/** Undefined: there is none, or it has nothing here. */
async function memberAt(path: string, isOwn: boolean, inode: number): Promise<Member | undefined> {
  const daemon = await Daemon.at(path);
  if (!daemon) return undefined;
  const moved = await daemon.ask('link show', { moved: true });
  const isHere = (link: LinkItem) => link.moved?.netns === inode;
  const guests = new Map(moved.filter(isHere).map((link) => [link.moved?.name ?? link.name, link.name]));
  const away = new Set(moved.filter((link) => !isHere(link)).map(({ name }) => name));
  if (isOwn || guests.size > 0) return { daemon, isOwn, guests, away };
  daemon.close();
  return undefined;
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
