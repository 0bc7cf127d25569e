/** What every port promises (`src/io/port.ts`), asked of a pair of them: what leaves by one arrives at the other. */
import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Port } from '../../src/io/port.ts';
import { Batch } from '../../src/memory/batch.ts';
import { FramePool, HEADROOM } from '../../src/memory/frame-pool.ts';
import { fromHex } from './bytes.ts';
import { waitFor } from './wait-for.ts';

export interface Pair {
  from: Port;
  to: Port;
  close(): Promise<void> | void;
}

const FRAMES = 32;
const descriptors = () => readdirSync('/proc/self/fd').length;
/** To everybody, so that a bridge between the ports passes it on. */
const HEADER = fromHex('ffffffffffff 020000000001 88b5');

export function describePort(name: string, open: () => Promise<Pair>): void {
  describe(name, () => {
    let pair: Pair;
    let closed = false;
    let descriptorsBefore = 0;
    const pool = new FramePool(4 * FRAMES);
    const incoming = Batch.receiving(pool, 0, FRAMES, 8 * FRAMES);
    const outgoing = new Batch(pool, FRAMES);
    /** Fills slot `FRAMES + i` with a frame of `length` bytes, all of them its number. */
    const queue = (number: number, length: number, flow = 1) => {
      const slot = FRAMES + outgoing.count;
      const at = slot * pool.slotBytes + HEADROOM;
      pool.bytes.fill(number, at, at + length);
      pool.bytes.set(HEADER, at);
      outgoing.queue(slot, HEADROOM, length, 0, flow);
    };
    const send = () => {
      const left = pair.from.transmit(outgoing, 0, outgoing.count);
      outgoing.count = 0;
      return left;
    };
    const received: Uint8Array[] = [];
    const drain = () => {
      while (pair.to.receive(incoming) > 0) {
        for (let i = 0; i < incoming.count; i++) {
          const at = incoming.offset(i);
          received.push(pool.bytes.slice(at, at + incoming.length[i]));
        }
      }
      return received.length;
    };

    beforeEach(async () => {
      received.length = 0;
      outgoing.count = 0;
      closed = false;
      descriptorsBefore = descriptors();
      pair = await open();
    });
    const close = async () => {
      if (!closed) await pair.close();
      closed = true;
    };
    afterEach(close);

    it('never waits: nothing there is 0', () => {
      expect(pair.to.receive(incoming)).toBe(0);
      expect(incoming.count).toBe(0);
      expect(send()).toBe(0);
    });

    it('carries every byte, in order, with headroom in front', async () => {
      const lengths = [60, 61, 64, 100, 1000, 1400, 1401, 8000];
      for (const [i, length] of lengths.entries()) queue(i + 1, length);
      expect(send()).toBe(0);
      await waitFor(() => drain() === lengths.length, 'the frames');
      for (const [i, length] of lengths.entries()) {
        expect(received[i].length).toBe(length);
        expect(received[i].subarray(14).every((byte) => byte === i + 1)).toBe(true);
      }
      for (let i = 0; i < incoming.slots; i++) expect(incoming.start[i]).toBeGreaterThanOrEqual(HEADROOM);
    });

    it('sends one slot as often as it is queued', async () => {
      queue(9, 200);
      for (let i = 1; i < 5; i++) outgoing.queue(outgoing.slot[0], outgoing.start[0], 200, 0, 1);
      expect(send()).toBe(0);
      await waitFor(() => drain() === 5, 'five copies');
      expect(received.every((bytes) => bytes.length === 200 && bytes[14] === 9)).toBe(true);
    });

    it('has the batch back after transmit: what is written there later does not leave', async () => {
      queue(1, 300);
      send();
      pool.bytes.fill(0xee, FRAMES * pool.slotBytes, (FRAMES + 1) * pool.slotBytes);
      await waitFor(() => drain() === 1, 'the frame');
      expect(received[0].subarray(14).every((byte) => byte === 1)).toBe(true);
    });

    it('carries many batches and loses none', async () => {
      for (let round = 0; round < 20; round++) {
        for (let i = 0; i < 8; i++) queue(round, 500, i);
        expect(send()).toBe(0);
        await waitFor(() => drain() === 8 * (round + 1), `round ${round}`);
      }
      expect(pair.from.failures).toBe(0);
    });

    it('hands over no more than the batch has slots, and the rest at the next time', async () => {
      const few = Batch.receiving(pool, 2 * FRAMES, 4);
      for (let i = 1; i <= 10; i++) queue(i, 100 + 10 * i, i);
      expect(send()).toBe(0);
      const lengths: number[] = [];
      await waitFor(() => {
        const got = pair.to.receive(few);
        expect(got).toBe(few.count);
        expect(got).toBeLessThanOrEqual(4);
        lengths.push(...few.length.subarray(0, got));
        return lengths.length === 10;
      }, 'ten frames');
      expect(lengths.sort((a, b) => a - b)).toEqual(Array.from({ length: 10 }, (_, i) => 110 + 10 * i));
    });

    it('transmits the range that it is given, and nothing else of the batch', async () => {
      for (let i = 0; i < 6; i++) queue(i, 100 + i);
      expect(pair.from.transmit(outgoing, 2, 4)).toBe(0);
      await waitFor(() => drain() === 2, 'two frames');
      expect(received.map((bytes) => bytes.length)).toEqual([102, 103]);
      expect(pair.to.receive(incoming)).toBe(0);
    });

    it('gives back every descriptor when it is closed', async () => {
      await close();
      await waitFor(() => descriptors() <= descriptorsBefore, 'the descriptors to be closed');
    });

    it('rings when there is something, and again after it was drained', async () => {
      if (!pair.to.onReadable) return expect(pair.to.onReadable).toBeUndefined();
      let rings = 0;
      pair.to.onReadable(() => {
        rings++;
      });
      for (const round of [1, 2, 3]) {
        const before = rings;
        queue(round, 100);
        send();
        await waitFor(() => rings > before, `ring ${round}`);
        await waitFor(() => drain() === round, `frame ${round}`);
      }
    });
  });
}
