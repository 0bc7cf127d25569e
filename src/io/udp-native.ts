/** UDP by recvmmsg and sendmmsg: sockets to receive from, and fixed sets of sockets that send for all links. */

import type { Batch } from '../memory/batch.ts';
import { handleOf, native, type SenderHandle } from './native.ts';
import { FAILURES_MOST, type Receiver, type UnderlayTransmitter } from './port.ts';

/** Layout of the words that a transmit reports in (`native/send.h`). */
const FAILURES = 0;
const BLOCKED_FD = 1;
const LISTS = 2;
const STATUS_WORDS = LISTS + 2 * FAILURES_MOST;

/** `native/send.c` */
const HABIT = { trains: 1, byDf: 2, byFamily: 4 };

/** Trains are large: a few at a time stay in the cache between receiving and handing over. */
const TRAINS_A_CALL = 8;

export class UdpReceiver implements Receiver {
  readonly fd: number;
  private readonly counts: Float64Array;
  private readonly addon = native();
  private cameAsTrains = false;

  constructor(fd: number, counts: Float64Array) {
    this.fd = fd;
    this.counts = counts;
  }

  receive(batch: Batch): number {
    const messages = this.cameAsTrains ? TRAINS_A_CALL : batch.slots;
    const got = this.addon.udpReceive(handleOf(batch), this.fd, messages, this.counts);
    this.cameAsTrains = got > messages;
    batch.count = Math.max(got, 0);
    return batch.count;
  }
}

/** What the control thread opens, and a worker's sender is made of. */
export interface SenderSockets {
  readonly sending: Int32Array;
  /** Per link: the control messages of its datagrams (`udpEnvelope`). */
  readonly envelopes: Uint8Array;
  /** Whether datagrams may leave as trains. */
  readonly trains: boolean;
  /** Behind them as many that set DF, for frames whose inner packet has it. */
  readonly byDf?: boolean;
  /** Behind those as many of IPv6: the others are of IPv4. */
  readonly byFamily?: boolean;
  /** Of superframes that leave whole (`tables/ways.ts`). */
  readonly ways?: Int32Array;
}

export class UdpSender implements UnderlayTransmitter {
  readonly failed: Int32Array;
  private readonly sockets: SenderSockets;
  private readonly counts: Float64Array;
  private readonly status = new Int32Array(STATUS_WORDS);
  private readonly addon = native();
  private sender: SenderHandle | undefined;

  constructor(sockets: SenderSockets, counts: Float64Array) {
    this.sockets = sockets;
    this.counts = counts;
    this.failed = this.status.subarray(LISTS, LISTS + 2 * FAILURES_MOST);
  }

  bind(records: Int32Array): void {
    const { sending, envelopes, trains, byDf, byFamily, ways = null } = this.sockets;
    const { addon, status, counts } = this;
    const habits = (trains ? HABIT.trains : 0) | (byDf ? HABIT.byDf : 0) | (byFamily ? HABIT.byFamily : 0);
    const sender = addon.bindSender(sending, records, envelopes, status, counts, habits, ways);
    if (typeof sender === 'number') throw new Error('there is no memory for the sending sockets');
    this.sender = sender;
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

  transmit(batch: Batch, from: number, to: number): number {
    return this.addon.udpTransmit(handleOf(batch), this.sender as SenderHandle, from, to);
  }

  /** Gives back its memory; what is handed to it from now on is lost. The sockets stay open. */
  close(): void {
    if (this.sender) this.addon.releaseSender(this.sender);
  }
}
