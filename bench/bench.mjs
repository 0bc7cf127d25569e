// npm run bench [-- --rows a,b] [--json]: what a frame costs in memory, beside a plain C twin of the same loop, in the
// same run. Each trial is a process of its own; the C twin is compiled here, with -O2 -march=native.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROWS } from './rows.mjs';
import { writeStreams } from './streams.mjs';
import { targetsOf } from './targets.mjs';

/** Trials of each row, ours and the twin's by turns. */
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
  const words = ['-O2', '-march=native', '-Wall', '-Wextra', '-Werror', '-o', program, source];
  const run = spawnSync(process.env.CC || 'cc', words, { stdio: 'inherit' });
  if (run.status !== 0)
    throw new Error('the C twin was not compiled: `apt-get install gcc libc6-dev` brings a compiler');
  return program;
}

const output = (program, ...words) => JSON.parse(execFileSync(program, words, { encoding: 'utf8' }));
const least = (trials, name) => Math.min(...trials.map((trial) => trial[name]));
const median = (trials, name) => trials.map((trial) => trial[name]).sort((a, b) => a - b)[trials.length >> 1];

/** The fastest sample of each side: what others do on the machine only ever adds. Medians are in the JSON. */
function measure(name, twin, folder) {
  const trial = join(import.meta.dirname, 'trial.mjs');
  const ours = [];
  const theirs = [];
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(output(process.execPath, ...NODE_FLAGS, trial, name, folder));
    theirs.push(output(twin, name, folder));
  }
  if (ours[0].digest !== theirs[0].digest) throw new Error(`${name}: the C twin carried something else`);
  const [nsPerFrame, twinNsPerFrame] = [least(ours, 'best'), least(theirs, 'best')];
  return {
    row: name,
    nsPerFrame,
    medianNsPerFrame: median(ours, 'median'),
    framesPerSecond: Math.round(1e9 / nsPerFrame),
    bytesPerFrame: median(ours, 'bytes'),
    twinNsPerFrame,
    twinMedianNsPerFrame: median(theirs, 'median'),
    shareOfTwin: twinNsPerFrame / nsPerFrame,
    megabytes: ours[0].megabytes === undefined ? undefined : median(ours, 'megabytes'),
  };
}

function print(result) {
  const { row, nsPerFrame, framesPerSecond, bytesPerFrame, twinNsPerFrame, shareOfTwin, megabytes } = result;
  const cells = [
    row.padEnd(22),
    nsPerFrame.toFixed(1).padStart(10),
    (framesPerSecond / 1e6).toFixed(1).padStart(12),
    bytesPerFrame.toFixed(2).padStart(13),
    twinNsPerFrame.toFixed(1).padStart(9),
    shareOfTwin.toFixed(2).padStart(12),
    megabytes === undefined ? '' : `${megabytes.toFixed(1).padStart(8)} MB`,
  ];
  console.log(cells.join(''));
}

function printHead() {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8'));
  const machine = `Linux ${release()}, ${cpus().length} CPUs (${cpus()[0].model.trim()})`;
  console.log(`vtep ${version}, Node ${process.version}, ${machine}`);
  console.log(
    `the fastest sample of ${ROUNDS} trials of each side, by turns, each in a process of its own\n`,
  );
  console.log('                        ns/frame  M frames/s  bytes/frame    C, ns  share of C  growth');
}

function run(rows, json) {
  const folder = mkdtempSync(join(tmpdir(), 'vtep-bench-'));
  const results = {};
  try {
    writeStreams(folder);
    const twin = compileTwin(folder);
    if (!json) printHead();
    for (const name of rows) {
      results[name] = measure(name, twin, folder);
      if (json) console.log(JSON.stringify(results[name]));
      else print(results[name]);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return targetsOf(results);
}

process.on('SIGINT', () => {}); // ends the trial, and with that the run: its folder goes
const json = process.argv.includes('--json');
const chosen = option('--rows')?.split(',') ?? Object.keys(ROWS);
const unknown = chosen.find((name) => !Object.hasOwn(ROWS, name));
if (unknown === undefined) {
  const targets = run(chosen, json);
  if (!json) console.log();
  for (const target of targets) {
    const { aim, figure, reached } = target;
    if (json) console.log(JSON.stringify(target));
    else console.log(`${reached ? 'reached' : 'MISSED '}  ${aim}: ${figure.toFixed(2)}`);
  }
} else {
  console.error(`bench: there is no row "${unknown}"; there are ${Object.keys(ROWS).join(', ')}`);
  process.exitCode = 2;
}
