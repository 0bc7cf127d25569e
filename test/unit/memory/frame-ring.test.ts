/** A ring of frames: in order, whole, whatever their lengths. */
import { describe, expect, it } from 'vitest';
import { SLOT_BYTES } from '../../../src/memory/frame-pool.ts';
import { FrameRing } from '../../../src/memory/frame-ring.ts';

function take(ring: FrameRing): Uint8Array {
  const frame = new Uint8Array(ring.nextLength);
  ring.shift(frame, 0, frame.length);
  return frame;
}

describe('a ring', () => {
  it('grows with what it is given, and what waits stays as it is', () => {
    const ring = new FrameRing();
    const lengths = [1, 60, 61, 1500, 9000, 42, SLOT_BYTES, 2];
    const frames = lengths.map((length, i) => new Uint8Array(length).fill(i + 1));
    for (let i = 0; i < 250; i++) expect(ring.push(frames[1], 0, 60)).toBe(true); // so that it wraps around
    for (let i = 0; i < 250; i++) take(ring);
    for (const frame of frames) expect(ring.push(frame, 0, frame.length)).toBe(true);
    expect(frames.map(() => take(ring))).toEqual(frames);
    expect(ring.nextLength).toBe(-1);
  });

  it('refuses what is larger than any slot, and more than it has room for', () => {
    const ring = new FrameRing();
    expect(ring.push(new Uint8Array(SLOT_BYTES + 1), 0, SLOT_BYTES + 1)).toBe(false);
    const taken = Array.from({ length: 300 }, () => ring.push(Uint8Array.of(7), 0, 1));
    expect(taken.filter(Boolean)).toHaveLength(256);
  });
});
