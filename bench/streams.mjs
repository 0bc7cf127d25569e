// What both sides read, so that both see the same: 256 frames, and shuffled streams of which one lies in which place.
// One seed, so that every run is the same.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const FRAMES = 256;
export const FRAME_BYTES = 64;
const STREAM = 1 << 20;
/** One in ten asks for what is not there. */
const MISSES = 0.1;

export const isMissing = (i) => i >= FRAMES * (1 - MISSES);

/** Mulberry32: small, and the same everywhere. */
function random(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Ethernet, IPv4 and UDP. */
const TEMPLATE = Buffer.from(
  '020000000000 020000010000 0800 45000032000140004011 0000 0a000000 0a010000 4e2001bb001e0000'.replaceAll(
    ' ',
    '',
  ),
  'hex',
);

/** Each from and to another MAC, address and port; the last tenth of them goes to MACs that no table has. */
function frame(i) {
  const bytes = Buffer.alloc(FRAME_BYTES);
  TEMPLATE.copy(bytes);
  if (isMissing(i)) bytes[1] = 0xff;
  for (const at of [4, 10, 28, 32]) bytes.writeUInt16BE(i, at);
  bytes.writeUInt16BE(20_000 + i, 34);
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

export function readStreams(folder) {
  const words = (name) => new Uint32Array(new Uint8Array(readFileSync(join(folder, name))).buffer);
  return { frames: readFileSync(join(folder, 'frames')), order: words('order'), keys: words('keys') };
}
