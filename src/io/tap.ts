/** A TAP as a port: frames with their vnet headers. */

import { getSystemErrorName } from 'node:util';
import type { Batch } from '../memory/batch.ts';
import { BatchHandles, native, type WatchHandle } from './native.ts';
import { FAILURES_MOST, type Port } from './port.ts';

export class TapPort implements Port {
  readonly fd: number;
  failures = 0;
  readonly failed = new Int32Array(2 * FAILURES_MOST);
  ended: string | undefined;
  private readonly addon = native();
  private readonly handles = new BatchHandles();
  private bell: WatchHandle | undefined;

  constructor(fd: number) {
    this.fd = fd;
  }

  receive(batch: Batch): number {
    const got = this.addon.tapReceive(this.handles.of(batch), this.fd);
    if (got < 0) this.ended = `the TAP is gone (${getSystemErrorName(got)})`;
    else if (got === 0 && this.bell) this.addon.watchAgain(this.bell);
    batch.count = Math.max(got, 0);
    return batch.count;
  }

  /** A TAP takes every frame or refuses it for good: nothing is ever blocked. */
  transmit(batch: Batch, from: number, to: number): number {
    this.failures = this.addon.tapTransmit(this.handles.of(batch), this.fd, from, to, this.failed);
    return 0;
  }

  /** Node's loop cannot watch a TAP: a small thread of the addon does. */
  onReadable(ring: () => void): void {
    const bell = this.addon.watchStart(this.fd, ring);
    if (typeof bell === 'number') throw new Error(`the TAP cannot be watched (${getSystemErrorName(bell)})`);
    this.bell = bell;
  }

  close(): void {
    if (this.bell) this.addon.watchStop(this.bell);
    this.bell = undefined;
    this.addon.closeFd(this.fd);
  }
}
