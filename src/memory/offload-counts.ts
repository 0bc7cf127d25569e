/** What the offloads have done, counted by the addon (`native/addon.h`) in memory that the control thread reads. */
export const OFFLOADS = {
  trains: 'messages sent that were trains of several datagrams (UDP_SEGMENT)',
  'train-frames': 'datagrams that left in them',
  'trains-refused': 'trains that the path refused, sent again datagram by datagram',
  'trains-received': 'messages received that were trains (UDP_GRO)',
  'train-frames-received': 'datagrams that came in them',
  merged: 'superframes handed to the TAP, merged from frames of one flow',
  'merged-frames': 'frames that went into them',
  superframes: 'frames larger than the MTU that a peer handed over whole',
  'checksum-left': 'frames whose checksum a peer left to be finished',
  whole: 'superframes that left whole (tnl)',
} as const;

export type OffloadName = keyof typeof OFFLOADS;
export const OFFLOAD_NAMES = Object.keys(OFFLOADS) as OffloadName[];
/** Behind a row's counts: the errno that the last train was refused with. */
const REFUSAL = OFFLOAD_NAMES.length;
export const OFFLOAD_COUNTS = REFUSAL + 1;

/** A row for each worker: one writer each, summed by the reader. */
export class OffloadCounts {
  private readonly ofWorkers: readonly Float64Array[];

  constructor(memory: readonly Float64Array[]) {
    this.ofWorkers = memory;
  }

  static allocate(workers: number): Float64Array[] {
    const row = () => new Float64Array(new SharedArrayBuffer(8 * OFFLOAD_COUNTS));
    return Array.from({ length: workers }, row);
  }

  row(worker: number): Float64Array {
    return this.ofWorkers[worker];
  }

  /** Why a train was refused last, as an errno; 0: none was. */
  get refusal(): number {
    return this.ofWorkers.find((row) => row[REFUSAL] !== 0)?.[REFUSAL] ?? 0;
  }

  read(): Record<OffloadName, number> {
    const sum = (at: number) => this.ofWorkers.reduce((total, row) => total + row[at], 0);
    return Object.fromEntries(OFFLOAD_NAMES.map((name, at) => [name, sum(at)])) as Record<
      OffloadName,
      number
    >;
  }
}
