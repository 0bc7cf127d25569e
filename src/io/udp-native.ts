/** UDP by recvmmsg and sendmmsg: one receiving socket, and a fixed set of sending ones for all links. */

import type { Batch } from '../memory/batch.ts';
import { BatchHandles, native, type SenderHandle } from './native.ts';
import { FAILURES_MOST, type UnderlayPort } from './port.ts';

/** Layout of the words that a transmit reports in (`native/udp.c`). */
const FAILURES = 0;
const BLOCKED_FD = 1;
const LISTS = 4;
const STATUS_WORDS = LISTS + 2 * FAILURES_MOST;

/** What the control thread opens, and the worker's port is made of. */
export interface NativeSockets {
  readonly receiving: number;
  readonly sending: Int32Array;
  /** Per link: the control messages of its datagrams (`udpEnvelope`). */
  readonly envelopes: Uint8Array;
  readonly sourcePorts: readonly number[];
}

export class NativeUdpPort implements UnderlayPort {
  readonly sockets: NativeSockets;
  readonly failed: Int32Array;
  private readonly status = new Int32Array(STATUS_WORDS);
  private readonly addon = native();
  private readonly handles = new BatchHandles();
  private sender: SenderHandle | undefined;

  constructor(sockets: NativeSockets) {
    this.sockets = sockets;
    this.failed = this.status.subarray(LISTS, LISTS + 2 * FAILURES_MOST);
  }

  bind(records: Int32Array): void {
    const sender = this.addon.bindSender(this.sockets.sending, records, this.sockets.envelopes, this.status);
    if (typeof sender === 'number') throw new Error('there is no memory for the sending sockets');
    this.sender = sender;
  }

  get sourcePorts(): readonly number[] {
    return this.sockets.sourcePorts;
  }

  get failures(): number {
    return this.status[FAILURES];
  }

  set failures(count: number) {
    this.status[FAILURES] = count;
  }

  /** The socket that blocked the last transmit. */
  get blockedFd(): number {
    return this.status[BLOCKED_FD];
  }

  receive(batch: Batch): number {
    const got = this.addon.udpReceive(this.handles.of(batch), this.sockets.receiving);
    batch.count = Math.max(got, 0);
    return batch.count;
  }

  transmit(batch: Batch, from: number, to: number): number {
    return this.addon.udpTransmit(this.handles.of(batch), this.sender as SenderHandle, from, to);
  }

  close(): void {
    this.addon.closeFd(this.sockets.receiving);
    for (const fd of this.sockets.sending) this.addon.closeFd(fd);
  }
}
