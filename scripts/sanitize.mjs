// npm run test:sanitize: the suites of the addon with the address and undefined-behaviour sanitizers in it; as root also
// those that lie to it through the kernel. They run in a copy of the tree, so that the addon of this one stays as it is.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const COPIED = ['dist', 'src', 'test', 'package.json', 'tsconfig.json', 'vitest.config.ts'];
/** What is about the C; suites that race the clock are not for a program that is three times as slow. */
const NATIVE = ['cutting', 'merging', 'finishing', 'hostile-offload', 'udp-port'];
const NETNS = ['kernel-offload', 'hostile-superframes'];
/** Enough to meet every path; the whole count runs without sanitizers. */
const CASES = '20000';

/** The runtime has to be there before node's own allocator is asked for anything. */
function runtimes() {
  const [compiler, ...words] = (process.env.CC || 'cc').trim().split(/\s+/);
  const find = (name) => spawnSync(compiler, [...words, `-print-file-name=${name}`], { encoding: 'utf8' });
  return ['libasan.so', 'libubsan.so'].map((name) => find(name).stdout.trim()).join(':');
}

function copyTree(folder) {
  for (const name of COPIED) cpSync(join(root, name), join(folder, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  mkdirSync(join(folder, 'build'));
  cpSync(join(root, 'build', 'sanitize', 'vtep.node'), join(folder, 'build', 'vtep.node'));
}

/** The exit status of vitest. */
function run(folder, reports, [command, ...words]) {
  // node frees less than it takes when it ends, so leaks are not asked for; test/alloc looks for growth. What \`ip\` and
  // other programs do with strings is their own affair.
  const options = `detect_leaks=0:replace_str=0:print_stacktrace=1:log_path=${reports}/report`;
  return spawnSync(command, words, {
    cwd: folder,
    stdio: 'inherit',
    env: {
      ...process.env,
      LD_PRELOAD: runtimes(),
      ASAN_OPTIONS: options,
      UBSAN_OPTIONS: options,
      VTEP_CASES: process.env.VTEP_CASES ?? CASES,
    },
  }).status;
}

function runAll(folder, reports) {
  const vitest = [process.execPath, join(root, 'node_modules/vitest/vitest.mjs'), 'run'];
  const status = run(folder, reports, [...vitest, '--project', 'native', ...NATIVE]);
  if (status !== 0 || process.getuid() !== 0) return status;
  const alone = ['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$0" "$@"'];
  return run(folder, reports, [...alone, ...vitest, '--project', 'netns', ...NETNS]);
}

function main() {
  const built = spawnSync(process.execPath, [join(root, 'native/build.mjs'), '--sanitize'], {
    stdio: 'inherit',
  });
  if (built.status !== 0) return 1;
  const folder = mkdtempSync(join(tmpdir(), 'vtep-sanitize-'));
  try {
    const reports = join(folder, 'reports');
    mkdirSync(reports);
    copyTree(folder);
    const status = runAll(folder, reports);
    const said = readdirSync(reports);
    for (const name of said) console.error(readFileSync(join(reports, name), 'utf8'));
    if (status !== 0 || said.length > 0) return 1;
    console.log('The sanitizers had nothing to report.');
    return 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = main();
