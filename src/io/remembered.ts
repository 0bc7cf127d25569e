/** What was told of each interface, by key, so that after everything was told again it is known what is missing. */

interface Known<T> {
  item: T;
  round: number;
}

export class Remembered<T> {
  private readonly devices = new Map<number, Map<string, Known<T>>>();
  private round = 0;

  /** Returns what stood there. */
  put(device: number, key: string, item: T): T | undefined {
    const known = this.devices.get(device) ?? new Map<string, Known<T>>();
    this.devices.set(device, known);
    const before = known.get(key)?.item;
    known.set(key, { item, round: this.round });
    return before;
  }

  take(device: number, key: string): T | undefined {
    const known = this.devices.get(device);
    const item = known?.get(key)?.item;
    known?.delete(key);
    if (known?.size === 0) this.devices.delete(device);
    return item;
  }

  of(device: number): T[] {
    return Array.from(this.devices.get(device)?.values() ?? [], ({ item }) => item);
  }

  all(): T[] {
    return [...this.devices.keys()].flatMap((device) => this.of(device));
  }

  /** From here on everything is told again. */
  begin(): void {
    this.round++;
  }

  /** Forgets, and returns, what was not told since `begin`. */
  takeOld(): T[] {
    const old: T[] = [];
    for (const [device, known] of this.devices) {
      for (const [key, { item, round }] of known) {
        if (round === this.round) continue;
        this.take(device, key);
        old.push(item);
      }
    }
    return old;
  }

  takeAll(device: number): T[] {
    const items = this.of(device);
    this.devices.delete(device);
    return items;
  }
}
