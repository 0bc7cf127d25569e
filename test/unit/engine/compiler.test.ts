/** Rests between the rounds make V8 eager, bursts make it patient; what changes nothing is not said again. */
import { expect, it } from 'vitest';
import { CompilerPace } from '../../../src/engine/compiler.ts';

const EAGER = 2000;
const PATIENT = 132 * 1024;

function aPace() {
  const told: number[] = [];
  const pace = new CompilerPace((bytes) => told.push(bytes));
  let now = 1000;
  const after = (milliseconds: number) => {
    now += milliseconds;
    pace.note(now);
  };
  return {
    told,
    pings: (count: number) => {
      for (let i = 0; i < count; i++) {
        after(10);
        after(0);
      }
    },
    burst: (rounds: number) => {
      for (let i = 0; i < rounds; i++) after(0);
    },
  };
}

it('is eager from the beginning, and stays so while pings go', () => {
  const { told, pings } = aPace();
  pings(1000);
  expect(told).toEqual([EAGER]);
});

it('is patient after a few rounds of a burst, and eager when there are rests again', () => {
  const { told, pings, burst } = aPace();
  pings(3);
  burst(20);
  expect(told).toEqual([EAGER, PATIENT]);
  pings(2);
  expect(told).toEqual([EAGER, PATIENT]);
  pings(20);
  expect(told).toEqual([EAGER, PATIENT, EAGER]);
});
