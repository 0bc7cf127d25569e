/**
 * What a full socket did not take: it stays, in order, and leaves at a later try.
 *
 *   127.0.15.1 ──── lo, 50 Mbit/s, a queue longer than any socket's ──── 127.0.15.2     in a namespace of its own
 */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { UnderlayPort } from '../../src/io/port.ts';
import { DgramUdpPort } from '../../src/io/udp-dgram.ts';
import { Batch } from '../../src/memory/batch.ts';
import { FramePool, HEADROOM } from '../../src/memory/frame-pool.ts';
import { openNative, recordsOf } from '../support/underlay-ports.ts';
import { waitFor } from '../support/wait-for.ts';

const [HERE, THERE, PORT] = ['127.0.15.1', '127.0.15.2', 14_789];
/** More than the 208 KB that a socket has where nobody asked for more. */
const [COUNT, LENGTH] = [64, 9000];

const tc = (line: string) => execFileSync('tc', line.split(' '), { stdio: 'pipe' });
beforeAll(() => void tc('qdisc add dev lo root tbf rate 50mbit burst 128kb limit 64mb'));
afterAll(() => void tc('qdisc del dev lo root'));

const native = (trains: boolean) => async () => [
  openNative(HERE, PORT, { trains, sendBuffer: 4096 }),
  openNative(THERE, PORT, { trains }),
];
const dgram = async () =>
  Promise.all([HERE, THERE].map((local) => DgramUdpPort.open({ local, port: PORT, receiveBuffer: 1 << 20 })));

it.each<[string, () => Promise<UnderlayPort[]>, flows: number]>([
  ['native', native(false), 1],
  ['native with trains', native(true), 1],
  ['native, two flows', native(true), 2],
  ['dgram', dgram, 1],
  ['dgram, two flows', dgram, 2],
])('%s: nothing lost, nothing twice, each flow in order', async (_, open, flows) => {
  const [from, to] = await open();
  from.bind(recordsOf([[THERE, PORT]]));
  const pool = new FramePool(COUNT + 4);
  const [outgoing, incoming] = [new Batch(pool, COUNT), Batch.receiving(pool, COUNT, 4, 64)];
  for (let i = 0; i < COUNT; i++) {
    const at = i * pool.slotBytes + HEADROOM;
    pool.bytes.fill(i, at, at + LENGTH);
    outgoing.queue(i, HEADROOM, LENGTH, 0, i % flows);
  }
  const arrived: number[] = [];
  let blocked = 0;
  await waitFor(() => {
    const left = from.transmit(outgoing, 0, outgoing.count);
    outgoing.keepLast(left);
    if (left > 0) blocked++;
    while (to.receive(incoming) > 0) {
      for (let i = 0; i < incoming.count; i++) {
        const at = incoming.offset(i);
        const whole = pool.bytes.subarray(at, at + LENGTH).every((byte) => byte === pool.bytes[at]);
        arrived.push(whole && incoming.length[i] === LENGTH ? pool.bytes[at] : -1);
      }
    }
    return left === 0 && arrived.length >= COUNT;
  }, 'all of them');
  expect(blocked).toBeGreaterThan(0);
  expect(from.failures).toBe(0);
  for (let flow = 0; flow < flows; flow++) {
    const numbers = Array.from({ length: COUNT / flows }, (_, i) => flows * i + flow);
    expect(arrived.filter((number) => number % flows === flow)).toEqual(numbers);
  }
  expect(arrived).toHaveLength(COUNT);
  for (const port of [from, to]) port.close();
});
