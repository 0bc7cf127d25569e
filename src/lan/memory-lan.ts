/**
 * Overlays without a network: VTEPs on one underlay in memory, with a clock that is turned by hand, the same at
 * each run. For tests of what is built on a VTEP, and for seeing what a VTEP does.
 */

import { MemoryNetwork, type NetworkOptions } from '../io/memory-network.ts';
import { MemoryTap } from '../io/memory-tap.ts';
import { Vtep, type VtepOptions } from '../vtep.ts';

export interface MemoryHost {
  readonly address: string;
  readonly vtep: Vtep;
  /** What the host behind the VTEP sends and gets. */
  readonly tap: MemoryTap;
}

export class MemoryLan {
  readonly hosts: MemoryHost[] = [];
  private readonly network: MemoryNetwork;
  private seconds = 0;

  constructor(options: NetworkOptions = {}) {
    this.network = new MemoryNetwork(options);
  }

  /** One more VTEP, at this underlay address. */
  host(address: string, options: Omit<VtepOptions, 'tap' | 'udp' | 'local' | 'clock'>): MemoryHost {
    const tap = new MemoryTap();
    const udp = this.network.attach(address, options.port);
    const vtep = new Vtep({ ...options, tap, udp, local: [address], clock: () => this.seconds });
    const host = { address, vtep, tap };
    this.hosts.push(host);
    return host;
  }

  /** Carries until nothing is on its way any more, then tells the events. */
  settle(): void {
    let carried = 1;
    while (carried > 0) {
      carried = this.network.settle() ? 1 : 0;
      for (const { vtep } of this.hosts) carried += vtep.turn();
    }
    for (const { vtep } of this.hosts) vtep.deliverEvents();
  }

  /** Lets time pass: entries age. */
  advance(seconds: number): void {
    this.seconds += seconds;
    for (const { vtep } of this.hosts) vtep.tick();
    this.settle();
  }

  async close(): Promise<void> {
    await Promise.all(this.hosts.map(({ vtep }) => vtep.close()));
  }
}
