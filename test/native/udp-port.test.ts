/** The native underlay port on loopback: the contract, and what the kernel refuses. */
import { expect, it } from 'vitest';
import { Batch } from '../../src/memory/batch.ts';
import { FramePool, HEADROOM } from '../../src/memory/frame-pool.ts';
import { OffloadCounts } from '../../src/memory/offload-counts.ts';
import { describePort } from '../support/port-contract.ts';
import { describeUnderlay, type UnderlayPair } from '../support/underlay-contract.ts';
import { openNative, recordsOf } from '../support/underlay-ports.ts';
import { waitFor } from '../support/wait-for.ts';

for (const trains of [false, true]) {
  const open = async (): Promise<UnderlayPair> => {
    const from = openNative('127.0.12.1', 14_789, { trains });
    const to = openNative('127.0.12.2', 14_789, { trains });
    from.bind(
      recordsOf([
        ['127.0.12.2', 14_789],
        ['127.0.12.2', 14_798],
      ]),
    );
    return { from, to, close: () => [from, to].forEach((port) => void port.close()) };
  };
  const name = `recvmmsg and sendmmsg, ${trains ? 'with' : 'without'} trains`;
  describePort(name, open);
  describeUnderlay(name, open);
}

const pool = new FramePool(8);
const batchOf = (capacity: number) => new Batch(pool, capacity);

it('a remote where nobody listens costs only its own datagrams, and is named', async () => {
  const from = openNative('127.0.12.3', 14_789, { sockets: 1 });
  const to = openNative('127.0.12.4', 14_789);
  from.bind(
    recordsOf([
      ['127.0.12.4', 14_789],
      ['127.0.12.5', 14_789],
    ]),
  );
  const [outgoing, incoming] = [batchOf(4), Batch.receiving(pool, 4, 4)];
  const failures: number[][] = [];
  let arrived = 0;
  for (let round = 0; round < 20; round++) {
    for (const target of [0, 1]) outgoing.queue(0, HEADROOM, 100, target, 0);
    expect(from.transmit(outgoing, 0, 2)).toBe(0);
    for (let i = 0; i < from.failures; i++) failures.push([from.failed[2 * i], from.failed[2 * i + 1]]);
    from.failures = 0;
    outgoing.count = 0;
    await waitFor(() => {
      arrived += to.receive(incoming);
      return arrived === round + 1;
    }, `datagram ${round} at the remote that is there`);
  }
  expect(failures.length).toBeGreaterThan(5);
  for (const [target, errno] of failures) expect([target, errno]).toEqual([1, 111]);
  from.close();
  to.close();
});

it('a datagram that is too large is refused alone, with EMSGSIZE', async () => {
  const from = openNative('127.0.12.6', 14_789, { sockets: 1, trains: true });
  const to = openNative('127.0.12.7', 14_789);
  from.bind(recordsOf([['127.0.12.7', 14_789]]));
  const [outgoing, incoming] = [batchOf(4), Batch.receiving(pool, 4, 4)];
  for (const length of [100, 65_535, 100]) outgoing.queue(0, HEADROOM, length, 0, 0);
  expect(from.transmit(outgoing, 0, 3)).toBe(0);
  expect([from.failures, from.failed[0], from.failed[1]]).toEqual([1, 0, 90]);
  let arrived = 0;
  await waitFor(() => {
    arrived += to.receive(incoming);
    return arrived === 2;
  }, 'the two that fit');
  from.close();
  to.close();
});

it('a train is made of frames with one outer header, and what came in it has that', async () => {
  const from = openNative('127.0.12.6', 14_789, { sockets: 1, trains: true });
  const to = openNative('127.0.12.7', 14_789, { trains: true });
  from.bind(recordsOf([['127.0.12.7', 14_789]]));
  // IPv4 behind 8 bytes of VXLAN; the marks go outward, the DSCP does not
  const tos = [0, 0, 1, 1, 0xb8 | 2, 2, 2, 3, 0];
  const [outgoing, incoming] = [batchOf(tos.length), Batch.receiving(pool, 4, 4, 16)];
  for (const [slot, inner] of [0, 1, 2, 0xb8 | 2, 3].entries()) {
    const at = slot * pool.slotBytes + HEADROOM + 8;
    pool.bytes.fill(0, at, at + 92);
    pool.bytes.set([0x08, 0x00, 0x45, inner], at + 12);
  }
  const slots: Record<number, number> = { 0: 0, 1: 1, 2: 2, [0xb8 | 2]: 3, 3: 4 };
  for (const inner of tos) outgoing.queue(slots[inner], HEADROOM, 100, 0, 0);
  expect(from.transmit(outgoing, 0, tos.length)).toBe(0);
  const got: number[] = [];
  await waitFor(() => {
    const count = to.receive(incoming);
    got.push(...incoming.tos.subarray(0, count));
    return got.length >= tos.length;
  }, 'all frames');
  expect(got).toEqual([0, 0, 1, 1, 2, 2, 2, 2, 0]);
  const counts = new OffloadCounts([from.counts]).read();
  // CE leaves as ECT(0): one train with those before it
  expect([counts.trains, counts['train-frames']]).toEqual([3, 8]);
  for (const port of [from, to]) port.close();
});
