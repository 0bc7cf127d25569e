/** When a worker goes first: after full batches that come faster than they are forgotten. */
import { getPriority } from 'node:os';
import { expect, it } from 'vitest';
import { Urgency } from '../../../src/engine/urgency.ts';

const URGENT = -5;

/** Batches as a worker notes them, and the levels that it had by them. */
function worker(began = 0) {
  const levels: number[] = [];
  const urgency = new Urgency(URGENT, (level) => levels.push(level));
  let now = began;
  const note = (isFull: boolean, pause: number) => {
    now = (now + pause) | 0;
    return urgency.note(isFull, now);
  };
  return { levels, note };
}

const fullOnes = (count: number) => Array.from({ length: count }, () => true);

it('goes first after sixteen full batches, tells so of each from then on, and is as nice as before when they have stopped', () => {
  const { levels, note } = worker();
  expect(fullOnes(15).some((isFull) => note(isFull, 0))).toBe(false);
  expect(levels).toEqual([]);
  expect(note(true, 0)).toBe(true);
  expect(levels).toEqual([URGENT]);
  expect(note(true, 1)).toBe(true);
  expect(note(false, 63)).toBe(false);
  expect(levels).toEqual([URGENT]);
  note(false, 1);
  expect(levels).toEqual([URGENT, getPriority()]);
});

it('goes first if its queue overflows whenever it loses its turn, however many small batches are between', () => {
  const { levels, note } = worker();
  for (let turn = 0; turn < 10; turn++) {
    for (let i = 0; i < 5; i++) note(true, i === 0 ? 3 : 0);
    for (let i = 0; i < 280; i++) note(false, i % 100 === 0 ? 1 : 0);
  }
  expect(levels).toEqual([URGENT]);
});

it('stays as it is where full batches are rare', () => {
  const { levels, note } = worker();
  for (let i = 0; i < 1000; i++) note(true, 5);
  expect(levels).toEqual([]);
});

it.each([
  ['runs over in between', 0x7fff_fff8],
  ['has run over before', -1_000_000],
])('counts on with a clock that %s', (_, began) => {
  const { levels, note } = worker(began);
  note(false, 1);
  expect(levels).toEqual([]);
  for (const isFull of fullOnes(24)) note(isFull, 1);
  expect(levels).toEqual([URGENT]);
  note(false, 64);
  expect(levels).toEqual([URGENT, getPriority()]);
});
