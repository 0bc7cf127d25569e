/** A daemon without a link ends two seconds after its last one, or after who came and made none. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Linger } from '../../../src/daemon/linger.ts';

let isEmpty: boolean;
let ends: number;
let linger: Linger;
beforeEach(() => {
  vi.useFakeTimers();
  isEmpty = true;
  ends = 0;
  linger = new Linger(
    () => isEmpty,
    () => ends++,
  );
});
afterEach(() => vi.useRealTimers());

it('ends after who came first and made no link, however many come after', () => {
  linger.start();
  vi.advanceTimersByTime(1500);
  linger.start();
  vi.advanceTimersByTime(500);
  expect(ends).toBe(1);
});

it('waits its whole time after the last link, whoever left just before', () => {
  linger.start();
  isEmpty = false;
  vi.advanceTimersByTime(1990);
  isEmpty = true;
  linger.restart();
  vi.advanceTimersByTime(1990);
  expect(ends).toBe(0);
  vi.advanceTimersByTime(10);
  expect(ends).toBe(1);
});

it('goes on with a link, and ends when it has none again', () => {
  linger.start();
  isEmpty = false;
  vi.advanceTimersByTime(5000);
  linger.start();
  expect([ends, vi.getTimerCount()]).toEqual([0, 0]);
  isEmpty = true;
  linger.start();
  vi.advanceTimersByTime(2000);
  expect(ends).toBe(1);
});
