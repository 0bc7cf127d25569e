/** UDP by recvmmsg and sendmmsg: one receiving socket, and a fixed set of sending ones for all links. */

import type { Batch } from '../memory/batch.ts';
import { type BatchHandle, native, type SenderHandle } from './native.ts';
import type { Port } from './port.ts';

/** Layout of the words that a transmit reports in (`native/udp.c`). */
const FAILURES = 0;
const BLOCKED_FD = 1;
const LISTS = 4;
const STATUS_WORDS = LISTS + 2 * 1024 + 6 * 64;

export class NativeUdpPort implements Port {
  readonly fd: number;
  readonly failed: Int32Array;
  private readonly status = new Int32Array(STATUS_WORDS);
  private readonly addon = native();
  private readonly sender: SenderHandle;
  private readonly handles = new Map<Batch, BatchHandle>();

  constructor(fd: number, sockets: Int32Array, records: Int32Array, envelopes: Uint8Array) {
    this.fd = fd;
    this.failed = this.status.subarray(LISTS, LISTS + 2 * 1024);
    this.sender = this.addon.bindSender(sockets, records, envelopes, this.status);
  }

  get failures(): number {
    return this.status[FAILURES];
  }

  /** The socket that blocked the last transmit. */
  get blockedFd(): number {
    return this.status[BLOCKED_FD];
  }

  receive(batch: Batch): number {
    const got = this.addon.udpReceive(this.handle(batch), this.fd);
    batch.count = got > 0 ? got : 0;
    return batch.count;
  }

  transmit(batch: Batch, from: number, to: number): number {
    return this.addon.udpTransmit(this.handle(batch), this.sender, from, to);
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
