/** UDP sockets that links share: one to receive from for each port and family, a set that sends for each way of sending. */

import { fchownSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import type { NativeEngine } from '../engine/native-engine.ts';
import { native } from '../io/native.ts';
import { SENDING_SOCKETS, spread } from '../io/source-ports.ts';
import { endpoint } from '../tables/links.ts';
import type { Tables } from '../tables/tables.ts';
import { isLinkLocal, knownIp } from '../wire/address.ts';
import type { LinkOptions, Say } from './link-options.ts';
import type { Outlet } from './outlet.ts';

export const RECEIVE_BUFFER = 16 * 1024 * 1024;
const SEND_BUFFER = 2 * 1024 * 1024;
const ENVELOPE_BYTES = 128;
const OPTION = { ipv6: 1, df: 2, noChecksum: 4, sendsOnly: 8, shares: 16 };
/** `native/outer.h` */
const INHERITS = { tos: 1, ttl: 2, label: 4, df: 8 };
const ANY_V4 = Int32Array.of(0, 0, 0xffff, 0);
const ANY_V6 = new Int32Array(4);

type Way = Pick<
  LinkOptions,
  'port' | 'local' | 'group' | 'checksum' | 'zeroChecksumTx' | 'zeroChecksumRx' | 'df' | 'sourcePorts'
> & {
  ipv6: boolean;
  /** What is sent is of either family. */
  isDual: boolean;
};

/** What a link says of the headers of its datagrams. */
type Outer = Pick<LinkOptions, 'local' | 'ttl' | 'tos' | 'flowLabel' | 'df'>;

/** Sockets that some links use; closed when the last of them has gone. */
export interface Shared {
  readonly id: number;
  readonly key: string;
  readonly fds: readonly number[];
  links: number;
}

interface Receiving extends Shared {
  /** Of the links, those that take datagrams without a checksum. */
  unchecked: number;
}

export interface Sending extends Shared {
  readonly sourcePorts: readonly number[];
}

export interface SocketHabits {
  /** Whether datagrams may leave as such. */
  readonly trains: boolean;
  /** Receive only at a link's own address, so that another VTEP of this host has the port at another. */
  readonly atLocal: boolean;
  /** Where superframes leave whole. */
  readonly outlet?: Outlet;
}

export class Sockets {
  private readonly tables: Tables;
  private readonly engine: NativeEngine;
  private readonly habits: SocketHabits;
  private readonly say: Say;
  private readonly envelopes: Uint8Array;
  private readonly receivers = new Pool<Receiving>();
  private readonly senders = new Pool<Sending>();

  constructor(tables: Tables, engine: NativeEngine, habits: SocketHabits, say: Say) {
    this.tables = tables;
    this.engine = engine;
    this.habits = habits;
    this.say = say;
    this.envelopes = new Uint8Array(new SharedArrayBuffer(ENVELOPE_BYTES * (tables.links.capacity + 1)));
  }

  /** What a link's datagrams come in by. */
  async takeReceiver(way: Way): Promise<Receiving> {
    const local = this.habits.atLocal && mayBind(way) ? way.local : undefined;
    const key = `${way.ipv6} ${way.port} ${local ?? ''}`;
    const receiver = await this.receivers.take(key, async (id) => {
      const fds = openReceiving(way, local, this.engine.workers);
      this.sayBuffer(native().udpBuffer(fds[0], 0));
      const at = endpoint(way.ipv6, way.port);
      await this.engine.order((worker) => ({ kind: 'take receiver', id, fd: fds[worker], endpoint: at }));
      return { id, key, fds, links: 0, unchecked: 0 };
    });
    if (takesUnchecked(way)) this.takeUnchecked(receiver, 1);
    return receiver;
  }

  /** One link more, or less, wants datagrams without a checksum; what a port takes, it takes for all of its links. */
  private takeUnchecked(receiver: Receiving, by: 1 | -1): void {
    receiver.unchecked += by;
    for (const fd of receiver.fds) native().udpUnchecked(fd, receiver.unchecked > 0 ? 1 : 0);
  }

  async leaveReceiver(receiver: Receiving, way: Way): Promise<void> {
    if (takesUnchecked(way)) this.takeUnchecked(receiver, -1);
    if (!this.receivers.leave(receiver)) return;
    await this.engine.order(() => ({ kind: 'leave receiver', id: receiver.id }));
    for (const fd of receiver.fds) native().closeFd(fd);
  }

  /** What a link's datagrams leave by. */
  takeSender(way: Way): Promise<Sending> {
    const sets = setsOf(way);
    const key =
      sets.map(({ ipv6, df, checksum }) => `${ipv6} ${df} ${checksum} `).join('') + way.sourcePorts.join('-');
    return this.senders.take(key, async (id) => {
      const { fds, sourcePorts } = openSending(sets, way.sourcePorts);
      const hasChecksums = sets.every(({ checksum }) => checksum);
      const trains = this.habits.trains && hasChecksums && native().udpSegments(fds[0]) >= 0;
      const sockets = {
        sending: Int32Array.from(fds),
        envelopes: this.envelopes,
        trains,
        byDf: isByDf(sets),
        byFamily: way.isDual,
        ways: this.habits.outlet?.ways.words,
      };
      for (const port of sourcePorts) this.tables.own.addPort(port);
      await this.engine.order(() => ({ kind: 'take sender', id, sockets }));
      return { id, key, fds, links: 0, sourcePorts };
    });
  }

  async leaveSender(sender: Sending): Promise<void> {
    if (!this.senders.leave(sender)) return;
    await this.engine.order(() => ({ kind: 'leave sender', id: sender.id }));
    for (const port of sender.sourcePorts) this.tables.own.removePort(port);
    for (const fd of sender.fds) native().closeFd(fd);
  }

  /** What goes with each of the link's datagrams. */
  cook(link: number, options: Outer, device: number): void {
    const { local, ttl, tos, flowLabel, df } = options;
    const source = local === undefined ? null : knownIp(local);
    const fixed = [ttl, tos, flowLabel].map((value) => (value === 'inherit' ? 0 : value));
    const inherits =
      (tos === 'inherit' ? INHERITS.tos : 0) |
      (ttl === 'inherit' ? INHERITS.ttl : 0) |
      (flowLabel === 'inherit' ? INHERITS.label : 0) |
      (df === 'inherit' ? INHERITS.df : 0);
    this.habits.outlet?.cook(link, options, device);
    native().udpEnvelope(this.envelopes, link, source, device, fixed[0], fixed[1], fixed[2], inherits);
  }

  /** With a small buffer a burst is lost: at 512 KB a fifth of a TCP flow's rate. */
  private sayBuffer(granted: number): void {
    if (granted >= RECEIVE_BUFFER) return;
    const kilobytes = Math.round(granted / 1024);
    this.say(
      'info',
      `the receive buffer is ${kilobytes} KB; as root: sysctl -w net.core.rmem_max=${RECEIVE_BUFFER}`,
    );
  }
}

/** Those in use, by what they are for. */
class Pool<T extends Shared> {
  private readonly byKey = new Map<string, Promise<T>>();
  private readonly ids: boolean[] = [];

  /** The one of this key, opened if it is the first. */
  async take(key: string, open: (id: number) => Promise<T>): Promise<T> {
    const known = this.byKey.get(key) ?? this.open(key, open);
    const taken = await known;
    taken.links++;
    return taken;
  }

  /** True: it was the last link. */
  leave(shared: T): boolean {
    if (--shared.links > 0) return false;
    this.byKey.delete(shared.key);
    this.ids[shared.id] = false;
    return true;
  }

  private open(key: string, open: (id: number) => Promise<T>): Promise<T> {
    const free = this.ids.indexOf(false);
    const id = free >= 0 ? free : this.ids.length;
    this.ids[id] = true;
    const opening = open(id);
    this.byKey.set(key, opening);
    opening.catch(() => {
      this.byKey.delete(key);
      this.ids[id] = false;
    });
    return opening;
  }
}

/**
 * A socket for each worker on the one port, among which the kernel spreads the flows (SO_REUSEPORT). The first is
 * bound as one that shares with nobody: if the port is in use, that is told, by whomever it is used. Further sockets
 * join only when they are of the same user, so in the end all are given to a user that nobody is (Linux 4.10).
 */
function openReceiving({ ipv6, port }: Way, local: string | undefined, count: number): number[] {
  const addon = native();
  const any = ipv6 ? ANY_V6 : ANY_V4;
  const address = local === undefined ? any : knownIp(local);
  const fds: number[] = [];
  while (fds.length < count) {
    const flags = (ipv6 ? OPTION.ipv6 : 0) | (fds.length > 0 ? OPTION.shares : 0);
    const fd = addon.udpOpen(address, port, 0, flags, RECEIVE_BUFFER);
    if (fd < 0) {
      for (const opened of fds) addon.closeFd(opened);
      throw new Error(bindSentence(port, local, getSystemErrorName(fd)));
    }
    fds.push(fd);
    if (fds.length === 1 && count > 1) addon.udpShare(fd);
  }
  if (count > 1) fds.forEach(closeToOthers);
  return fds;
}

const NOBODYS_UID = 0x7ffffffe;

/** Only root may: beside an ordinary user's vtep, that user's other programs can still ask to share its port. */
function closeToOthers(fd: number): void {
  try {
    fchownSync(fd, NOBODYS_UID, -1);
  } catch {}
}

/** Whether its datagrams have a checksum. */
export function hasChecksum({ ipv6, checksum, zeroChecksumTx }: Omit<Way, 'isDual'>): boolean {
  return ipv6 ? !zeroChecksumTx : checksum;
}

/** Whether this host has IPv6 at all; the kernel's own vxlan asks no more. */
export function hasIpv6(): boolean {
  const fd = native().udpGroups(1);
  if (fd >= 0) native().closeFd(fd);
  return fd >= 0;
}

/**
 * What comes to a group comes to no socket that is bound to another address; and a link-local one is bound on one
 * interface only.
 */
function mayBind({ group, local }: Way): boolean {
  return group === undefined && local !== undefined && !isLinkLocal(local);
}

function takesUnchecked({ ipv6, zeroChecksumRx }: Way): boolean {
  return ipv6 && zeroChecksumRx;
}

/** Sockets of one kind; there are as many of each kind, at the same ports. */
interface SocketSet {
  readonly ipv6: boolean;
  readonly df: boolean;
  readonly checksum: boolean;
}

/**
 * DF is a matter of the socket: where it is inherited there are two at each port, all without it, then all with it. IPv6
 * has no such bit: it is never fragmented on its way. Those of IPv6 come last.
 */
function setsOf(way: Way): SocketSet[] {
  const families = way.isDual ? [false, true] : [way.ipv6];
  return families.flatMap((ipv6) => {
    const { df = 'set' } = way;
    const kinds = df !== 'inherit' ? [df === 'set'] : ipv6 ? [true] : [false, true];
    return kinds.map((kind) => ({ ipv6, df: kind, checksum: hasChecksum({ ...way, ipv6 }) }));
  });
}

const isByDf = (sets: readonly SocketSet[]): boolean => sets.length > 1 && sets[0].ipv6 === sets[1].ipv6;

/** A UDP socket has one source port: a fixed number on free ports of the range, of which the flow hash picks one. */
function openSending(
  sets: readonly SocketSet[],
  range: readonly [number, number],
): { fds: number[]; sourcePorts: number[] } {
  const fds: number[][] = sets.map(() => []);
  const sourcePorts: number[] = [];
  let refusal = 0;
  for (const port of spread([...range])) {
    if (sourcePorts.length === SENDING_SOCKETS) break;
    const opened = openAt(sets, port);
    if (typeof opened === 'number') {
      refusal = opened;
      continue;
    }
    for (const [i, fd] of opened.entries()) fds[i].push(fd);
    sourcePorts.push(port);
  }
  if (sourcePorts.length > 0) return { fds: fds.flat(), sourcePorts };
  throw new Error(
    `srcport ${range[0]} ${range[1]}: none of these ports can be sent from (${getSystemErrorName(refusal)})`,
  );
}

/** One of each kind, or what the first of them that cannot be had is refused with. */
function openAt(sets: readonly SocketSet[], port: number): number[] | number {
  const fds: number[] = [];
  for (const { ipv6, df, checksum } of sets) {
    const shares = fds.length > 0 && sets[fds.length - 1].ipv6 === ipv6;
    if (shares) native().udpShare(fds[fds.length - 1]);
    const options =
      OPTION.sendsOnly |
      (ipv6 ? OPTION.ipv6 : 0) |
      (df ? OPTION.df : 0) |
      (checksum ? 0 : OPTION.noChecksum) |
      (shares ? OPTION.shares : 0);
    const fd = native().udpOpen(ipv6 ? ANY_V6 : ANY_V4, port, 0, options, SEND_BUFFER);
    if (fd < 0) {
      for (const opened of fds) native().closeFd(opened);
      return fd;
    }
    fds.push(fd);
  }
  return fds;
}

export function bindSentence(port: number, local: string | undefined, code: string): string {
  const where = `UDP port ${port}${local ? ` at ${local}` : ''}`;
  if (code === 'EADDRINUSE') {
    return `${where} is in use (EADDRINUSE): a kernel vxlan or another VTEP of this namespace has it`;
  }
  if (code === 'EADDRNOTAVAIL') return `local "${local}" is no address of this host (${code})`;
  return `${where} cannot be opened (${code})`;
}
