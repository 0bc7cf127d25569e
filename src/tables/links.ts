/**
 * Links: one VNI with its TAP and options each, found by (family and UDP port, VNI), never by socket. A link's
 * index starts at 1.
 */

import type { HeaderBits } from '../wire/vxlan.ts';
import { OpenTable, type OpenTableMemory } from './open-table.ts';

const WORDS = 16;
const VNI = 0;
const FLAGS = 1;
const MAC_HIGH = 2;
const MAC_LOW = 3;
const MTU = 4;
const AGEING = 5;
const MAX_ADDRESSES = 6;
const ADDRESSES = 7;
const PORT = 8;
const PATH_MTU = 9;
/** The second in which the last frame that did not fit was answered, and how many were in it. */
const ANSWER_SECOND = 10;
const ANSWERS = 11;
/** Bits of the header that datagrams are dropped for. */
const BITS_HIGH = 12;
const BITS_LOW = 13;

/** A sender that is told once knows; more in a second only serve whoever wants many. */
const ANSWERS_MOST = 100;
/** Less than this is believed of no path: every host takes as much (RFC 791), and more cannot be told as a limit. */
const PATH_MTU_LEAST = 576;

export const LINK_FLAG = {
  learning: 1,
  /** Consumes every ARP frame and neighbour solicitation, answers what it knows: the kernel's `proxy`. */
  proxy: 2,
  /** Answers what it knows, forwards what it does not, and snoops. */
  suppress: 4,
  /** Tells of frames without a destination. */
  l2miss: 16,
  /** Tells of questions for neighbours that it does not know. */
  l3miss: 32,
  /** Sends packets for a router straight to the neighbour behind it: the kernel's `rsc`. */
  shortCircuit: 64,
  /** Takes VLAN tags off frames that go into the tunnel, and drops those that come out with one (RFC 7348 section 6.1). */
  stripTags: 128,
  /** Drops tagged frames both ways. */
  dropTags: 256,
  /** Frames for another link of this host go straight there: the kernel's `localbypass`. */
  localBypass: 512,
  /** A datagram of our own is one that came back, and is dropped. */
  refusesOwn: 1024,
  /** On the TAP its frames have the tag of a VLAN: it is a VNI of a trunk. */
  tagged: 2048,
} as const;

export interface LinkValues {
  vni: number;
  flags: number;
  port: number;
  ageing: number;
  maxAddresses: number;
  reservedBits?: HeaderBits;
}

export interface LinksMemory {
  readonly words: Int32Array;
  readonly index: OpenTableMemory;
}

/** Numbers of VLANs; the last one means none (IEEE 802.1Q). */
export const VLANS = 4096;

/** What datagrams are found by beside their VNI: the endpoint they came in at. */
export function endpoint(ipv6: boolean, port: number): number {
  return (ipv6 ? 0x60000 : 0x40000) | port;
}

export class Links {
  readonly words: Int32Array;
  private readonly index: OpenTable;

  constructor(memory: LinksMemory) {
    this.words = memory.words;
    this.index = new OpenTable(memory.index, 3, 2);
  }

  static allocate(capacity: number): LinksMemory {
    return {
      words: new Int32Array(new SharedArrayBuffer(4 * WORDS * (capacity + 1))),
      index: OpenTable.allocate(2 * capacity, 3), // a VNI of a trunk is found by both families
    };
  }

  /** The link of a datagram, or 0. */
  find(endpointKey: number, vni: number): number {
    const at = this.index.find2(endpointKey, vni);
    return at < 0 ? 0 : this.index.words[at + 2];
  }

  /** Control thread: the link is found from here on. False: that VNI is taken at this endpoint. */
  open(link: number, endpointKey: number, vni: number): boolean {
    if (this.find(endpointKey, vni) !== 0) return false;
    this.index.key[0] = endpointKey;
    this.index.key[1] = vni;
    this.index.lock();
    const at = this.index.insert();
    if (at >= 0) Atomics.store(this.index.words, at + 2, link);
    this.index.unlock();
    return at >= 0;
  }

