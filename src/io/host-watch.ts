/**
 * What changes on this host, told by rtnetlink as it happens: interfaces, their addresses, their neighbours, routes. One
 * watch serves all links of a process. It asks for everything once, and remembers it: who follows an interface is told
 * at once what is there, and then every change. After an overrun it asks for everything again and compares, so that
 * what has gone meanwhile is told too.
 */

import { getSystemErrorName } from 'node:util';
import { type Address, dumpOfAddresses, formatAddress, readAddress } from './addresses.ts';
import { type Device, dumpOfDevices, readDevice } from './devices.ts';
import { native, type WatchHandle } from './native.ts';
import { dumpOfNeighbors, type Neighbor, readNeighbor } from './neighbors.ts';
import { FAMILY, type Message, messages } from './netlink-message.ts';
import { Remembered } from './remembered.ts';
import { DUMP_INTERRUPTED, PROTOCOL, TYPE } from './rtnetlink.ts';

export interface HostListener {
  /** It is there, or something of it has changed: its MTU, MAC, name, whether it is up, ... */
  device?(now: Device, before: Device | undefined): void;
  /** Deleted, or moved to another namespace. */
  deviceGone?(was: Device): void;
  address?(address: Address): void;
  addressGone?(address: Address): void;
  neighbor?(neighbor: Neighbor): void;
  neighborGone?(neighbor: Neighbor): void;
  /** Some have changed, of whatever interface: there may be very many, so none is remembered. */
  routes?(): void;
}

/** To follow all interfaces. */
export const EVERY_DEVICE = 0;

const GROUP = { link: 1, neigh: 4, ipv4Address: 0x10, ipv4Route: 0x40, ipv6Address: 0x100, ipv6Route: 0x400 };
const ENOBUFS = -105;

export class HostWatch {
  private readonly addon = native();
  private readonly listeners = new Map<number, Set<HostListener>>();
  private readonly devices = new Remembered<Device>();
  private readonly addresses = new Remembered<Address>();
  private readonly neighbors = new Remembered<Neighbor>();
  private readonly dumps = [
    { request: dumpOfDevices, known: this.devices, gone: (was: Device) => this.deviceGone(was) },
    { request: dumpOfAddresses, known: this.addresses, gone: (was: Address) => this.addressGone(was) },
    { request: dumpOfNeighbors, known: this.neighbors, gone: (was: Neighbor) => this.neighborGone(was) },
  ] as readonly { request(): Buffer; known: Remembered<unknown>; gone(was: unknown): void }[];
  private readonly fd: number;
  private readonly bell: WatchHandle;
  private readonly room = Buffer.alloc(1 << 18);
  /** Which dump is being read. */
  private dump = 0;
  private isWhole = true;
  private isLate = true;
  private isDraining = false;
  private isClosed = false;

  constructor() {
    this.fd = this.addon.netlinkOpen(
      Object.values(GROUP).reduce((all, each) => all | each),
      PROTOCOL.route,
    );
    if (this.fd < 0) throw new Error(`rtnetlink cannot be opened (${getSystemErrorName(this.fd)})`);
    const bell = this.addon.watchStart(this.fd, () => this.drain());
    if (typeof bell === 'number') {
      this.addon.closeFd(this.fd);
      throw new Error(`rtnetlink cannot be watched (${getSystemErrorName(bell)})`);
    }
    this.bell = bell;
    this.drain();
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.addon.watchStop(this.bell);
    this.addon.closeFd(this.fd);
  }

  /** An interface that was made a moment ago is known too: the kernel has told of it by then. */
  follow(index: number, listener: HostListener): void {
    this.drain();
    const listeners = this.listeners.get(index) ?? new Set();
    this.listeners.set(index, listeners.add(listener));
    const known = <T>(of: Remembered<T>) => (index === EVERY_DEVICE ? of.all() : of.of(index));
    for (const device of known(this.devices)) listener.device?.(device, undefined);
    for (const address of known(this.addresses)) listener.address?.(address);
    for (const neighbor of known(this.neighbors)) listener.neighbor?.(neighbor);
  }

  unfollow(index: number, listener: HostListener): void {
    const listeners = this.listeners.get(index);
    listeners?.delete(listener);
    if (listeners?.size === 0) this.listeners.delete(index);
  }

  /** Of an interface that is in another namespace by now, where nobody tells us, somebody else has to look. */
  tell(now: Device): void {
    const before = this.devices.put(now.index, '', now);
    if (before && isSame(before, now)) return;
    for (const listener of this.listenersOf(now.index)) listener.device?.(now, before);
  }

  /** As `tell`: all that it has there. */
  tellNeighbors(index: number, all: readonly Neighbor[]): void {
    const gone = new Map([...this.neighbors.of(index)].map((each) => [each.ip.join(), each]));
    for (const each of all) {
      const key = each.ip.join();
      const before = gone.get(key);
      gone.delete(key);
      if (before?.mac === each.mac && before.state === each.state) continue;
      this.putNeighbor(key, { ...each, device: index });
    }
    for (const [key, was] of gone) {
      this.neighbors.take(index, key);
      this.neighborGone(was);
    }
  }

