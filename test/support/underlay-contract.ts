/** What ports that face the remotes promise besides (`src/io/port.ts`): of sources, sizes, and remotes that refuse. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { UnderlayPort } from '../../src/io/port.ts';
import { Batch } from '../../src/memory/batch.ts';
import { FramePool, HEADROOM } from '../../src/memory/frame-pool.ts';
import type { Pair } from './port-contract.ts';
import { waitFor } from './wait-for.ts';

/** Target 0 is `to`, target 1 a port where nobody listens. */
export interface UnderlayPair extends Pair {
  from: UnderlayPort;
  to: UnderlayPort;
}

const GOOD = 0;
const NOBODY = 1;
const EMSGSIZE = 90;

/** `limited`: by the system, to what a UDP datagram carries. */
export function describeUnderlay(name: string, open: () => Promise<UnderlayPair>, limited = true): void {
  describe(name, () => {
    let pair: UnderlayPair;
    const pool = new FramePool(40);
    const outgoing = new Batch(pool, 32);
    const incoming = Batch.receiving(pool, 1, 32, 256);
    const queue = (length: number, target = GOOD, flow = 0) =>
      outgoing.queue(0, HEADROOM, length, target, flow);
    const failures: [target: number, errno: number][] = [];
    const transmit = () => {
      const { from } = pair;
      outgoing.keepLast(from.transmit(outgoing, 0, outgoing.count));
      for (let i = 0; i < from.failures; i++) failures.push([from.failed[2 * i], from.failed[2 * i + 1]]);
      from.failures = 0;
    };
    const lengths: number[] = [];
    const ports: number[] = [];
    const drain = (batch = incoming) => {
      while (pair.to.receive(batch) > 0) {
        lengths.push(...batch.length.subarray(0, batch.count));
        ports.push(...batch.fromPort.subarray(0, batch.count));
      }
      return lengths.length;
    };

    beforeEach(async () => {
      outgoing.count = failures.length = lengths.length = ports.length = 0;
      pair = await open();
    });
    afterEach(() => pair.close());

    it('a datagram that does not fit its slot has no length', async () => {
      const narrow = Batch.receiving(new FramePool(4, HEADROOM + 200), 0, 4);
      for (const length of [200, 201, 150]) {
        queue(length);
        transmit(); // each by itself: together they could be a train, which is one message
      }
      await waitFor(() => drain(narrow) === 3, 'three datagrams');
      expect(lengths).toEqual([200, 0, 150]);
    });

    it('a flow keeps its source port, and flows are spread over all of them', async () => {
      for (let flow = 0; flow < 16; flow++) queue(100, GOOD, flow);
      transmit();
      for (let flow = 0; flow < 16; flow++) queue(100, GOOD, flow);
      transmit();
      await waitFor(() => drain() === 32, '32 datagrams');
      const counts = new Map<number, number>();
      for (const port of ports) counts.set(port, (counts.get(port) ?? 0) + 1);
      expect(counts.size).toBeGreaterThan(3);
      for (const count of counts.values()) expect(count % 2).toBe(0);
      for (const port of counts.keys()) expect(pair.from.sourcePorts).toContain(port);
    });

    it('where nobody listens costs the others nothing', async () => {
      for (let round = 1; round <= 20; round++) {
        for (const target of [GOOD, NOBODY, GOOD]) queue(100 + round, target);
        await waitFor(() => {
          transmit();
          return drain() === 2 * round;
        }, `the datagrams of round ${round}`);
      }
      expect(new Set(failures.map(([target]) => target))).not.toContain(GOOD);
    });

    if (!limited) return;
    it('one that is too large is refused alone, by the name of its remote', async () => {
      for (const [length, target] of [
        [100, GOOD],
        [65_528, NOBODY],
        [101, GOOD],
      ])
        queue(length, target);
      await waitFor(() => {
        transmit();
        return drain() === 2 && failures.length > 0;
      }, 'two datagrams and a refusal');
      expect(lengths).toEqual([100, 101]);
      expect(failures).toEqual([[NOBODY, EMSGSIZE]]);
    });
  });
}
