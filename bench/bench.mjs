// npm run bench [-- --rows a,b] [--json]: what a frame costs in memory, beside a plain C twin of the same loop, in the
// same run. Each trial is a process of its own; the C twin is compiled here, with -O2 -march=native.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROWS } from './rows.mjs';
import { writeStreams } from './streams.mjs';

/** Trials of each row, ours and the twin's by turns; the median is shown. */
const ROUNDS = 3;
/** Room for what a trial might allocate, so that its bytes can be counted without a collection. */
const NODE_FLAGS = ['--expose-gc', '--min-semi-space-size=256', '--max-semi-space-size=256'];

function option(name) {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}

function compileTwin(folder) {
  const program = join(folder, 'twin');
  const source = join(import.meta.dirname, 'twin', 'twin.c');
  const run = spawnSync(process.env.CC || 'cc', ['-O2', '-march=native', '-o', program, source], {
    stdio: 'inherit',
  });
  if (run.status !== 0)
    throw new Error('the C twin was not compiled: `apt-get install gcc libc6-dev` brings a compiler');
  return program;
}

const parse = (text) => JSON.parse(text.trim().split('\n').at(-1));
const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];

function measure(name, twin, folder) {
  const ours = [];
  const theirs = [];
  for (let round = 0; round < ROUNDS; round++) {
    const trial = join(import.meta.dirname, 'trial.mjs');
    ours.push(
      parse(execFileSync(process.execPath, [...NODE_FLAGS, trial, name, folder], { encoding: 'utf8' })),
    );
    theirs.push(parse(execFileSync(twin, [name, folder], { encoding: 'utf8' })));
  }
  const nanoseconds = median(ours.map(({ ns }) => ns));
  const twinNanoseconds = median(theirs.map(({ ns }) => ns));
  return {
    row: name,
    nsPerFrame: nanoseconds,
    framesPerSecond: 1e9 / nanoseconds,
    bytesPerFrame: Math.max(...ours.map(({ bytes }) => bytes)),
    twinNsPerFrame: twinNanoseconds,
    shareOfTwin: twinNanoseconds / nanoseconds,
    ...(ours[0].megabytes === undefined ? {} : { megabytes: median(ours.map(({ megabytes }) => megabytes)) }),
  };
}

function print(result) {
  const { row, nsPerFrame, framesPerSecond, bytesPerFrame, twinNsPerFrame, shareOfTwin, megabytes } = result;
  const cells = [
    row.padEnd(24),
    nsPerFrame.toFixed(1).padStart(9),
    (framesPerSecond / 1e6).toFixed(1).padStart(12),
    bytesPerFrame.toFixed(2).padStart(12),
    twinNsPerFrame.toFixed(1).padStart(9),
    shareOfTwin.toFixed(2).padStart(11),
    megabytes === undefined ? '' : `   ${megabytes.toFixed(0)} MB`,
  ];
  console.log(cells.join(''));
}

const json = process.argv.includes('--json');
const chosen = option('--rows')?.split(',') ?? Object.keys(ROWS);
const unknown = chosen.find((name) => !(name in ROWS));
if (unknown !== undefined) {
  console.error(`bench: there is no row "${unknown}"; there are ${Object.keys(ROWS).join(', ')}`);
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), 'vtep-bench-'));
try {
  writeStreams(folder);
  const twin = compileTwin(folder);
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8'));
  if (!json) {
    console.log(
      `vtep ${version}, Node ${process.version}, Linux ${release()}, ${cpus()[0].model.trim()}, ${cpus().length} CPUs`,
    );
    console.log(`median of ${ROUNDS} trials, each in a process of its own\n`);
    console.log('                         ns/frame  M frames/s  bytes/frame     C, ns  share of C');
  }
  for (const name of chosen) {
    const result = measure(name, twin, folder);
    if (json) console.log(JSON.stringify(result));
    else print(result);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
