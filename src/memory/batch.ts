/**
 * Glossary of the frame's way through this program.
 *
 *   frame     an inner Ethernet frame
 *   datagram  VXLAN header + frame: the payload of one UDP packet
 *   slot      an index into the frame pool; a frame is three integers: slot, start, length
 *   item      one frame or datagram of a batch, with what came with it or what it needs to leave
 *   batch     what one native call carries: a struct of arrays over a fixed number of items
 *   borrowed  an outgoing item's slot belongs to the batch that received it, and is valid until the
 *             outgoing batch is flushed, no longer; so one slot may be queued many times (flooding)
 *             and nobody counts references
 *
 * The columns lie in one Int32Array, so that the addon pins one buffer and reads the same layout
 * (`native/batch.h`; `io/native.ts` asserts that both sides agree).
 */

import { type FramePool, HEADROOM } from './frame-pool.ts';

/** One column per row, each `capacity` words long; the vnet header takes the words of three. */
export const COLUMN = {
  slot: 0,
  start: 1,
  length: 2,
  /** Outgoing datagrams: index into the remotes. Incoming frames on their way to a TAP: the link. */
  target: 3,
  /** Outgoing datagrams: hash of the inner flow, picks the sending socket. */
  flow: 4,
  /** Incoming datagrams, and frames that go straight to another link: source address as four words (IPv4 mapped into IPv6), in host order. */
  from: 5,
  fromPort: 9,
  /** Incoming datagrams: the outer header's TOS, or traffic class. */
  tos: 10,
  /**
   * virtio_net_hdr, 10 bytes of the 12 an item has, interleaved: item i at words vnet * capacity + 3 * i. The
   * last two bytes count the segments of a superframe that have left.
   */
  vnet: 11,
} as const;
export const COLUMNS = 14;
const { start: START, length: LENGTH, target: TARGET, flow: FLOW, vnet: VNET } = COLUMN;

export class Batch {
  readonly capacity: number;
  /** Slots that it owns and receives into: `slots` of them from `firstSlot` on; none when frames only leave by it. */
  readonly firstSlot: number;
  readonly slots: number;
  readonly pool: FramePool;
  readonly slotBytes: number;
  readonly words: Int32Array;
  readonly slot: Int32Array;
  readonly start: Int32Array;
  readonly length: Int32Array;
  readonly target: Int32Array;
  readonly flow: Int32Array;
  readonly from0: Int32Array;
  readonly from1: Int32Array;
  readonly from2: Int32Array;
  readonly from3: Int32Array;
  readonly fromPort: Int32Array;
  readonly tos: Int32Array;
  readonly vnet: Int32Array;
  /** Items in use. */
  count = 0;
  /** Whoever carries it natively keeps here what it is called there. */
  handle: object | undefined;

  constructor(pool: FramePool, capacity: number, firstSlot = 0, slots = 0) {
    this.capacity = capacity;
    this.firstSlot = firstSlot;
    this.slots = slots;
    this.pool = pool;
    this.slotBytes = pool.slotBytes;
    this.words = new Int32Array(COLUMNS * capacity);
    const column = (index: number, width = 1) =>
      this.words.subarray(index * capacity, (index + width) * capacity);
    this.slot = column(COLUMN.slot);
    this.start = column(COLUMN.start);
    this.length = column(COLUMN.length);
    this.target = column(COLUMN.target);
    this.flow = column(COLUMN.flow);
    this.from0 = column(COLUMN.from);
    this.from1 = column(COLUMN.from + 1);
    this.from2 = column(COLUMN.from + 2);
    this.from3 = column(COLUMN.from + 3);
    this.fromPort = column(COLUMN.fromPort);
    this.tos = column(COLUMN.tos);
    this.vnet = column(COLUMN.vnet, 3);
  }

  /**
   * A batch to receive into: item i has slot `firstSlot + i`, and starts behind the headroom. A port that takes
   * trains apart makes several items of one slot, and has room for more items than slots.
   */
  static receiving(pool: FramePool, firstSlot: number, slots: number, capacity = slots): Batch {
    const batch = new Batch(pool, capacity, firstSlot, slots);
    for (let i = 0; i < slots; i++) {
      batch.slot[i] = firstSlot + i;
      batch.start[i] = HEADROOM;
    }
    return batch;
  }

  /** The slots `from` up to `to` are received into behind the headroom again, where frames were made to start elsewhere. */
  rewind(from: number, to: number): void {
    this.start.fill(HEADROOM, from, to);
  }

  /** Absolute offset of item `i` in the pool's bytes. */
  offset(i: number): number {
    const { words, capacity, slotBytes } = this;
    return words[i] * slotBytes + words[capacity + i];
  }

  /**
   * Queues an outgoing item over a borrowed slot; the caller has seen that there is room. By the words, as the
   * columns are six arrays to be checked where this is one.
   */
  queue(slot: number, start: number, length: number, target: number, flow: number): number {
    const { words, capacity, count } = this;
    words[count] = slot;
    words[START * capacity + count] = start;
    words[LENGTH * capacity + count] = length;
    words[TARGET * capacity + count] = target;
    words[FLOW * capacity + count] = flow;
    words[VNET * capacity + 3 * count] = 0;
    this.count = count + 1;
    return count;
  }

  /** The offload header of item `i` goes with item `to` of another batch. */
  copyVnet(i: number, other: Batch, to: number): void {
    other.vnet[3 * to] = this.vnet[3 * i];
    other.vnet[3 * to + 1] = this.vnet[3 * i + 1];
    other.vnet[3 * to + 2] = this.vnet[3 * i + 2];
  }

  /** Of the outgoing items only the last `left` stay, at the head: what a blocked transmit has not taken. */
  keepLast(left: number): void {
    const first = this.count - left;
    for (let i = 0; i < left; i++) {
      this.slot[i] = this.slot[first + i];
      this.start[i] = this.start[first + i];
      this.length[i] = this.length[first + i];
      this.target[i] = this.target[first + i];
      this.flow[i] = this.flow[first + i];
      this.copyVnet(first + i, this, i);
    }
    this.count = left;
  }
}
