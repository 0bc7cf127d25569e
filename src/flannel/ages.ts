/** When the lease of each subnet was seen first as it stands now. */

import type { Clock } from './clock.ts';
import { formatSubnet, parseKey } from './contract/subnet.ts';
import type { Change, Entry } from './registry/registry.ts';

export class Ages {
  private readonly clock: Clock;
  private seen = new Map<string, { revision: number; at: number }>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  begin(entries: readonly Entry[]): void {
    const before = this.seen;
    this.seen = new Map();
    for (const { key, revision } of entries) {
      const known = before.get(key);
      this.seen.set(key, known?.revision === revision ? known : { revision, at: this.clock.now() });
    }
  }

  observe(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.what === 'gone') this.seen.delete(change.key);
      else if (change.what === 'put') {
        this.seen.set(change.entry.key, { revision: change.entry.revision, at: this.clock.now() });
      }
    }
  }

  /** By subnet, in seconds. */
  list(): Map<string, number> {
    const now = this.clock.now();
    return new Map(
      Array.from(this.seen).flatMap(([key, { at }]) =>
        Object.values(parseKey(key) ?? {}).map((subnet): [string, number] => [
          formatSubnet(subnet),
          Math.round((now - at) / 1000),
        ]),
      ),
    );
  }
}
