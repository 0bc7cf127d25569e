/** The only file that knows the addon: finds it, types it, and checks that both sides mean the same layout. */

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { type Batch, COLUMN, COLUMNS } from '../memory/batch.ts';
import { HEADROOM } from '../memory/frame-pool.ts';
import { OFFLOAD_COUNTS } from '../memory/offload-counts.ts';

/** Opaque handles of the addon. */
export type BatchHandle = { readonly batch: unique symbol };
export type SenderHandle = { readonly sender: unique symbol };
export type WatchHandle = { readonly watch: unique symbol };

/** Every function answers a number, negative: -errno. */
export interface Native {
  bindBatch(
    words: Int32Array,
    slab: Uint8Array,
    slotBytes: number,
    firstSlot: number,
    slots: number,
  ): BatchHandle | number;
  bindSender(
    sockets: Int32Array,
    records: Int32Array,
    envelopes: Uint8Array,
    status: Int32Array,
    stats: Float64Array,
    habits: number,
    ways: Int32Array | null,
  ): SenderHandle | number;
  releaseSender(sender: SenderHandle): number;
  tapOpen(name: string, oneOfSeveral: number, index?: number): number;
  /** `made` becomes the index of its device, and the descriptor of its program. */
  outletOpen(made: Int32Array): number;
  tapSteer(fd: number, on: number): number;
  tapReceive(batch: BatchHandle, fd: number): number;
  tapOffload(fd: number, bits: number): number;
  tapPlace(fd: number, name: Uint8Array): number;
  tapTransmit(
    batch: BatchHandle,
    fd: number,
    from: number,
    to: number,
    failed: Int32Array,
    mtu: number,
    merge: number,
    stats: Float64Array,
  ): number;
  udpOpen(address: Int32Array, port: number, scope: number, options: number, buffer: number): number;
  udpBuffer(fd: number, sending: number): number;
  udpEnvelope(
    bytes: Uint8Array,
    link: number,
    source: Int32Array | null,
    device: number,
    ttl: number,
    tos: number,
    label: number,
    inherits: number,
  ): number;
  udpShare(fd: number): number;
  udpUnchecked(fd: number, on: number): number;
  udpGroups(ipv6: number): number;
  udpGroup(fd: number, group: Int32Array, device: number, join: number): number;
  udpTrains(fd: number): number;
  udpSegments(fd: number): number;
  udpReceive(batch: BatchHandle, fd: number, messages: number, stats: Float64Array): number;
  udpTransmit(batch: BatchHandle, sender: SenderHandle, from: number, to: number): number;
  pollOpen(): number;
  pollAdd(epoll: number, fd: number, id: number, writable: number): number;
  pollPause(epoll: number, fd: number, id: number, paused: number): number;
  pollRemove(epoll: number, fd: number): number;
  /** Waits for what is ready, the first `spin` microseconds without sleeping. */
  pollWait(epoll: number, ready: Int32Array, spin: number): number;
  eventOpen(): number;
  eventRing(fd: number): number;
  eventTake(fd: number): number;
  /** Rings in Node's loop, once, when the descriptor is readable; again after `watchAgain`. */
  watchStart(fd: number, ring: () => void): WatchHandle | number;
  watchAgain(watch: WatchHandle): number;
  watchStop(watch: WatchHandle): number;
  netlinkOpen(groups: number, protocol: number): number;
  /** How many programs the control group of that path has for what leaves. */
  cgroupPrograms(path: string): number;
  netlinkOpenAt(tap: number): number;
  netlinkSend(fd: number, message: Uint8Array): number;
  netlinkReceive(fd: number, room: Uint8Array): number;
  /** Fills the user's id and those of its groups; how many groups. */
  socketPeer(fd: number, ids: Int32Array): number;
  closeFd(fd: number): number;
  readonly layout: Record<string, number>;
}

let loaded: Native | undefined;

function find(): string | undefined {
  const candidates = ['../../build/vtep.node', `../../prebuilds/linux-${process.arch}/vtep.node`];
  return candidates.map((path) => fileURLToPath(new URL(path, import.meta.url))).find(existsSync);
}

/** The addon; a thrown sentence where there is none. */
export function native(): Native {
  if (loaded) return loaded;
  const path = find();
  if (!path) {
    throw new Error(
      'the native addon is missing, and without it there is no TAP: build it with `npm run build`',
    );
  }
  const addon = createRequire(import.meta.url)(path) as Native;
  const expected: Record<string, number> = {
    ...COLUMN,
    columns: COLUMNS,
    headroom: HEADROOM,
    stats: OFFLOAD_COUNTS,
  };
  for (const [name, index] of Object.entries(expected)) {
    if (addon.layout[name] !== index) throw new Error(`the addon ${path} is of another version: ${name}`);
  }
  loaded = addon;
  return addon;
}

/** The addon's handle of a batch: bound when a port first meets it, and kept with it. */
export function handleOf(batch: Batch): BatchHandle {
  return (batch.handle ?? bind(batch)) as BatchHandle;
}

function bind(batch: Batch): BatchHandle {
  const { words, pool, firstSlot, slots } = batch;
  const handle = native().bindBatch(words, pool.bytes, pool.slotBytes, firstSlot, slots);
  if (typeof handle === 'number') throw new Error('there is no memory for another batch');
  batch.handle = handle;
  return handle;
}
