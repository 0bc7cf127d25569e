/**
 * Frames or datagrams in the order they came, copied in and out. Slots grow with the largest frame yet, as room for
 * superframes in all of them is 17 MB, which most rings never need; else nothing is allocated once it is made.
 */

import type { Batch } from './batch.ts';
import { SLOT_BYTES } from './frame-pool.ts';

const CAPACITY = 256;
/** Source address and port of a datagram. */
const SOURCE = 5;

export class FrameRing {
  private slotBytes = 0;
  private bytes = new Uint8Array(0);
  private readonly lengths = new Int32Array(CAPACITY);
  private readonly sources = new Int32Array(SOURCE * CAPACITY);
  private head = 0;
  private tail = 0;

  /** False: it is full, or the frame is larger than any slot. */
  push(bytes: Uint8Array, at: number, length: number, source?: Int32Array, port = 0): boolean {
    if (this.head - this.tail === CAPACITY || length > SLOT_BYTES) return false;
    if (length > this.slotBytes) this.grow(length);
    const slot = this.head++ % CAPACITY;
    copy(bytes, at, this.bytes, slot * this.slotBytes, length);
    this.lengths[slot] = length;
    for (let i = 0; source && i < 4; i++) this.sources[SOURCE * slot + i] = source[i];
    this.sources[SOURCE * slot + 4] = port;
    return true;
  }

  /** Length of the next frame, or -1. */
  get nextLength(): number {
    return this.head === this.tail ? -1 : this.lengths[this.tail % CAPACITY];
  }

  /** Takes the next frame out, as much of it as fits the room. */
  shift(room: Uint8Array, at: number, most: number): void {
    const slot = this.tail++ % CAPACITY;
    copy(this.bytes, slot * this.slotBytes, room, at, Math.min(this.lengths[slot], most));
  }

  /** Takes out what the batch has room for, as a port receives. */
  fill(batch: Batch): number {
    batch.count = 0;
    while (batch.count < batch.slots && this.nextLength >= 0) {
      const i = batch.count++;
      const source = SOURCE * (this.tail % CAPACITY);
      batch.from0[i] = this.sources[source];
      batch.from1[i] = this.sources[source + 1];
      batch.from2[i] = this.sources[source + 2];
      batch.from3[i] = this.sources[source + 3];
      batch.fromPort[i] = this.sources[source + 4];
      batch.vnet.fill(0, 3 * i, 3 * i + 3);
      const room = batch.pool.slotBytes - batch.start[i];
      // what does not fit its slot is no frame any more: the data path counts it as too short
      batch.length[i] = this.nextLength <= room ? this.nextLength : 0;
      this.shift(batch.pool.bytes, batch.offset(i), room);
    }
    return batch.count;
  }

  private grow(length: number): void {
    const slotBytes = Math.min(Math.max(2 * this.slotBytes, length), SLOT_BYTES);
    const bytes = new Uint8Array(CAPACITY * slotBytes);
    for (let i = this.tail; i < this.head; i++) {
      const slot = i % CAPACITY;
      copy(this.bytes, slot * this.slotBytes, bytes, slot * slotBytes, this.lengths[slot]);
    }
    this.bytes = bytes;
    this.slotBytes = slotBytes;
  }
}

/** Byte by byte: a view for `set` would be an allocation a frame. */
function copy(from: Uint8Array, at: number, to: Uint8Array, toAt: number, length: number): void {
  for (let i = 0; i < length; i++) to[toAt + i] = from[at + i];
}
