/** When a worker lets frames gather: while they come fast, and few at a time. */
import { beforeEach, expect, it } from 'vitest';
import { Moderation } from '../../../src/engine/moderation.ts';

let moderation: Moderation;
let now: number;
beforeEach(() => {
  moderation = new Moderation();
  now = 0;
});

/** Rounds of so many frames, so many in a millisecond; how many of them end with a rest. */
function rests(rounds: number, frames: number, inMillisecond: number): number {
  let due = 0;
  for (let round = 0; round < rounds; round++) {
    if (round % inMillisecond === 0) now = (now + 1) | 0;
    moderation.note(frames, now);
    if (moderation.isRestDue()) due++;
  }
  return due;
}

it('rests while a hundred frames come in a millisecond, two at a time', () => {
  rests(50 * 20, 2, 50);
  expect(rests(100, 2, 50)).toBe(100);
});

it('does not while enough come at a time, and does when they are few again', () => {
  rests(50 * 20, 2, 50);
  expect(rests(50, 32, 50)).toBe(0);
  expect(rests(50, 31, 50)).toBe(50);
});

it('does not while they come slowly: pings, superframes', () => {
  expect(rests(1000, 1, 1)).toBe(0);
  expect(rests(1000, 1, 30)).toBe(0);
});

it('goes on without a rest when they come slowly again, or not at all for a while', () => {
  rests(50 * 20, 2, 50);
  rests(20, 1, 1);
  expect(rests(100, 1, 1)).toBe(0);
  rests(50 * 20, 2, 50);
  now += 1000;
  expect(rests(1, 2, 1)).toBe(0);
});

it('does not after a round that was about something else', () => {
  rests(50 * 20, 2, 50);
  expect(moderation.isRestDue()).toBe(false);
});

it('does not while much comes back: acknowledgements are small frames, too', () => {
  for (let i = 0; i < 1000; i++) {
    moderation.noteBack(2);
    rests(50, 2, 50);
  }
  expect(rests(50, 2, 50)).toBe(50);
  for (let i = 0; i < 1000; i++) {
    moderation.noteBack(50);
    rests(50, 2, 50);
  }
  expect(rests(50, 2, 50)).toBe(0);
});

it('counts on with a clock that runs over', () => {
  now = 0x7fff_fff0;
  rests(50 * 40, 2, 50);
  expect(rests(100, 2, 50)).toBe(100);
});