  /** Takes all that the kernel has told. What a listener causes is taken by the call that told the listener. */
  private drain(): void {
    if (this.isDraining) return;
    this.isDraining = true;
    try {
      while (!this.isClosed && this.takeSome());
    } finally {
      this.isDraining = false;
    }
    if (!this.isClosed) this.addon.watchAgain(this.bell);
  }

  /** After an overrun what is there is taken first, in order: while the socket is full no dump can begin. */
  private takeSome(): boolean {
    const got = this.addon.netlinkReceive(this.fd, this.room);
    if (got === ENOBUFS) this.isLate = true;
    else if (got < 0) throw new Error(`rtnetlink cannot be read (${getSystemErrorName(got)})`);
    else if (got > 0) for (const each of messages(this.room.subarray(0, got))) this.take(each);
    else if (this.isLate) this.dumpAll();
    else return false;
    return true;
  }

  private dumpAll(): void {
    this.isLate = false;
    this.dump = 0;
    this.routesChanged();
    this.ask();
  }

  /** A socket answers one dump at a time. */
  private ask(): void {
    const { request, known } = this.dumps[this.dump];
    this.isWhole = true;
    known.begin();
    this.addon.netlinkSend(this.fd, request());
  }

  /** What was there and was not told again has gone; unless the kernel says that it left something out. */
  private endDump(): void {
    if (this.isWhole) {
      const { known, gone } = this.dumps[this.dump];
      for (const was of known.takeOld()) gone(was);
      this.dump++;
    }
    if (this.dump < this.dumps.length) this.ask();
  }

  private take({ type, flags, body }: Message): void {
    if (this.isClosed) return;
    if (flags & DUMP_INTERRUPTED) this.isWhole = false;
    if (type === TYPE.done) this.endDump();
    else if (type === TYPE.newLink || type === TYPE.delLink) this.takeDevice(type, body);
    else if (type === TYPE.newAddress || type === TYPE.delAddress) this.takeAddress(type, body);
    else if (type === TYPE.newNeigh || type === TYPE.delNeigh) this.takeNeighbor(type, body);
    else if (type === TYPE.newRoute || type === TYPE.delRoute) this.routesChanged();
  }

  private takeDevice(type: number, body: Buffer): void {
    // of other families are the ports of a bridge: one that leaves its bridge is told as deleted
    if (body[0] !== FAMILY.any) return;
    const now = readDevice(body);
    if (type === TYPE.delLink) {
      const was = this.devices.take(now.index, '');
      if (was) this.deviceGone(was);
      return;
    }
    this.tell(now);
  }

  private takeAddress(type: number, body: Buffer): void {
    const address = readAddress(body);
    if (!address) return;
    const key = formatAddress(address);
    if (type === TYPE.delAddress) {
      if (this.addresses.take(address.device, key)) this.addressGone(address);
    } else if (!this.addresses.put(address.device, key, address)) {
      for (const listener of this.listenersOf(address.device)) listener.address?.(address);
    }
  }

  private takeNeighbor(type: number, body: Buffer): void {
    const neighbor = readNeighbor(body);
    if (!neighbor) return;
    const key = neighbor.ip.join();
    if (type === TYPE.delNeigh) {
      if (this.neighbors.take(neighbor.device, key)) this.neighborGone(neighbor);
    } else this.putNeighbor(key, neighbor);
  }

  private putNeighbor(key: string, neighbor: Neighbor): void {
    this.neighbors.put(neighbor.device, key, neighbor);
    for (const listener of this.listenersOf(neighbor.device)) listener.neighbor?.(neighbor);
  }

  private deviceGone(was: Device): void {
    for (const address of this.addresses.takeAll(was.index)) this.addressGone(address);
    for (const neighbor of this.neighbors.takeAll(was.index)) this.neighborGone(neighbor);
    for (const listener of this.listenersOf(was.index)) listener.deviceGone?.(was);
  }

  private addressGone(was: Address): void {
    for (const listener of this.listenersOf(was.device)) listener.addressGone?.(was);
  }

  private neighborGone(was: Neighbor): void {
    for (const listener of this.listenersOf(was.device)) listener.neighborGone?.(was);
  }

  private routesChanged(): void {
    for (const listener of this.listenersOf(EVERY_DEVICE)) listener.routes?.();
  }

  private listenersOf(index: number): HostListener[] {
    const ofAll = [...(this.listeners.get(EVERY_DEVICE) ?? [])];
    return index === EVERY_DEVICE ? ofAll : [...ofAll, ...(this.listeners.get(index) ?? [])];
  }
}

function isSame(a: Device, b: Device): boolean {
  return (Object.keys(b) as (keyof Device)[]).every((key) => a[key] === b[key]);
}
