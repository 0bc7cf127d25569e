/**
 * The seam between the data path and everything that carries frames or datagrams: a TAP, native UDP
 * sockets, node:dgram, memory. The data path knows only this page.
 */

import type { Batch } from '../memory/batch.ts';

export interface Receiver {
  /**
   * Fills `batch` from item 0 with what is there, sets `batch.count` and returns it; 0 = nothing left.
   * Never waits. Item i lies in the batch's own slot, with HEADROOM in front.
   */
  receive(batch: Batch): number;

  /** Why it will never bring anything again: its device was deleted, say. */
  readonly ended?: string;

  /** Evented engines: rings when there is something to receive; silent then until `receive` returned 0. */
  onReadable?(ring: () => void): void;
}

export interface Transmitter {
  /**
   * Hands over the items `from` up to `to`, in order within a flow. Returns how many could not be taken
   * because the way is blocked for now: they stay, in order, at the end of the range. An item that was
   * refused for good is gone, and stands in `failed`.
   */
  transmit(batch: Batch, from: number, to: number): number;

  /** Refusals, two words each: target, errno. Whoever has counted them sets `failures` back to 0. */
  failures: number;
  readonly failed: Int32Array;

  /** Evented engines: rings when a blocked transmit is worth another try, or a refusal came late. */
  onWritable?(ring: () => void): void;
}

/** Both ways: a TAP, or what a user brings. */
export interface Port extends Receiver, Transmitter {
  close(): void;
}

/** What sends to the remotes. */
export interface UnderlayTransmitter extends Transmitter {
  /** Told once, before the first transmit: the remotes' records (`tables/remotes.ts`), which targets index. */
  bind(records: Int32Array): void;
}

/** The side that faces the remotes. */
export interface UnderlayPort extends Port, UnderlayTransmitter {
  /** Ports that its datagrams leave from: what comes back from there and from our address is our own. */
  readonly sourcePorts: readonly number[];
}

/** Room of a port's `failed`: a batch of 64 superframes, of each 64 segments. */
export const FAILURES_MOST = 4096;
