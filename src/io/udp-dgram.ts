/**
 * UDP by node:dgram, which needs no addon: a datagram a call, and a copy each way. node:dgram hands datagrams
 * over when it has them, so they wait here, in order, for the engine's next turn.
 */

import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import type { Batch } from '../memory/batch.ts';
import { REMOTE_RECORD, REMOTE_RECORD_WORDS } from '../memory/remote-record.ts';
import { formatIp, knownIp } from '../wire/address.ts';
import { FAILURES_MOST, type UnderlayPort } from './port.ts';
import { DEFAULT_RANGE, SENDING_SOCKETS, spread } from './source-ports.ts';

/** Datagrams that wait for a turn; more are dropped, as a full socket buffer drops them. */
const WAITING_MOST = 1024;

export interface DgramOptions {
  /** The address to receive at; without it all addresses of the family. */
  local?: string;
  ipv6?: boolean;
  /** Where datagrams come in; 4789 unless given. */
  port?: number;
  /** Range of the ports that datagrams leave from; 49152 to 65535 unless given. */
  sourcePorts?: readonly [number, number];
  receiveBuffer?: number;
  ttl?: number;
}

interface Waiting {
  payload: Uint8Array;
  from: RemoteInfo;
}

/** An IP address is no name: node:dgram would ask the resolver, and send a turn later than asked. */
function lookup(
  address: string,
  _: unknown,
  done: (error: null, address: string, family: number) => void,
): void {
  done(null, address, address.includes(':') ? 6 : 4);
}

function open(ipv6: boolean): Socket {
  return createSocket({ type: ipv6 ? 'udp6' : 'udp4', ipv6Only: ipv6, lookup: lookup as never });
}

function bound(socket: Socket, port: number, address: string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ port, address, exclusive: true }, () => {
      socket.removeListener('error', reject);
      resolve();
    });
  });
}

export class DgramUdpPort implements UnderlayPort {
  readonly sourcePorts: number[] = [];
  failures = 0;
  readonly failed = new Int32Array(2 * FAILURES_MOST);
  private readonly receiving: Socket;
  private readonly sending: Socket[] = [];
  private readonly waiting: Waiting[] = [];
  private taken = 0;
  private records: Int32Array = new Int32Array(0);
  /** Datagrams at the head of the blocked rest that libuv has taken, but not sent: their slots stay borrowed. */
  private pending = 0;
  private blocking: Socket | undefined;
  private readable: () => void = () => {};
  private writable: () => void = () => {};

  private constructor(ipv6: boolean) {
    this.receiving = open(ipv6);
  }

  static async open(options: DgramOptions = {}): Promise<DgramUdpPort> {
    const ipv6 = options.ipv6 ?? options.local?.includes(':') ?? false;
    const port = new DgramUdpPort(ipv6);
    try {
      await bound(port.receiving, options.port ?? 4789, options.local);
      if (options.receiveBuffer) port.receiving.setRecvBufferSize(options.receiveBuffer);
      port.receiving.on('message', (payload, from) => port.take(payload, from));
      port.receiving.on('error', () => {});
      await port.openSending(options, ipv6);
      return port;
    } catch (error) {
      port.close();
      throw error;
    }
  }

  bind(records: Int32Array): void {
    this.records = records;
  }

  receive(batch: Batch): number {
    const count = Math.min(this.waiting.length - this.taken, batch.slots);
    for (let i = 0; i < count; i++) this.place(this.waiting[this.taken++], batch, i);
    if (this.taken === this.waiting.length) this.taken = this.waiting.length = 0;
    batch.count = count;
    return count;
  }

  transmit(batch: Batch, from: number, to: number): number {
    if (this.blocking && this.blocking.getSendQueueCount() > 0) return to - from;
    const first = from + this.pending;
    this.pending = 0;
    this.blocking = undefined;
    for (let i = first; i < to; i++) {
      const socket = this.sending[(batch.flow[i] >>> 0) % this.sending.length];
      this.send(socket, batch, i);
      if (socket.getSendQueueCount() === 0) continue;
      this.blocking = socket;
      this.pending = 1;
      return to - i;
    }
    return 0;
  }

  onReadable(ring: () => void): void {
    this.readable = ring;
  }

  onWritable(ring: () => void): void {
    this.writable = ring;
  }

  close(): void {
    for (const socket of [this.receiving, ...this.sending]) socket.close();
  }

  private async openSending(options: DgramOptions, ipv6: boolean): Promise<void> {
    let refusal: unknown;
    for (const port of spread(options.sourcePorts ?? DEFAULT_RANGE)) {
      if (this.sending.length === SENDING_SOCKETS) break;
      const socket = open(ipv6);
      try {
        await bound(socket, port, options.local);
      } catch (error) {
        refusal = error;
        socket.close();
        continue;
      }
      socket.on('error', () => {});
      if (options.ttl) socket.setTTL(options.ttl);
      this.sending.push(socket);
      this.sourcePorts.push(port);
    }
    if (this.sending.length === 0) throw refusal;
  }

  private take(payload: Uint8Array, from: RemoteInfo): void {
    if (this.waiting.length - this.taken >= WAITING_MOST) return;
    this.waiting.push({ payload, from });
    this.readable();
  }

  private place({ payload, from }: Waiting, batch: Batch, i: number): void {
    const room = batch.pool.slotBytes - batch.start[i];
    batch.length[i] = payload.length <= room ? payload.length : 0;
    batch.pool.bytes.set(payload.subarray(0, room), batch.offset(i));
    const address = knownIp(from.address.split('%')[0]);
    batch.from0[i] = address[0];
    batch.from1[i] = address[1];
    batch.from2[i] = address[2];
    batch.from3[i] = address[3];
    batch.fromPort[i] = from.port;
  }

  private send(socket: Socket, batch: Batch, i: number): void {
    const target = batch.target[i];
    const record = target * REMOTE_RECORD_WORDS;
    const { records } = this;
    const address = formatIp(records[record], records[record + 1], records[record + 2], records[record + 3]);
    const done = (error: NodeJS.ErrnoException | null) => {
      if (error) this.fail(target, error.errno ?? 0);
      if (error || socket === this.blocking) this.writable();
    };
    const at = batch.offset(i);
    socket.send(batch.pool.bytes, at, batch.length[i], records[record + REMOTE_RECORD.port], address, done);
  }

  private fail(target: number, errno: number): void {
    if (this.failures >= FAILURES_MOST) return;
    this.failed[2 * this.failures] = target;
    this.failed[2 * this.failures + 1] = Math.abs(errno);
    this.failures++;
  }
}
