// What `npm test` runs after the build: every suite but fuzz. The netns suites need root and a few programs; where
// something is missing they are skipped with the reason, and with CI=true whatever would skip fails instead.
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, relative } from 'node:path';

const root = dirname(import.meta.dirname);
const inCi = process.env.CI === 'true';
const forge = join(root, 'test', 'forge');

/** The programs that the netns suites call, and the Debian package of each. */
const PROGRAMS = {
  ip: 'iproute2',
  ping: 'iputils-ping',
  tcpdump: 'tcpdump',
  tshark: 'tshark',
  iperf3: 'iperf3',
  ethtool: 'ethtool',
  nft: 'nftables',
  setpriv: 'util-linux',
  capsh: 'libcap2-bin',
  zsh: 'zsh',
  fish: 'fish',
  etcd: 'etcd-server',
  faketime: 'faketime',
  openssl: 'openssl',
};

function isProgram(name) {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.some((folder) => existsSync(join(folder, name)));
}

function run(command, words, options = {}) {
  return spawnSync(command, words, { cwd: root, stdio: 'ignore', ...options }).status;
}

function canMakeNamespace() {
  const name = `vtep-test-${process.pid}`;
  return run('ip', ['netns', 'add', name]) === 0 && run('ip', ['netns', 'del', name]) === 0;
}

function canOpenTun() {
  try {
    closeSync(openSync('/dev/net/tun', 'r+'));
    return true;
  } catch {
    return false;
  }
}

/** raw-socket is bound to one version of Node, so loading it is the only good question. */
function hasForge() {
  return (
    run(process.execPath, ['-e', "import('raw-socket').catch(() => process.exit(1))"], { cwd: forge }) === 0
  );
}

/** Compiled by node-gyp: against the headers that came with this node, where they did, instead of a download. */
function installForge() {
  const prefix = dirname(dirname(process.execPath));
  const headers = existsSync(join(prefix, 'include', 'node', 'node_api.h'))
    ? { npm_config_nodedir: prefix }
    : {};
  const npm = run('npm', ['ci', '--loglevel=error'], {
    cwd: forge,
    env: { ...process.env, ...headers },
    stdio: ['ignore', 2, 2],
  });
  return npm === 0 && hasForge();
}

/** Why the netns suites cannot run here, as the end of a sentence; empty when they can. */
function netnsObstacle() {
  if (process.getuid() !== 0) return 'they need root';
  const missing = Object.keys(PROGRAMS).filter((name) => !isProgram(name));
  if (missing.length > 0) {
    const packages = missing.map((name) => PROGRAMS[name]);
    return `${missing.join(', ')} not found: \`apt-get install ${packages.join(' ')}\``;
  }
  if (!canMakeNamespace()) return 'network namespaces cannot be made here (`ip netns add` fails)';
  if (!canOpenTun()) return '/dev/net/tun cannot be opened';
  if (!hasForge() && !installForge()) {
    return 'raw-socket could not be compiled in test/forge: `apt-get install python3 make g++`';
  }
  return '';
}

/** A file that failed to load, or an error outside of every test, is a failure too. */
function count(files, status) {
  const has = (wanted) =>
    files.flatMap((file) => file.assertionResults).filter((each) => wanted.includes(each.status)).length;
  const unloaded = files.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
  const failed = has(['failed']) + unloaded.length;
  return {
    passed: has(['passed']),
    failed: failed === 0 && status !== 0 ? 1 : failed,
    skipped: has(['pending', 'skipped', 'todo', 'disabled']),
  };
}

/** In a network namespace of its own, so that a suite may make devices as it likes. */
const ALONE = ['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$0" "$@"'];

/** What vitest says of each file, and its exit code. */
function runVitest(projects, prefix, only = []) {
  const folder = mkdtempSync(join(tmpdir(), 'vtep-test-'));
  const report = join(folder, 'report.json');
  try {
    const [command, ...words] = [...prefix, process.execPath];
    const status = run(
      command,
      [
        ...words,
        join(root, 'node_modules', 'vitest', 'vitest.mjs'),
        'run',
        ...only,
        ...projects.flatMap((project) => ['--project', project]),
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${report}`,
      ],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    );
    const files = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')).testResults : [];
    return { status, files };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Much here is timed against a kernel on a machine that others may share: where a few files failed they are run once
 * more, alone, and it is said. Where many did it is no accident.
 */
const SECOND_TRIES_MOST = 3;
const secondTries = [];

function runTests(projects, prefix = []) {
  const first = runVitest(projects, prefix);
  const failed = first.files.filter((file) => file.status === 'failed');
  if (failed.length === 0 || failed.length > SECOND_TRIES_MOST) return count(first.files, first.status);
  const names = failed.map((file) => relative(root, file.name));
  console.log(`\nFailed, and run once more: ${names.join(', ')}`);
  const second = runVitest(projects, prefix, names);
  secondTries.push(...names);
  const others = first.files.filter((file) => !failed.includes(file));
  return count([...others, ...second.files], second.status);
}

const obstacle = netnsObstacle();
const runs = [runTests(['unit', 'native', 'package'])];
if (!obstacle) runs.push(runTests(['netns'], ALONE));
const total = (name) => runs.reduce((sum, counts) => sum + counts[name], 0);
const [passed, failed, skipped] = ['passed', 'failed', 'skipped'].map(total);
const mayNotSkip = inCi && (obstacle !== '' || skipped > 0);
if (obstacle) console.log(`The suites of test/netns and test/forge were skipped: ${obstacle}.`);
if (mayNotSkip) console.log('Nothing may be skipped where CI=true, so this run counts as failed.');
if (secondTries.length > 0) console.log(`Run twice, as they failed at first: ${secondTries.join(', ')}`);
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed > 0 || mayNotSkip ? 1 : 0;
