/**
 * What the kernel may leave to us, and what we hand it whole: which offloads are wanted, and which of them this kernel
 * has. Each is tried by itself, so that an older kernel costs only what it lacks.
 */

import { native } from '../io/native.ts';

/** The words are ethtool's. */
export const OFFLOAD_MEANINGS = {
  csum: 'checksums of frames from the TAP are finished here',
  tso: 'TCP superframes from the TAP are cut here',
  uso: 'UDP superframes from the TAP are cut here',
  gso: 'datagrams of one length leave as trains (UDP_SEGMENT)',
  gro: 'trains of datagrams arrive whole (UDP_GRO)',
  lro: 'frames of one flow are merged towards the TAP',
  tnl: 'TCP superframes leave whole, where nothing is to see the datagrams before the interface does',
} as const;
export type Offload = keyof typeof OFFLOAD_MEANINGS;
export const OFFLOAD_WORDS = Object.keys(OFFLOAD_MEANINGS) as Offload[];
export type Offloads = Readonly<Record<Offload, boolean>>;

export const NO_OFFLOADS = Object.fromEntries(OFFLOAD_WORDS.map((word) => [word, false])) as Offloads;
export const ALL_OFFLOADS = Object.fromEntries(OFFLOAD_WORDS.map((word) => [word, true])) as Offloads;

/** The bits of TUNSETOFFLOAD. */
const TUN = { csum: 0x01, tso: 0x02 | 0x04 | 0x08, uso: 0x20 | 0x40 };

/** Undefined: not a list of offloads. `tso` and `uso` bring `csum` along; without it they cannot be. */
export function parseOffloads(text: string): Offloads | undefined {
  if (text === 'auto') return ALL_OFFLOADS;
  if (text === 'off') return NO_OFFLOADS;
  const given = text.split(',');
  const isWord = (word: string): word is Offload => (OFFLOAD_WORDS as readonly string[]).includes(word);
  if (given.every(isWord)) {
    const wanted = { ...NO_OFFLOADS, ...Object.fromEntries(given.map((word) => [word, true])) };
    return { ...wanted, csum: wanted.csum || wanted.tso || wanted.uso };
  }
  if (!given.every((word) => word.startsWith('no') && isWord(word.slice(2)))) return undefined;
  const wanted = { ...ALL_OFFLOADS, ...Object.fromEntries(given.map((word) => [word.slice(2), false])) };
  return { ...wanted, tso: wanted.tso && wanted.csum, uso: wanted.uso && wanted.csum };
}

/** As `parseOffloads` takes them. */
export function formatOffloads(offloads: Offloads): string {
  const words = OFFLOAD_WORDS.filter((word) => offloads[word]);
  if (words.length === OFFLOAD_WORDS.length) return 'auto';
  return words.length === 0 ? 'off' : words.join(',');
}

/** What is in force, and of what is not but was wanted: why. */
export class OffloadReport {
  private readonly wanted: Offloads;
  private readonly missing = new Map<Offload, string>();

  constructor(wanted: Offloads) {
    this.wanted = wanted;
  }

  lacks(offload: Offload, why: string): void {
    if (this.wanted[offload]) this.missing.set(offload, why);
  }

  /** What it lacked is there again. */
  regains(offload: Offload): void {
    this.missing.delete(offload);
  }

  /** What it lacks now; returns what makes it so again. */
  keep(): () => void {
    const before = [...this.missing];
    return () => {
      this.missing.clear();
      for (const [offload, why] of before) this.missing.set(offload, why);
    };
  }

  has(offload: Offload): boolean {
    return this.wanted[offload] && !this.missing.has(offload);
  }

  get inForce(): Offload[] {
    return OFFLOAD_WORDS.filter((word) => this.has(word));
  }

  toString(): string {
    const why = [...this.missing].map(([word, reason]) => `; no ${word}: ${reason}`);
    return `${this.inForce.join(', ') || 'none'}${why.join('')}`;
  }
}

/** Superframes and unfinished checksums from the TAP: all that is wanted, or as much of it as the kernel has. */
export function turnOnTap(fd: number, report: OffloadReport): void {
  for (const lacking of [undefined, 'uso', 'tso', 'csum'] as const) {
    if (lacking) report.lacks(lacking, 'this kernel has none for TAPs');
    const bits = (['csum', 'tso', 'uso'] as const).filter((word) => report.has(word));
    const result = native().tapOffload(
      fd,
      bits.reduce((sum, word) => sum | TUN[word], 0),
    );
    if (result === 0) return;
  }
}

/** For whoever attaches to a TAP that outlives us. */
export function turnOffTap(fd: number): void {
  native().tapOffload(fd, 0);
}

/** Trains out and in. A train is made by finishing its checksums: without them there is none. */
export function turnOnUdp(
  receiving: number,
  sending: number,
  checksums: boolean,
  report: OffloadReport,
): void {
  const none = 'this kernel has none for UDP sockets';
  for (const word of ['gso', 'gro'] as const) report.regains(word); // by other sockets than before
  if (!checksums) report.lacks('gso', 'a train needs checksums (noudpcsum)');
  if (report.has('gso') && native().udpSegments(sending) < 0) report.lacks('gso', none);
  if (report.has('gro') && native().udpTrains(receiving) < 0) report.lacks('gro', none);
}
