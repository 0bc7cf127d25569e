/** Room in front of every received frame: 8 bytes of VXLAN header, the rest for what a later layer puts in front. */
export const HEADROOM = 64;

/**
 * 68 KiB and 64 bytes: 65,535 bytes of IP packet with Ethernet, VLAN and headroom, as superframes come
 * from both sides. An odd number of cache lines: with a power-of-two stride all headers fall into the
 * same few cache sets, which cost half of the speed.
 */
export const SLOT_BYTES = 68 * 1024 + 64;

/** One slab of fixed slots. Batches own ranges of slots; nothing is acquired or released per frame. */
export class FramePool {
  readonly slots: number;
  readonly slotBytes: number;
  readonly bytes: Uint8Array;
  /** The same bytes as `wire/` reads them: a DataView's reads cost half of those put together byte by byte. */
  readonly view: DataView;

  constructor(slots: number, slotBytes: number = SLOT_BYTES) {
    this.slots = slots;
    this.slotBytes = slotBytes;
    this.bytes = new Uint8Array(slots * slotBytes);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Bytes that a frame may fill behind the headroom. */
  get room(): number {
    return this.slotBytes - HEADROOM;
  }
}
