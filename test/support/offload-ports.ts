/** The offloads behind their real doors: superframes into the native underlay port, frames into a TAP port. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { TapPort } from '../../src/io/tap.ts';
import { Batch } from '../../src/memory/batch.ts';
import { FramePool, HEADROOM } from '../../src/memory/frame-pool.ts';
import { OFFLOAD_COUNTS } from '../../src/memory/offload-counts.ts';
import { OFFLOAD_BYTES } from './offload-twin.ts';
import { type NativeUdpPort, openNative, recordsOf } from './underlay-ports.ts';
import { waitFor } from './wait-for.ts';

const VXLAN = [8, 0, 0, 0, 0, 0, 42, 0];

/** Puts frames into a batch that is to be transmitted, one close behind the other, as those of a train lie. */
export class Outgoing {
  readonly batch: Batch;
  private readonly pool: FramePool;
  private slot = 0;
  private start = HEADROOM;

  constructor(pool: FramePool, capacity: number) {
    this.pool = pool;
    this.batch = new Batch(pool, capacity);
  }

  clear(): void {
    this.batch.count = this.slot = 0;
    this.start = HEADROOM;
  }

  put(frame: Uint8Array, flow = 1): void {
    if (this.start + frame.length > this.pool.slotBytes) {
      this.slot++;
      this.start = HEADROOM;
    }
    this.queueAt(this.slot, this.start, frame, flow);
    this.start += frame.length;
  }

  /** At the very end of all memory, where a sanitizer sees who reads on. */
  putLast(frame: Uint8Array): void {
    this.queueAt(this.pool.slots - 1, this.pool.slotBytes - frame.length, frame, 1);
  }

  private queueAt(slot: number, start: number, frame: Uint8Array, flow: number): void {
    this.pool.bytes.set(frame, slot * this.pool.slotBytes + start);
    this.batch.queue(slot, start, frame.length, 0, flow);
  }
}

/** What arrives at a native port, each with the source port that it left from. */
class Incoming {
  readonly port: NativeUdpPort;
  private readonly pool = new FramePool(64);
  private readonly batch = Batch.receiving(this.pool, 0, 64, 4096);

  constructor(port: NativeUdpPort) {
    this.port = port;
  }

  /** Adds what is there to `got`. */
  drain(got: { bytes: Buffer; from: number }[]): void {
    const { batch, pool } = this;
    while (this.port.receive(batch) > 0) {
      for (let i = 0; i < batch.count; i++) {
        const at = batch.offset(i);
        got.push({
          bytes: Buffer.from(pool.bytes.subarray(at, at + batch.length[i])),
          from: batch.fromPort[i],
        });
      }
    }
  }

  async take(count: number): Promise<{ bytes: Buffer; from: number }[]> {
    const got: { bytes: Buffer; from: number }[] = [];
    this.drain(got); // mostly all are there; only the clock of waitFor is slow
    if (got.length < count)
      await waitFor(
        () => this.drain(got) === undefined && got.length >= count,
        `${count}, not ${got.length}`,
      );
    return got;
  }
}

/** Superframes in, the frames that they were cut into out. */
export class Cutter {
  readonly from: NativeUdpPort;
  private readonly incoming: Incoming;
  private readonly outgoing = new Outgoing(new FramePool(80), 64);

  constructor(port: number, trains: boolean) {
    this.from = openNative('127.0.14.1', port, { trains, sockets: 2 });
    const to = openNative('127.0.14.2', port, { trains });
    this.incoming = new Incoming(to);
    this.from.bind(recordsOf([['127.0.14.2', port]]));
  }

  queue(frame: Uint8Array, offload: Uint8Array, flow = 1): void {
    const { batch } = this.outgoing;
    this.outgoing.put(Uint8Array.from(Buffer.concat([Buffer.from(VXLAN), frame])), flow);
    this.describe(batch, offload);
  }

  queueLast(frame: Uint8Array, offload: Uint8Array): void {
    this.outgoing.putLast(Uint8Array.from([...VXLAN, ...frame]));
    this.describe(this.outgoing.batch, offload);
  }

  /** Returns the number of refusals, and their errno. */
  transmit(): number[] {
    const { batch } = this.outgoing;
    const left = this.from.transmit(batch, 0, batch.count);
    this.outgoing.clear();
    if (left !== 0) throw new Error(`${left} were left, as if loopback were full`);
    const errnos = Array.from({ length: this.from.failures }, (_, i) => this.from.failed[2 * i + 1]);
    this.from.failures = 0;
    return errnos;
  }

  /** Frames by the socket that they left from, in order. */
  async take(count: number): Promise<Buffer[][]> {
    const got = await this.incoming.take(count);
    return this.from.sourcePorts.map((port) =>
      got.filter(({ from }) => from === port).map(({ bytes }) => bytes.subarray(VXLAN.length)),
    );
  }

  /** Forgets what has arrived. */
  discard(): void {
    this.incoming.drain([]);
  }

  close(): void {
    this.from.close();
    this.incoming.port.close();
  }

  private describe(batch: Batch, offload: Uint8Array): void {
    const words = new Uint8Array(12);
    words.set(offload);
    batch.vnet.set(new Int32Array(words.buffer), 3 * (batch.count - 1));
  }
}

/**
 * Frames in, what is written to the TAP out. A TAP is a descriptor that a frame is written to at once: a connected UDP
 * socket keeps the frames apart as well, as long as one has less than 65,497 bytes.
 */
export class Merger {
  readonly tap: TapPort;
  private readonly incoming: Incoming;
  private readonly outgoing = new Outgoing(new FramePool(80), 1024);
  private readonly socket: ReturnType<typeof createSocket>;

  private constructor(socket: ReturnType<typeof createSocket>, reader: NativeUdpPort, mtu: number) {
    this.socket = socket;
    this.incoming = new Incoming(reader);
    const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
    this.tap = new TapPort({
      fd,
      mtu: Int32Array.of(mtu),
      merge: true,
      counts: new Float64Array(OFFLOAD_COUNTS),
    });
  }

  static async open(port: number, mtu: number): Promise<Merger> {
    const reader = openNative('127.0.14.3', port);
    const socket = createSocket('udp4');
    socket.connect(port, '127.0.14.3');
    await once(socket, 'connect');
    return new Merger(socket, reader, mtu);
  }

  /** What is written, each with its offload header in front; waits for at least `count` of them. */
  async write(frames: readonly Uint8Array[], count: number): Promise<Buffer[]> {
    for (const frame of frames) this.outgoing.put(frame);
    this.transmit();
    return (await this.incoming.take(count)).map(({ bytes }) => bytes);
  }

  /** As `write`, of one frame that lies at the end of all memory; what is written is not waited for. */
  writeLast(frame: Uint8Array): Buffer[] {
    this.outgoing.putLast(frame);
    this.transmit();
    const got: { bytes: Buffer; from: number }[] = [];
    this.incoming.drain(got);
    return got.map(({ bytes }) => bytes);
  }

  close(): void {
    this.socket.close();
    this.incoming.port.close();
  }

  private transmit(): void {
    const { batch } = this.outgoing;
    this.tap.transmit(batch, 0, batch.count);
    this.outgoing.clear();
    if (this.tap.failures > 0) throw new Error(`a write was refused: errno ${this.tap.failed[1]}`);
  }
}

export const offloadPart = (written: Buffer): Buffer => written.subarray(0, OFFLOAD_BYTES);
export const framePart = (written: Buffer): Buffer => written.subarray(OFFLOAD_BYTES);
