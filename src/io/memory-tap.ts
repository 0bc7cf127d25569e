/** A TAP without a device: the caller is the host behind it. */

import type { Batch } from '../memory/batch.ts';
import { FrameRing } from '../memory/frame-ring.ts';
import { FAILURES_MOST, type Port } from './port.ts';

const ENOBUFS = 105;

export class MemoryTap implements Port {
  failures = 0;
  readonly failed = new Int32Array(2 * FAILURES_MOST);
  private readonly fromHost = new FrameRing();
  private readonly toHost = new FrameRing();
  private ring: () => void = () => {};

  /** The host sends a frame. False: too many wait already, and this one is dropped, as a full queue does. */
  send(frame: Uint8Array): boolean {
    const taken = this.fromHost.push(frame, 0, frame.length);
    this.ring();
    return taken;
  }

  /** The next frame for the host; undefined: there is none. */
  take(): Uint8Array | undefined {
    const length = this.toHost.nextLength;
    if (length < 0) return undefined;
    const frame = new Uint8Array(length);
    this.toHost.shift(frame, 0, length);
    return frame;
  }

  /** As `take`, into memory of the caller's. Returns the frame's length; -1: there is none. */
  takeInto(room: Uint8Array): number {
    const length = this.toHost.nextLength;
    if (length >= 0) this.toHost.shift(room, 0, room.length);
    return length;
  }

  receive(batch: Batch): number {
    return this.fromHost.fill(batch);
  }

  transmit(batch: Batch, from: number, to: number): number {
    for (let i = from; i < to; i++) {
      if (this.toHost.push(batch.pool.bytes, batch.offset(i), batch.length[i])) continue;
      this.failed[2 * this.failures] = batch.target[i];
      this.failed[2 * this.failures + 1] = ENOBUFS;
      this.failures++;
    }
    return 0;
  }

  onReadable(ring: () => void): void {
    this.ring = ring;
  }

  close(): void {
    this.ring = () => {};
  }
}
