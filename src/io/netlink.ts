/**
 * What changes on this host, told by rtnetlink as it happens: interfaces, their addresses, their neighbours.
 * First everything that is there, then every change; after an overrun everything again.
 *
 *   message  length:4 type:2 flags:2 sequence:4 port:4, a fixed part by type, then attributes
 *   attribute  length:2 type:2 value, padded to 4
 */

import { getSystemErrorName } from 'node:util';
import { native, type WatchHandle } from './native.ts';

export interface HostListener {
  /** `state`: the kernel's NUD_ bits. */
  neighbor(device: number, ip: Int32Array, mac: Uint8Array | undefined, state: number): void;
  neighborGone(device: number, ip: Int32Array): void;
  address(ip: Int32Array): void;
  addressGone(ip: Int32Array): void;
  device(index: number, mac: Uint8Array | undefined, mtu: number): void;
}

const GROUP = { link: 1, neigh: 4, ipv4Address: 0x10, ipv6Address: 0x100 };
const TYPE = {
  done: 3,
  newLink: 16,
  getLink: 18,
  newAddress: 20,
  delAddress: 21,
  getAddress: 22,
  newNeigh: 28,
  delNeigh: 29,
  getNeigh: 30,
};
const REQUEST_DUMP = 0x301;
const HEADER = 16;
const FIXED = { link: 16, address: 8, neigh: 12 };
/** What is asked for, and its fixed part: to a longer one the kernel's log says `bytes leftover`. */
const DUMPS = [
  [TYPE.getLink, FIXED.link],
  [TYPE.getAddress, FIXED.address],
  [TYPE.getNeigh, FIXED.neigh],
] as const;
const ATTRIBUTE = { linkAddress: 1, linkMtu: 4, address: 1, local: 2, neighIp: 1, neighMac: 2 };
/** States of a neighbour. */
export const NUD = { reachable: 0x02, noarp: 0x40, permanent: 0x80 } as const;

type Attributes = Map<number, Uint8Array>;

export class HostWatch {
  private readonly addon = native();
  private readonly listener: HostListener;
  private readonly fd: number;
  private readonly bell: WatchHandle;
  private readonly room = new Uint8Array(1 << 18);
  private readonly view = new DataView(this.room.buffer);
  private dumps: (readonly [type: number, fixed: number])[] = [];

  constructor(listener: HostListener) {
    this.listener = listener;
    this.fd = this.addon.netlinkOpen(GROUP.link | GROUP.neigh | GROUP.ipv4Address | GROUP.ipv6Address);
    if (this.fd < 0) throw new Error(`rtnetlink cannot be opened (${getSystemErrorName(this.fd)})`);
    const bell = this.addon.watchStart(this.fd, () => this.drain());
    if (typeof bell === 'number')
      throw new Error(`rtnetlink cannot be watched (${getSystemErrorName(bell)})`);
    this.bell = bell;
    this.dumpAll();
  }

  close(): void {
    this.addon.watchStop(this.bell);
    this.addon.closeFd(this.fd);
  }

  private dumpAll(): void {
    this.dumps = [...DUMPS];
    this.dumpNext();
  }

  /** A socket answers one dump at a time. */
  private dumpNext(): void {
    const dump = this.dumps.shift();
    if (!dump) return;
    const [type, fixed] = dump;
    const request = new Uint8Array(HEADER + fixed);
    const view = new DataView(request.buffer);
    view.setUint32(0, request.length, true);
    view.setUint16(4, type, true);
    view.setUint16(6, REQUEST_DUMP, true);
    this.addon.netlinkSend(this.fd, request);
  }

  private drain(): void {
    for (;;) {
      const got = this.addon.netlinkReceive(this.fd, this.room);
      if (got < 0) this.dumpAll(); // ENOBUFS: some changes were lost
      if (got === 0) break;
      for (let at = 0; at + HEADER <= got; ) {
        const length = this.view.getUint32(at, true);
        if (length < HEADER || at + length > got) break;
        this.take(this.view.getUint16(at + 4, true), at + HEADER, at + length);
        at += (length + 3) & ~3;
      }
    }
    this.addon.watchAgain(this.bell);
  }

  private take(type: number, at: number, end: number): void {
    if (type === TYPE.done) this.dumpNext();
    else if (type === TYPE.newLink) this.takeLink(at, end);
    else if (type === TYPE.newAddress || type === TYPE.delAddress) this.takeAddress(type, at, end);
    else if (type === TYPE.newNeigh || type === TYPE.delNeigh) this.takeNeighbor(type, at, end);
  }

  private takeLink(at: number, end: number): void {
    const attributes = this.attributes(at + FIXED.link, end);
    const mac = attributes.get(ATTRIBUTE.linkAddress);
    const mtu = attributes.get(ATTRIBUTE.linkMtu);
    const index = this.view.getInt32(at + 4, true);
    this.listener.device(index, mac, mtu ? new DataView(mtu.buffer, mtu.byteOffset).getUint32(0, true) : 0);
  }

  private takeAddress(type: number, at: number, end: number): void {
    const attributes = this.attributes(at + FIXED.address, end);
    const ip = words(attributes.get(ATTRIBUTE.local) ?? attributes.get(ATTRIBUTE.address));
    if (!ip) return;
    if (type === TYPE.newAddress) this.listener.address(ip);
    else this.listener.addressGone(ip);
  }

  private takeNeighbor(type: number, at: number, end: number): void {
    const attributes = this.attributes(at + FIXED.neigh, end);
    const ip = words(attributes.get(ATTRIBUTE.neighIp));
    if (!ip) return;
    const device = this.view.getInt32(at + 4, true);
    if (type === TYPE.delNeigh) return this.listener.neighborGone(device, ip);
    const state = this.view.getUint16(at + 8, true);
    this.listener.neighbor(device, ip, attributes.get(ATTRIBUTE.neighMac), state);
  }

  private attributes(from: number, end: number): Attributes {
    const found: Attributes = new Map();
    for (let at = from; at + 4 <= end; ) {
      const length = this.view.getUint16(at, true);
      if (length < 4 || at + length > end) break;
      found.set(this.view.getUint16(at + 2, true), this.room.slice(at + 4, at + length));
      at += (length + 3) & ~3;
    }
    return found;
  }
}

/** An address of 4 or 16 bytes as the four words that all tables use. */
function words(bytes: Uint8Array | undefined): Int32Array | undefined {
  if (bytes?.length !== 4 && bytes?.length !== 16) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const word = (at: number) => view.getInt32(4 * at);
  return bytes.length === 4
    ? Int32Array.of(0, 0, 0xffff, word(0))
    : Int32Array.of(word(0), word(1), word(2), word(3));
}
