/**
 * What the control thread has a worker take up or leave while it runs. A worker that waits in the kernel gets no
 * messages: they lie in its port until the eventfd rings. Descriptors are the control thread's; it closes one when
 * every worker has left it.
 */

import type { TapOptions } from '../io/tap.ts';
import type { SenderSockets } from '../io/udp-native.ts';

export type Order =
  /** Datagrams that come in at this socket are those of `endpoint` (`tables/links.ts`). */
  | { kind: 'take receiver'; id: number; fd: number; endpoint: number }
  | { kind: 'leave receiver'; id: number }
  | { kind: 'take sender'; id: number; sockets: SenderSockets }
  | { kind: 'leave sender'; id: number }
  /** A link's TAP, or this worker's queue of it, and the sender that its datagrams leave by. */
  | { kind: 'take link'; link: number; tap: TapOptions; sender: number; isTrunk: boolean }
  | { kind: 'leave link'; link: number }
  /** Links that are VNIs of a trunk, each with its VLAN; -1: none yet. */
  | { kind: 'take vnis'; trunk: number; members: readonly VniMember[] }
  | { kind: 'leave vnis'; trunk: number; members: readonly VniMember[] };

export interface VniMember {
  readonly link: number;
  readonly vlan: number;
}

/** From a worker: what it asks, has done, or suffers. */
export type Report =
  /** There are events to be read (`tables/events.ts`). */
  | { kind: 'events' }
  /** So many orders, since it began, have been carried out. */
  | { kind: 'done'; orders: number }
  /** Superframes could leave whole, if their ways were known (`tables/ways.ts`). */
  | { kind: 'ways wanted' }
  /** More comes by the link's TAP than is taken: batch after batch is full. */
  | { kind: 'behind'; link: number }
  /** The link's TAP will never carry anything again: why. */
  | { kind: 'link ended'; link: number; why: string }
  /** It carries nothing any more: why, unless it was told to. */
  | { kind: 'ended'; why?: string };
