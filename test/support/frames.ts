/** Frames for tests, and ports that do no more than a test needs. */
import type { Port, UnderlayPort } from '../../src/io/port.ts';
import { FAILURES_MOST } from '../../src/io/port.ts';
import type { Batch } from '../../src/memory/batch.ts';
import { HEADROOM } from '../../src/memory/frame-pool.ts';
import { fromHex } from './bytes.ts';

export const BROADCAST = 'ffffffffffff';

/** An Ethernet frame of an experimental type: `to` and `from` in hex. */
export function frame(to: string, from: string, payload = '00'.repeat(46), type = '88b5'): Uint8Array {
  return fromHex(to + from + type + payload);
}

export function arp(
  operation: 1 | 2,
  fromMac: string,
  fromIp: string,
  toMac: string,
  toIp: string,
  to = BROADCAST,
): Uint8Array {
  const ip = (text: string) => Buffer.from(text.split('.').map(Number)).toString('hex');
  return frame(to, fromMac, `000108000604000${operation}${fromMac}${ip(fromIp)}${toMac}${ip(toIp)}`, '0806');
}

/** The datagram that carries a frame: VXLAN header by hand. */
export function datagram(vni: number, inner: Uint8Array, flags = '08', reserved = '00'): Uint8Array {
  return Uint8Array.from([
    ...fromHex(`${flags}000000${vni.toString(16).padStart(6, '0')}${reserved}`),
    ...inner,
  ]);
}

export interface Sent {
  bytes: Uint8Array;
  target: number;
  flow: number;
  /** Words of the offload header; the others say nothing where the first is 0. */
  vnet: number[];
}

/** Hands out what it is given, keeps what it gets; refuses or blocks as it is told. */
export class ScriptedPort implements UnderlayPort {
  readonly sourcePorts: readonly number[] = [50_000];
  readonly incoming: {
    bytes: Uint8Array;
    from?: readonly [number, number, number, number];
    port?: number;
    tos?: number;
    vnet?: readonly [number, number, number];
  }[] = [];
  readonly sent: Sent[] = [];
  failures = 0;
  readonly failed = new Int32Array(2 * FAILURES_MOST);
  /** Takes so many more, then is blocked. */
  room = Number.POSITIVE_INFINITY;
  refusal: (target: number) => number = () => 0;
  transmits = 0;

  bind(): void {}

  receive(batch: Batch): number {
    batch.count = 0;
    while (batch.count < batch.slots && this.incoming.length > 0) {
      const {
        bytes,
        from = [0, 0, 0xffff, 0x0a000001],
        port = 12_345,
        tos = 0,
        vnet = [0, 0, 0],
      } = this.incoming.shift() as (typeof this.incoming)[0];
      const i = batch.count++;
      batch.length[i] = bytes.length;
      [batch.from0[i], batch.from1[i], batch.from2[i], batch.from3[i]] = from;
      batch.fromPort[i] = port;
      batch.tos[i] = tos;
      batch.vnet.set(vnet, 3 * i);
      // where the system calls put it, whatever was made of the frame before
      batch.pool.bytes.set(bytes, batch.slot[i] * batch.slotBytes + HEADROOM);
    }
    return batch.count;
  }

  transmit(batch: Batch, from: number, to: number): number {
    this.transmits++;
    for (let i = from; i < to; i++) {
      if (this.room === 0) return to - i;
      this.room--;
      const errno = this.refusal(batch.target[i]);
      if (errno !== 0) this.fail(batch.target[i], errno);
      else this.keep(batch, i);
    }
    return 0;
  }

  close(): void {}

  private keep(batch: Batch, i: number): void {
    const at = batch.offset(i);
    const bytes = batch.pool.bytes.slice(at, at + batch.length[i]);
    const vnet = batch.vnet[3 * i] === 0 ? [] : Array.from(batch.vnet.subarray(3 * i, 3 * i + 3));
    this.sent.push({ bytes, target: batch.target[i], flow: batch.flow[i], vnet });
  }

  private fail(target: number, errno: number): void {
    this.failed[2 * this.failures] = target;
    this.failed[2 * this.failures + 1] = errno;
    this.failures++;
  }
}

export type ScriptedTap = ScriptedPort & Port;