  /** Control thread: the link is found no more. */
  close(link: number, endpointKey: number, vni: number): void {
    if (this.find(endpointKey, vni) !== link) return;
    this.index.lock();
    this.index.remove(this.index.find2(endpointKey, vni));
    this.index.unlock();
  }

  get capacity(): number {
    return this.words.length / WORDS - 1;
  }

  /** Its place is another's. */
  clear(link: number): void {
    this.words.fill(0, link * WORDS, (link + 1) * WORDS);
  }

  vni(link: number): number {
    return this.words[link * WORDS + VNI];
  }

  flags(link: number): number {
    return this.words[link * WORDS + FLAGS];
  }

  macHigh(link: number): number {
    return this.words[link * WORDS + MAC_HIGH];
  }

  macLow(link: number): number {
    return this.words[link * WORDS + MAC_LOW];
  }

  mtu(link: number): number {
    return this.words[link * WORDS + MTU];
  }

  ageing(link: number): number {
    return this.words[link * WORDS + AGEING];
  }

  /** The port that its remotes listen at, and that it listens at itself. */
  port(link: number): number {
    return this.words[link * WORDS + PORT];
  }

  /** Bits of the header that datagrams are dropped for, in its two words. */
  bitsHigh(link: number): number {
    return this.words[link * WORDS + BITS_HIGH];
  }

  bitsLow(link: number): number {
    return this.words[link * WORDS + BITS_LOW];
  }

  /** The largest inner packet that the path to its remotes carries; 0: nothing is known. */
  pathMtu(link: number): number {
    return this.words[link * WORDS + PATH_MTU];
  }

  setPathMtu(link: number, mtu: number): void {
    this.words[link * WORDS + PATH_MTU] = mtu === 0 ? 0 : Math.max(mtu, PATH_MTU_LEAST);
  }

  /** Whether one more frame that did not fit may be answered in this second. */
  takeAnswer(link: number, now: number): boolean {
    const at = link * WORDS;
    if (this.words[at + ANSWER_SECOND] !== (now | 0)) {
      this.words[at + ANSWER_SECOND] = now;
      this.words[at + ANSWERS] = 0;
    }
    return ++this.words[at + ANSWERS] <= ANSWERS_MOST;
  }

  /** The word itself, for those who follow it. */
  mtuWord(link: number): Int32Array {
    return this.words.subarray(link * WORDS + MTU, link * WORDS + MTU + 1);
  }

  setMac(link: number, high: number, low: number): void {
    this.words[link * WORDS + MAC_HIGH] = high;
    this.words[link * WORDS + MAC_LOW] = low;
  }

  setMtu(link: number, mtu: number): void {
    this.words[link * WORDS + MTU] = mtu;
  }

  set(link: number, values: LinkValues): void {
    const at = link * WORDS;
    this.words[at + VNI] = values.vni;
    this.words[at + FLAGS] = values.flags;
    this.words[at + PORT] = values.port;
    this.words[at + AGEING] = values.ageing;
    this.words[at + MAX_ADDRESSES] = values.maxAddresses;
    this.words[at + BITS_HIGH] = values.reservedBits?.high ?? 0;
    this.words[at + BITS_LOW] = values.reservedBits?.low ?? 0;
  }

  /** Takes one of the addresses that `maxaddress` allows; false: none is left. */
  takeAddress(link: number): boolean {
    const at = link * WORDS;
    const most = this.words[at + MAX_ADDRESSES];
    const now = Atomics.add(this.words, at + ADDRESSES, 1);
    if (most === 0 || now < most) return true;
    Atomics.sub(this.words, at + ADDRESSES, 1);
    return false;
  }

  returnAddress(link: number): void {
    Atomics.sub(this.words, link * WORDS + ADDRESSES, 1);
  }

  /** All of them: it has no entry any more. */
  returnAddresses(link: number): void {
    Atomics.store(this.words, link * WORDS + ADDRESSES, 0);
  }

  addresses(link: number): number {
    return Atomics.load(this.words, link * WORDS + ADDRESSES);
  }
}
