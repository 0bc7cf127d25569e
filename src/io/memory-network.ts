/** An underlay in memory: carries datagrams between its ports, and loses and reorders as it is told. */

import type { Batch } from '../memory/batch.ts';
import { FrameRing } from '../memory/frame-ring.ts';
import { REMOTE_RECORD, REMOTE_RECORD_WORDS } from '../memory/remote-record.ts';
import { parseIp } from '../wire/address.ts';
import { FAILURES_MOST, type UnderlayPort } from './port.ts';
import { DEFAULT_RANGE, SENDING_SOCKETS } from './source-ports.ts';

export interface NetworkOptions {
  /** The same seed makes the same losses. */
  seed?: number;
  /** Shares of the datagrams, from 0 to 1: lost, delivered twice, overtaken by the next one. */
  loss?: number;
  duplicate?: number;
  reorder?: number;
}

interface Datagram {
  readonly payload: Uint8Array;
  readonly from: MemoryUnderlayPort;
  readonly sourcePort: number;
  readonly to: MemoryUnderlayPort;
}

export class MemoryNetwork {
  private readonly options: Required<NetworkOptions>;
  private readonly ports: MemoryUnderlayPort[] = [];
  private overtaken: Datagram | undefined;
  private state: number;

  constructor(options: NetworkOptions = {}) {
    this.options = { seed: 1, loss: 0, duplicate: 0, reorder: 0, ...options };
    this.state = this.options.seed | 0;
  }

  /** A port at this address, to be a VTEP's `udp`. */
  attach(address: string, port = 4789): MemoryUnderlayPort {
    const ip = parseIp(address);
    if (!ip) throw new Error(`"${address}" is not an IP address, such as 192.0.2.1`);
    if (this.find(ip, 0, port))
      throw new Error(`${address} has a port ${port} on this network already (EADDRINUSE)`);
    const attached = new MemoryUnderlayPort(this, ip, port);
    this.ports.push(attached);
    return attached;
  }

  detach(port: MemoryUnderlayPort): void {
    this.ports.splice(this.ports.indexOf(port), 1);
  }

  /** Delivers the datagram that waits to be overtaken, if one does. */
  settle(): boolean {
    const late = this.overtaken;
    this.overtaken = undefined;
    if (late) late.to.arrive(late.payload, 0, late.payload.length, late.from.ip, late.sourcePort);
    return late !== undefined;
  }

  /** Item `i` goes to the port at `address` and `port`; what is for nobody is lost. */
  carry(batch: Batch, i: number, from: MemoryUnderlayPort, sourcePort: number, to: MemoryUnderlayPort): void {
    const { loss, duplicate, reorder } = this.options;
    if (loss > 0 && this.random() < loss) return;
    const { bytes } = batch.pool;
    const at = batch.offset(i);
    const length = batch.length[i];
    if (reorder > 0 && !this.overtaken && this.random() < reorder) {
      this.overtaken = { payload: bytes.slice(at, at + length), from, sourcePort, to };
      return;
    }
    to.arrive(bytes, at, length, from.ip, sourcePort);
    if (duplicate > 0 && this.random() < duplicate) to.arrive(bytes, at, length, from.ip, sourcePort);
    this.settle();
  }

  /** The port at the address whose words stand at `at`. */
  find(words: Int32Array, at: number, port: number): MemoryUnderlayPort | undefined {
    for (let i = 0; i < this.ports.length; i++) if (this.ports[i].isAt(words, at, port)) return this.ports[i];
    return undefined;
  }

  /** mulberry32: small, seeded, good enough to lose datagrams by. */
  private random(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }
}

export class MemoryUnderlayPort implements UnderlayPort {
  readonly ip: Int32Array;
  readonly port: number;
  readonly sourcePorts: readonly number[];
  failures = 0;
  readonly failed = new Int32Array(2 * FAILURES_MOST);
  private readonly network: MemoryNetwork;
  private readonly arrived = new FrameRing();
  private records: Int32Array = new Int32Array(0);
  private ring: () => void = () => {};

  constructor(network: MemoryNetwork, ip: Int32Array, port: number) {
    this.network = network;
    this.ip = ip;
    this.port = port;
    this.sourcePorts = Array.from({ length: SENDING_SOCKETS }, (_, i) => DEFAULT_RANGE[0] + i);
  }

  bind(records: Int32Array): void {
    this.records = records;
  }

  receive(batch: Batch): number {
    return this.arrived.fill(batch);
  }

  transmit(batch: Batch, from: number, to: number): number {
    for (let i = from; i < to; i++) {
      const record = batch.target[i] * REMOTE_RECORD_WORDS;
      const port = this.records[record + REMOTE_RECORD.port];
      const destination = this.network.find(this.records, record + REMOTE_RECORD.address, port);
      const sourcePort = this.sourcePorts[(batch.flow[i] >>> 0) % SENDING_SOCKETS];
      if (destination) this.network.carry(batch, i, this, sourcePort, destination);
    }
    return 0;
  }

  /** A datagram comes in; when too many wait already it is lost, as in a full socket buffer. */
  arrive(bytes: Uint8Array, at: number, length: number, from: Int32Array, sourcePort: number): void {
    this.arrived.push(bytes, at, length, from, sourcePort);
    this.ring();
  }

  isAt(words: Int32Array, at: number, port: number): boolean {
    for (let i = 0; i < 4; i++) if (this.ip[i] !== words[at + i]) return false;
    return this.port === port;
  }

  onReadable(ring: () => void): void {
    this.ring = ring;
  }

  close(): void {
    this.network.detach(this);
  }
}
