// What both sides read, so that both see the same: 256 frames, and shuffled streams of which one lies in which place.
// One seed, so that every run is the same.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const FRAMES = 256;
export const FRAME_BYTES = 64;
export const STREAM = 1 << 20;
/** One in ten asks for what is not there. */
const MISSES = 0.1;

export function random(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** IPv4 and UDP; the last tenth of them goes to MACs that no table has. */
function frame(i) {
  const bytes = Buffer.alloc(FRAME_BYTES);
  const missing = i >= FRAMES * (1 - MISSES);
  bytes.set(
    [
      2,
      missing ? 0xff : 0,
      0,
      0,
      i >> 8,
      i,
      2,
      0,
      0,
      1,
      i >> 8,
      i,
      8,
      0,
      0x45,
      0,
      0,
      50,
      0,
      1,
      0x40,
      0,
      64,
      17,
    ],
    0,
  );
  bytes.set([10, 0, i >> 8, i, 10, 1, i >> 8, i], 26);
  bytes.writeUInt16BE(20_000 + i, 34);
  bytes.writeUInt16BE(443, 36);
  bytes.writeUInt16BE(30, 38);
  return bytes;
}

export function writeStreams(folder) {
  const next = random(42);
  const frames = Array.from({ length: FRAMES }, (_, i) => frame(i));
  const order = Uint32Array.from({ length: STREAM }, () => Math.floor(next() * FRAMES));
  // for the look-ups: a number below 2^31 to be taken modulo the table's size; the highest bit is a miss
  const keys = Uint32Array.from({ length: STREAM }, () => {
    const key = Math.floor(next() * 2 ** 31);
    return (next() < MISSES ? key | 0x80000000 : key) >>> 0;
  });
  writeFileSync(join(folder, 'frames'), Buffer.concat(frames));
  writeFileSync(join(folder, 'order'), Buffer.from(order.buffer));
  writeFileSync(join(folder, 'keys'), Buffer.from(keys.buffer));
}
