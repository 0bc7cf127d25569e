// trial.mjs ROW FOLDER: one row, timed by `benchmark`, then its bytes of heap a frame. Prints one JSON object.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Benchmark from 'benchmark';
import { raiseInliningBudget } from '../dist/engine/native-engine.js';
import { ROWS } from './rows.mjs';

const COUNTED = 1_000_000;

raiseInliningBudget(); // as the worker has it
const [name, folder] = process.argv.slice(2);
const words = (file) => {
  const bytes = readFileSync(join(folder, file));
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
};
const row = ROWS[name]({
  frames: readFileSync(join(folder, 'frames')),
  order: words('order'),
  keys: words('keys'),
});
const benchmark = new Benchmark(name, () => row.run(), { minSamples: 20, maxTime: 1 });
benchmark.run();
if (benchmark.error) throw benchmark.error;

globalThis.gc();
const before = process.memoryUsage().heapUsed;
for (let frames = 0; frames < COUNTED; frames += row.frames) row.run();
const bytes = (process.memoryUsage().heapUsed - before) / COUNTED;
const ns = (benchmark.stats.mean * 1e9) / row.frames;
console.log(JSON.stringify({ ns, bytes: Math.max(0, bytes), megabytes: row.megabytes }));
