/** A VTEP between ports that a test scripts, and a clock that it turns. */
import { expect } from 'vitest';
import { type CounterName, DROP_REASONS, type DropReason } from '../../src/tables/counters.ts';
import { Vtep, type VtepOptions } from '../../src/vtep.ts';
import { parseIp } from '../../src/wire/address.ts';
import { fromHex, toHex } from './bytes.ts';
import { ScriptedPort } from './frames.ts';
import type { Outcome } from './kernel-link.ts';

/** MACs of hosts, and of the VTEP's own interface. */
export const A = '020000000001';
export const B = '020000000002';
export const OWN_MAC = '020000000099';
/** Underlay addresses as the words of a batch: 10.0.0.1, 10.0.0.2, and the VTEP's own 10.9.9.9. */
export const REMOTE = [0, 0, 0xffff, 0x0a000001] as const;
export const OTHER = [0, 0, 0xffff, 0x0a000002] as const;
export const OWN = [0, 0, 0xffff, 0x0a090909] as const;

type Words = readonly [number, number, number, number];

export function world(options: Partial<VtepOptions> = {}) {
  const tap = new ScriptedPort();
  const udp = new ScriptedPort();
  const clock = { now: 0 };
  const vtep = new Vtep({
    vni: 42,
    tap,
    udp,
    mac: '02:00:00:00:00:99',
    local: ['10.9.9.9'],
    clock: () => clock.now,
    ...options,
  });
  const counts = () => vtep.counters();
  return {
    tap,
    udp,
    clock,
    vtep,
    counts,
    /** A frame comes from the TAP, with the words of its offload header. */
    out(bytes: Uint8Array, vnet?: readonly [number, number, number]) {
      tap.incoming.push({ bytes, vnet });
      while (vtep.turn() > 0);
    },
    /** A datagram comes from the underlay. */
    back(bytes: Uint8Array, from: Words = REMOTE, port = 12_345, tos = 0) {
      udp.incoming.push({ bytes, from, port, tos });
      while (vtep.turn() > 0);
    },
    /** The drop reasons that have counted anything. */
    drops(): Partial<Record<DropReason, number>> {
      const reasons = Object.entries(counts()).filter(([name, count]) => name in DROP_REASONS && count > 0);
      return Object.fromEntries(reasons);
    },
    /** Exactly one drop, and of this reason; nothing left. */
    expectDropped(reason: CounterName) {
      expect(this.drops()).toEqual({ [reason]: 1 });
      expect([tap.sent, udp.sent]).toEqual([[], []]);
    },
    /** Entries of these MACs say that routers have them. */
    routers(...macs: string[]) {
      for (const mac of macs) vtep.fdb.add({ mac, dst: '10.0.0.1', flags: ['router'] });
    },
    targets() {
      return udp.sent.map(({ target }) => vtep.fdb.address(target));
    },
  };
}

export type World = ReturnType<typeof world>;

/** What comes of these frames from the TAP, in the words of the kernel as judge (`kernel-link.ts`). */
export function outcomeOf(w: World, frames: readonly string[]): Outcome {
  const missed: string[] = [];
  w.vtep.on('miss', (what) => {
    const ip = 'ip' in what ? Array.from(parseIp(what.ip) as Int32Array) : [];
    const hex = (words: number[]) => words.map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
    missed.push('ip' in what ? hex(ip[2] === 0xffff ? ip.slice(3) : ip) : what.mac.replaceAll(':', ''));
  });
  for (const each of frames) w.out(fromHex(each));
  w.vtep.deliverEvents();
  return {
    replies: w.tap.sent.map(({ bytes }) => toHex(bytes)),
    left: w.udp.sent.map(({ bytes }) => toHex(bytes.subarray(8))),
    missed,
  };
}
