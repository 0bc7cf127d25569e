/** Those who watch: what happens goes to each that asked for its kind. One who does not read in time misses some, and is told. */

import type { Link, LinkEvents } from '../control/link.ts';
import type { MonitorItem } from '../control/protocol.ts';

/** Waiting for one watcher; a busy table could fill the memory for one who does not read. */
const WAITING_MOST = 10_000;

type Lost = { event: 'lost'; count: number };

/** What hears a link's events. */
interface Ears {
  changed(...what: LinkEvents['changed']): void;
  miss(...what: LinkEvents['miss']): void;
}

class Watcher {
  readonly kinds: ReadonlySet<string>;
  private waiting: (MonitorItem | Lost)[] = [];
  private lost = 0;
  private wake: () => void = () => {};

  constructor(kinds: readonly string[]) {
    this.kinds = new Set(kinds);
  }

  put(item: MonitorItem): void {
    if (this.waiting.length < WAITING_MOST) this.waiting.push(item);
    else this.lost++;
    this.wake();
  }

  async *items(gone: AbortSignal): AsyncGenerator<MonitorItem | Lost> {
    gone.addEventListener('abort', () => this.wake(), { once: true });
    while (!gone.aborted) {
      const items = this.waiting;
      this.waiting = [];
      yield* items;
      if (this.lost > 0) yield { event: 'lost', count: this.lost };
      this.lost = 0;
      if (this.waiting.length > 0 || gone.aborted) continue;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }
}

export class Monitors {
  private readonly watchers = new Set<Watcher>();
  private readonly links = new Map<Link, Ears>();

  /** What happens from now on. */
  async *watch(kinds: readonly string[], gone: AbortSignal): AsyncGenerator<MonitorItem | Lost> {
    const watcher = new Watcher(kinds);
    this.watchers.add(watcher);
    this.listenToAll();
    try {
      yield* watcher.items(gone);
    } finally {
      this.watchers.delete(watcher);
      this.listenToAll();
    }
  }

  tell(item: MonitorItem): void {
    for (const watcher of this.watchers) if (watcher.kinds.has(item.event)) watcher.put(item);
  }

  /** A link whose events are told, while somebody wants to know: nobody's events cost nothing. */
  add(link: Link): void {
    this.links.set(link, {
      changed: (item) => this.tell(item),
      miss: (what) => this.tell({ event: 'miss', dev: link.name, ...what }),
    });
    this.listenTo(link);
  }

  remove(link: Link): void {
    this.links.delete(link);
  }

  private listenToAll(): void {
    for (const link of this.links.keys()) this.listenTo(link);
  }

  private listenTo(link: Link): void {
    const { changed, miss } = this.links.get(link) as Ears;
    link.off('changed', changed).off('miss', miss);
    if (this.isWanted('fdb') || this.isWanted('neigh')) link.on('changed', changed);
    if (this.isWanted('miss')) link.on('miss', miss);
  }

  private isWanted(kind: string): boolean {
    return [...this.watchers].some(({ kinds }) => kinds.has(kind));
  }
}
