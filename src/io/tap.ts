/** A TAP as a port: frames with their vnet headers. */

import type { Batch } from '../memory/batch.ts';
import { type BatchHandle, native } from './native.ts';
import type { Port } from './port.ts';

export class TapPort implements Port {
  readonly fd: number;
  failures = 0;
  readonly failed = new Int32Array(2 * 1024);
  private readonly addon = native();
  private readonly handles = new Map<Batch, BatchHandle>();

  constructor(fd: number) {
    this.fd = fd;
  }

  receive(batch: Batch): number {
    const got = this.addon.tapReceive(this.handle(batch), this.fd);
    batch.count = got > 0 ? got : 0;
    return got;
  }

  /** A TAP takes every frame or refuses it for good: nothing is ever blocked. */
  transmit(batch: Batch, from: number, to: number): number {
    this.failures = this.addon.tapTransmit(this.handle(batch), this.fd, from, to, this.failed);
    return 0;
  }

  close(): void {
    this.addon.closeFd(this.fd);
  }

  private handle(batch: Batch): BatchHandle {
    const known = this.handles.get(batch);
    if (known) return known;
    const handle = this.addon.bindBatch(batch.words, batch.pool.bytes, batch.pool.slotBytes);
    this.handles.set(batch, handle);
    return handle;
  }
}
