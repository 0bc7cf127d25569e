/**
 * A host that is only a table in memory, with entries of others beside ours. It refuses what a test says, and watches
 * that nothing is done in a wrong order.
 */

import type { Peer } from '../../src/flannel/host/peer.ts';
import {
  Away,
  directEntries,
  type Entry,
  nothingProgrammed,
  type Programmed,
  type Programmer,
  tunnelEntries,
} from '../../src/flannel/host/programmer.ts';

export class FakeProgrammer implements Programmer {
  ours: Programmed = nothingProgrammed();
  readonly done: string[] = [];
  /** Why this cannot be done; undefined: it can. */
  refuses: (order: 'put' | 'remove', entry: Entry) => string | undefined = () => undefined;
  away: string | undefined;
  /** Subnets of those on the same link. */
  readonly direct = new Set<string>();
  /** Asked in the middle of things. */
  between: () => void = () => {};
  private reading = 0;
  private runs = 0;

  async programmed(): Promise<Programmed> {
    await this.step();
    this.reading++;
    if (this.runs > 0) throw new Error('two runs at once');
    const { neighbor, fdb, route } = this.ours;
    return { neighbor: new Map(neighbor), fdb: new Map(fdb), route: new Map(route) };
  }

  entriesOf(peer: Peer): Entry[] {
    return this.direct.has(peer.subnet) ? directEntries(peer, 'eth0') : tunnelEntries(peer, 'flannel.1');
  }

  async put(entry: Entry, before: string | undefined): Promise<void> {
    await this.carryOut('put', entry);
    const { table, key, value } = entry;
    if (this.ours[table].get(key) !== before)
      throw new Error(`${table} ${key} is not what it was said to be`);
    this.ours[table].set(key, value);
    this.done.push(`${table} ${key} ${value}`);
  }

  async remove(entry: Entry): Promise<void> {
    await this.carryOut('remove', entry);
    this.ours[entry.table].delete(entry.key);
    this.done.push(`no ${entry.table} ${entry.key}`);
  }

  /** How often it was read. */
  get reads(): number {
    return this.reading;
  }

  private async carryOut(order: 'put' | 'remove', entry: Entry): Promise<void> {
    this.runs++;
    try {
      await this.step();
      const why = this.refuses(order, entry);
      if (why !== undefined) throw new Error(why);
    } finally {
      this.runs--;
    }
  }

  private async step(): Promise<void> {
    await Promise.resolve();
    this.between();
    if (this.away !== undefined) throw new Away(this.away);
  }
}

/** Peer `n` of a network of /24s. */
export function peerOf(n: number, changes: Partial<Peer> = {}): Peer {
  const gateway = `10.${5 + (n >> 8)}.${n & 255}.0`;
  const mac = `02:00:00:00:${[n >> 8, n & 255].map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`;
  return { subnet: `${gateway}/24`, gateway, mac, remote: `192.0.${2 + (n >> 8)}.${n & 255}`, ...changes };
}
