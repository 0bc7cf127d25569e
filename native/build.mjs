// Compiles native/*.c into one addon. No node-gyp: the N-API headers come with an npm package, so cc is all it takes.
//   --strict    warnings are errors (also when CI=true), and nothing is taken for up to date
//   --prebuild  writes prebuilds/linux-<arch>/vtep.node, which the npm package ships
//   --sanitize  writes build/sanitize/vtep.node with the address and undefined-behaviour sanitizers
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { include_dir } from 'node-api-headers';

const root = dirname(import.meta.dirname);
const has = (flag) => process.argv.includes(flag);
const strict = has('--strict') || process.env.CI === 'true';

function outputPath() {
  if (has('--prebuild')) return join(root, 'prebuilds', `linux-${process.arch}`, 'vtep.node');
  return join(root, 'build', has('--sanitize') ? 'sanitize' : '', 'vtep.node');
}

function isUpToDate(output) {
  const built = statSync(output, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return readdirSync(import.meta.dirname).every(
    (name) => statSync(join(import.meta.dirname, name)).mtimeMs < built,
  );
}

function compile(output) {
  const [compiler, ...words] = (process.env.CC || 'cc').trim().split(/\s+/);
  const sources = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.c'));
  const flags = '-std=c11 -O2 -Wall -Wextra -fPIC -shared -fvisibility=hidden -pthread'.split(' ');
  if (strict) flags.push('-Werror');
  if (has('--sanitize'))
    flags.push(
      '-g',
      '-fno-omit-frame-pointer',
      '-fsanitize=address,undefined',
      '-fno-sanitize-recover=undefined',
    );
  const inputs = sources.map((name) => join('native', name));
  const run = spawnSync(compiler, [...words, ...flags, '-I', include_dir, ...inputs, '-o', output], {
    cwd: root,
    stdio: 'inherit',
  });
  if (run.error) {
    console.error(
      `No C compiler: "${compiler}" cannot be run. \`apt-get install gcc libc6-dev\` brings one.`,
    );
  }
  return run.status === 0;
}

const output = outputPath();
if (strict || !isUpToDate(output)) {
  // Compiled beside its place and renamed: a process that runs the old addon keeps it whole.
  const unfinished = `${output}.${process.pid}`;
  mkdirSync(dirname(output), { recursive: true });
  if (compile(unfinished)) renameSync(unfinished, output);
  else process.exitCode = 1;
  rmSync(unfinished, { force: true });
}
