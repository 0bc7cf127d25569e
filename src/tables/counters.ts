/**
 * Counters, and the one table of why a frame did not arrive: a symbol, and a sentence for whoever reads it.
 * A row a link, link 0's for what belongs to none; an array of rows for each worker, which nobody else writes.
 * Readers add them up.
 */

export const TRAFFIC = ['rxFrames', 'rxBytes', 'txFrames', 'txBytes'] as const;

export const DROP_REASONS = {
  'datagram-short': 'the datagram was too short for a VXLAN header and an Ethernet frame',
  'no-vni-flag': 'the I flag was not set, so the datagram named no VNI',
  'unknown-vni': 'no link has this VNI at the port the datagram came to',
  'reserved-bits': 'reserved bits were set, and the link drops such datagrams as the kernel does',
  'own-datagram': 'the underlay brought back a datagram that we sent ourselves, or the link sent to itself',
  'own-mac': "the inner source was our own interface's address",
  'bad-source-mac': 'the inner source was a group or the zero address',
  'static-mac-elsewhere': 'the inner source has a static entry for another remote',
  congested: 'the underlay marked congestion (CE), and the inner packet cannot carry the mark (RFC 6040)',
  'frame-short': 'the frame was shorter than an Ethernet header',
  'frame-long': 'the frame with its headers did not fit a UDP datagram',
  'bad-offload': "the frame's offload header asked for something that was not offered",
  'unknown-vlan': "the frame's VLAN, or having none, stands for no VNI of the trunk",
  'no-destination': 'nothing is known about the destination, and there is no default destination',
  'inner-vlan': 'the frame had a VLAN tag, and the link takes none (innervlan)',
  'proxy-unanswered': 'ARP and neighbour solicitations that the proxy consumed without an answer',
  'too-big': 'the frame was larger than the path carries (EMSGSIZE), and its sender could not be told',
  refused: 'the remote answered that nobody listens there (ECONNREFUSED)',
  unreachable: 'there is no way to the remote (EHOSTUNREACH, ENETUNREACH and the like)',
  'no-buffers': 'the underlay had no room (ENOBUFS), or the sending queue was full',
  'send-failed': 'the system refused the datagram for another reason',
  'no-vlan': 'the VNI has no VLAN on the trunk yet',
  'tap-down': 'the TAP was down (EIO)',
  'tap-failed': 'the TAP refused the frame',
} as const;

/** Things worth counting that are no drops. */
export const NOTES = {
  'reserved-bits-ignored': 'datagrams with reserved bits, which RFC 7348 tells a receiver to ignore',
  'learn-table-full': 'source addresses not learned: the table is full',
  'learn-limit': 'source addresses not learned: maxaddress is reached',
  'learn-busy': 'source addresses left for the next frame: another thread was writing',
  'proxy-answered': 'ARP requests and neighbour solicitations answered by the VTEP',
  'too-big-answered': 'frames larger than the path carries, whose senders were told (ICMP, ICMPv6)',
  'vlan-stripped': 'frames whose VLAN tags were taken off (innervlan)',
  'underlay-full': 'times the underlay took no more, and the TAP waited for it',
  flooded: 'frames sent to all default destinations',
} as const;

export type DropReason = keyof typeof DROP_REASONS;
export type Note = keyof typeof NOTES;

const NAMES = [...TRAFFIC, ...Object.keys(DROP_REASONS), ...Object.keys(NOTES)];
const COUNTERS_PER_ROW = NAMES.length;

export type CounterName = (typeof TRAFFIC)[number] | DropReason | Note;

/** Where each counter stands in a row: `COUNTER['unknown-vni']`. */
export const COUNTER = Object.fromEntries(NAMES.map((name, at) => [name, at])) as Record<CounterName, number>;

export class Counters {
  readonly values: Float64Array;
  private readonly ofWorkers: readonly Float64Array[];

  constructor(memory: readonly Float64Array[], worker = 0) {
    this.ofWorkers = memory;
    this.values = memory[worker];
  }

  static allocate(links: number, workers = 1): Float64Array[] {
    const bytes = 8 * COUNTERS_PER_ROW * (links + 1);
    return Array.from({ length: workers }, () => new Float64Array(new SharedArrayBuffer(bytes)));
  }

  get workers(): number {
    return this.ofWorkers.length;
  }

  add(link: number, counter: number, by: number): void {
    this.values[link * COUNTERS_PER_ROW + counter] += by;
  }

  /** Control thread: the place is another link's. */
  clear(link: number): void {
    for (const row of this.ofWorkers) row.fill(0, link * COUNTERS_PER_ROW, (link + 1) * COUNTERS_PER_ROW);
  }

  /** One of them, of all workers. */
  get(link: number, counter: number): number {
    const at = link * COUNTERS_PER_ROW + counter;
    return this.ofWorkers.reduce((total, row) => total + row[at], 0);
  }

  /** All of a link's counters by name; those at zero too. Of all workers, or of one. */
  read(link: number, worker?: number): Record<CounterName, number> {
    const rows = worker === undefined ? this.ofWorkers : [this.ofWorkers[worker]];
    const sum = (at: number) => rows.reduce((total, row) => total + row[link * COUNTERS_PER_ROW + at], 0);
    return Object.fromEntries(NAMES.map((name, at) => [name, sum(at)])) as Record<CounterName, number>;
  }
}
