// npm run bench:verbs: how long a verb takes as a process, beside Node that does nothing, by turns; as root, in a network
// namespace that is gone at the end.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MAIN = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js');
const TURNS = 20;

/** Node 20 reads them at each start, for longer than a verb takes: they have a row of their own, where there are any. */
const { NODE_EXTRA_CA_CERTS, ...env } = process.env;
const folder = mkdtempSync(join(tmpdir(), 'vtep-bench-'));
env.VTEP_SOCKET = join(folder, 'control.sock');

const output = (program, ...words) => execFileSync(program, words, { env, encoding: 'utf8' }).trim();
const vtep = (words) => [process.execPath, MAIN, ...words.split(' ')];

const WITH_CERTIFICATES = [
  'node -e 0, with NODE_EXTRA_CA_CERTS',
  ['env', `NODE_EXTRA_CA_CERTS=${NODE_EXTRA_CA_CERTS}`, process.execPath, '-e', '0'],
];

function time([program, ...words]) {
  const before = performance.now();
  const { status, stderr, error } = spawnSync(program, words, { env, encoding: 'utf8' });
  const taken = performance.now() - before;
  if (status !== 0) throw new Error(`${words.join(' ')}: ${error?.message ?? stderr}`);
  return taken;
}

/** Medians, in ms. */
function measure(subjects) {
  const taken = subjects.map(() => []);
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [at, [, words]] of subjects.entries()) taken[at].push(time(words));
  }
  return taken.map((all) => all.sort((a, b) => a - b)[TURNS >> 1]);
}

/** While it runs, the shell that it has put before `ip` is there. */
const [node, ...exec] = vtep('exec -- sh -c');
let shells;

try {
  output(...vtep('-start link add vx0 type vxlan id 42 dstport 4789'));
  shells = spawn(node, [...exec, 'command -v ip; cat'], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const ip = String((await once(shells.stdout, 'data'))[0]).trim();
  const subjects = [
    ['node -e 0', [process.execPath, '-e', '0']],
    ...(NODE_EXTRA_CA_CERTS === undefined ? [] : [WITH_CERTIFICATES]),
    ['vtep link show', vtep('link show')],
    ['vtep -s -j link show vx0', vtep('-s -j link show vx0')],
    ['vtep link set vx0 mtu 1400', vtep('link set vx0 mtu 1400')],
    ['vtep fdb replace MAC dev vx0 dst IP', vtep('fdb replace 02:00:00:00:00:01 dev vx0 dst 192.0.2.1')],
    ['vtep fdb show', vtep('fdb show')],
    ['vtep config show', vtep('config show')],
    ['ip -d link show vx0, in vtep exec', [ip, '-d', 'link', 'show', 'vx0']],
  ];
  const medians = measure(subjects);
  for (const [at, [name]] of subjects.entries())
    console.log(`${medians[at].toFixed(0).padStart(4)} ms  ${name}`);
} finally {
  shells?.stdin.end();
  spawnSync(process.execPath, [MAIN, 'stop'], { env });
  rmSync(folder, { recursive: true, force: true });
}
