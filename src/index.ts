/** The library's face. */

export type { FdbChange } from './control/fdb-entry.ts';
export type { LinkEvents, LinkSettings } from './control/link.ts';
export type { FdbFilter, FdbItem } from './control/protocol.ts';
export { Refusal } from './control/refusal.ts';
export { MemoryNetwork, type MemoryUnderlayPort, type NetworkOptions } from './io/memory-network.ts';
export { MemoryTap } from './io/memory-tap.ts';
export { FAILURES_MOST, type Port, type UnderlayPort } from './io/port.ts';
export { type DgramOptions, DgramUdpPort } from './io/udp-dgram.ts';
export { type MemoryHost, MemoryLan } from './lan/memory-lan.ts';
export { Batch } from './memory/batch.ts';
export { FramePool, HEADROOM } from './memory/frame-pool.ts';
export { REMOTE_RECORD, REMOTE_RECORD_WORDS } from './memory/remote-record.ts';
export { type CounterName, DROP_REASONS, NOTES } from './tables/counters.ts';
export { Vtep, type VtepOptions } from './vtep.ts';
