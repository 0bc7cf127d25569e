// What `npm test` runs after the build: every suite but fuzz. The netns suites need root and a few programs; where
// something is missing they are skipped with the reason, and with CI=true whatever would skip fails instead.
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

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
function count(report, status) {
  const files = report?.testResults ?? [];
  const unloaded = files.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  ).length;
  const failed = (report?.numFailedTests ?? 0) + unloaded;
  return {
    passed: report?.numPassedTests ?? 0,
    failed: failed === 0 && status !== 0 ? 1 : failed,
    skipped: (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0),
  };
}

/** In a network namespace of its own, so that a suite may make devices as it likes. */
const ALONE = ['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$0" "$@"'];

function runVitest(projects, prefix = []) {
  const folder = mkdtempSync(join(tmpdir(), 'vtep-test-'));
  const file = join(folder, 'report.json');
  try {
    const [command, ...words] = [...prefix, process.execPath];
    const status = run(
      command,
      [
        ...words,
        join(root, 'node_modules', 'vitest', 'vitest.mjs'),
        'run',
        ...projects.flatMap((project) => ['--project', project]),
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${file}`,
      ],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    );
    return count(existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null, status);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const obstacle = netnsObstacle();
const runs = [runVitest(['unit', 'native', 'package'])];
if (!obstacle) runs.push(runVitest(['netns'], ALONE));
const total = (name) => runs.reduce((sum, counts) => sum + counts[name], 0);
const [passed, failed, skipped] = ['passed', 'failed', 'skipped'].map(total);
const mayNotSkip = inCi && (obstacle !== '' || skipped > 0);
if (obstacle) console.log(`The suites of test/netns and test/forge were skipped: ${obstacle}.`);
if (mayNotSkip) console.log('Nothing may be skipped where CI=true, so this run counts as failed.');
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed > 0 || mayNotSkip ? 1 : 0;
