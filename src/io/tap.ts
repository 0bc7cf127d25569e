/** A TAP as a port: frames with their offload headers. Towards it the addon merges frames of one flow. */

import { getSystemErrorName } from 'node:util';
import type { Batch } from '../memory/batch.ts';
import { handleOf, native, type WatchHandle } from './native.ts';
import { FAILURES_MOST, type Port } from './port.ts';

/** Of a TAP that was deleted; libuv has no name for it. */
const EBADFD = 77;

export interface TapOptions {
  readonly fd: number;
  /** One shared word: the link's MTU, by which an unfinished frame is known to be a superframe. */
  readonly mtu: Int32Array;
  /** Merge frames of one flow into superframes. */
  readonly merge: boolean;
  readonly counts: Float64Array;
}

export class TapPort implements Port {
  readonly options: TapOptions;
  failures = 0;
  readonly failed = new Int32Array(2 * FAILURES_MOST);
  ended: string | undefined;
  private readonly addon = native();
  private bell: WatchHandle | undefined;

  constructor(options: TapOptions) {
    this.options = options;
  }

  receive(batch: Batch): number {
    const got = this.addon.tapReceive(handleOf(batch), this.options.fd);
    if (got < 0) this.ended = `the TAP is gone (${got === -EBADFD ? 'EBADFD' : getSystemErrorName(got)})`;
    else if (got === 0 && this.bell) this.addon.watchAgain(this.bell);
    batch.count = Math.max(got, 0);
    return batch.count;
  }

  /** A TAP takes every frame or refuses it for good: nothing is ever blocked. */
  transmit(batch: Batch, from: number, to: number): number {
    const { fd, mtu, merge, counts } = this.options;
    const handle = handleOf(batch);
    this.failures = this.addon.tapTransmit(handle, fd, from, to, this.failed, mtu[0], merge ? 1 : 0, counts);
    return 0;
  }

  /** Node's loop cannot watch a TAP: a small thread of the addon does. */
  onReadable(ring: () => void): void {
    const bell = this.addon.watchStart(this.options.fd, ring);
    if (typeof bell === 'number') throw new Error(`the TAP cannot be watched (${getSystemErrorName(bell)})`);
    this.bell = bell;
  }

  close(): void {
    if (this.bell) this.addon.watchStop(this.bell);
    this.bell = undefined;
    this.addon.closeFd(this.options.fd);
  }
}
