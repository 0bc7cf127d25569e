/** UDP by recvmmsg and sendmmsg: one receiving socket, and a fixed set of sending ones for all links. */

import type { Batch } from '../memory/batch.ts';
import { BatchHandles, native, type SenderHandle } from './native.ts';
import { FAILURES_MOST, type UnderlayPort } from './port.ts';

/** Layout of the words that a transmit reports in (`native/send.h`). */
const FAILURES = 0;
const BLOCKED_FD = 1;
const LISTS = 2;
const STATUS_WORDS = LISTS + 2 * FAILURES_MOST;

/** Trains are large: a few at a time stay in the cache between receiving and handing over. */
const TRAINS_A_CALL = 8;

/** What the control thread opens, and the worker's port is made of. */
export interface NativeSockets {
  readonly receiving: number;
  readonly sending: Int32Array;
  /** Per link: the control messages of its datagrams (`udpEnvelope`). */
  readonly envelopes: Uint8Array;
  readonly sourcePorts: readonly number[];
  /** Whether datagrams may leave as trains. */
  readonly trains: boolean;
  readonly counts: Float64Array;
}

export class NativeUdpPort implements UnderlayPort {
  readonly sockets: NativeSockets;
  readonly failed: Int32Array;
  private readonly status = new Int32Array(STATUS_WORDS);
  private readonly addon = native();
  private readonly handles = new BatchHandles();
  private sender: SenderHandle | undefined;
  private cameAsTrains = false;

  constructor(sockets: NativeSockets) {
    this.sockets = sockets;
    this.failed = this.status.subarray(LISTS, LISTS + 2 * FAILURES_MOST);
  }

  bind(records: Int32Array): void {
    const { sending, envelopes, counts, trains } = this.sockets;
    const sender = this.addon.bindSender(sending, records, envelopes, this.status, counts, trains ? 1 : 0);
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
    const { receiving, counts } = this.sockets;
    const messages = this.cameAsTrains ? TRAINS_A_CALL : batch.slots;
    const got = this.addon.udpReceive(this.handles.of(batch), receiving, messages, counts);
    this.cameAsTrains = got > messages;
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
