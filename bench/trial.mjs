// trial.mjs ROW FOLDER: one row: what it carries, timed by `benchmark`, then its bytes of heap a frame. Prints one JSON
// object.
import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import v8 from 'node:v8';
import Benchmark from 'benchmark';
import { tuneCompiler } from '../dist/engine/compiler.js';
import { ROWS } from './rows.mjs';
import { readStreams } from './streams.mjs';

/** Rounds whose items are compared with the twin's. */
const CHECKED = 100;
const COUNTED_FRAMES = 4_000_000;

tuneCompiler(); // as the worker has it
const [name, folder] = process.argv.slice(2);
const row = ROWS[name](readStreams(folder));

function check() {
  row.port.digest = 0;
  for (let i = 0; i < CHECKED; i++) row.run();
  const { digest } = row.port;
  row.port.digest = row.megabytes === undefined ? undefined : 0;
  return digest >>> 0;
}

/** Short samples, so that some of them are not disturbed by what else the machine does. */
function time() {
  const options = { minTime: 0.01, minSamples: 100, maxTime: 1.5 };
  const benchmark = new Benchmark(name, () => row.run(), options).run();
  if (benchmark.error) throw benchmark.error;
  const samples = benchmark.stats.sample.map((seconds) => (seconds * 1e9) / row.frames);
  samples.sort((a, b) => a - b);
  return { best: samples[0], median: samples[samples.length >> 1] };
}

/** Growth of the heap with room enough that nothing is collected meanwhile; a collection would hide what was used. */
async function count() {
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  globalThis.gc();
  await turn();
  observer.observe({ entryTypes: ['gc'] });
  growth(COUNTED_FRAMES / 4); // the counting itself costs a little the first time
  const bytes = growth(COUNTED_FRAMES) / COUNTED_FRAMES;
  await turn();
  if (collections > 0) throw new Error(`${collections} collections while bytes were counted`);
  return bytes;
}

function growth(frames) {
  const before = v8.getHeapStatistics().used_heap_size;
  for (let carried = 0; carried < frames; carried += row.frames) row.run();
  return v8.getHeapStatistics().used_heap_size - before;
}

const digest = check();
const { best, median } = time();
console.log(JSON.stringify({ best, median, digest, bytes: await count(), megabytes: row.megabytes }));
