/**
 * A machine that has node, npm and a shell, and nothing else: the checkout installs there, builds once a C compiler
 * comes, and its tarball runs in an empty folder without one. The steps stand in order and build upon each other.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');
const NOT_TRACKED = ['.git', 'node_modules', 'build', 'dist', 'prebuilds'];
const ADDON = join('prebuilds', `linux-${process.arch}`, 'vtep.node');

const folder = mkdtempSync(join(tmpdir(), 'vtep-package-'));
const checkout = join(folder, 'checkout');
const empty = join(folder, 'empty');
const bare = join(folder, 'bare');
const withCompiler = join(folder, 'with-compiler');

function which(name: string): string {
  return execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
}

/** A folder to be all of PATH. */
function makeBin(path: string, names: string[]): void {
  mkdirSync(path);
  for (const name of names) symlinkSync(name === 'node' ? process.execPath : which(name), join(path, name));
}

/** What this machine needs to reach a registry at all; everything else of its npm settings stays away. */
function registryAccess(): Record<string, string> {
  const keys = ['registry', 'cafile', 'proxy', 'https-proxy'];
  const lines = execFileSync('npm', ['config', 'get', ...keys], { encoding: 'utf8' })
    .trim()
    .split('\n');
  const pairs = lines.map((line) => line.split(/=(.*)/, 2)).filter(([, value]) => value && value !== 'null');
  return Object.fromEntries(pairs.map(([key, value]) => [`npm_config_${key}`, value]));
}

/** Not the environment of this test: npm hands its own settings down to what it runs. */
function environment(path: string): NodeJS.ProcessEnv {
  const { HOME, NODE_EXTRA_CA_CERTS, https_proxy, HTTPS_PROXY } = process.env;
  return {
    HOME,
    NODE_EXTRA_CA_CERTS,
    https_proxy,
    HTTPS_PROXY,
    ...access,
    PATH: path,
    NPM_CONFIG_USERCONFIG: join(folder, 'user-npmrc'),
    NPM_CONFIG_GLOBALCONFIG: join(folder, 'global-npmrc'),
    NPM_CONFIG_PREFER_OFFLINE: 'true',
  };
}

function run(path: string, cwd: string, command: string) {
  const [program, ...words] = command.split(' ');
  const file = program.includes('/') ? join(cwd, program) : join(path, program);
  return spawnSync(file, words, { cwd, env: environment(path), encoding: 'utf8' });
}

function succeed(path: string, cwd: string, command: string): string {
  const { status, stdout, stderr } = run(path, cwd, command);
  expect(status, `${command}: ${stderr}${stdout}`).toBe(0);
  return stdout;
}

let access: Record<string, string> = {};

beforeAll(() => {
  access = registryAccess();
  const isTracked = (path: string) => path === ROOT || !NOT_TRACKED.includes(basename(path));
  cpSync(ROOT, checkout, { recursive: true, filter: isTracked });
  mkdirSync(empty);
  // npm refuses one file in both places.
  writeFileSync(join(folder, 'user-npmrc'), '');
  writeFileSync(join(folder, 'global-npmrc'), '');
  makeBin(bare, ['node', 'npm', 'sh']);
  makeBin(withCompiler, ['node', 'npm', 'sh', 'cc', 'as', 'ld']);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('installs with node, npm and sh alone, and no npm settings', () => {
  succeed(bare, checkout, 'npm ci');
});

it('says in one sentence that a C compiler is missing', () => {
  const { status, stdout, stderr } = run(bare, checkout, 'npm run -s build');
  expect(stderr + stdout).toBe(
    'No C compiler: "cc" cannot be run. `apt-get install gcc libc6-dev` brings one.\n',
  );
  expect(status).toBe(1);
});

it('builds with a C compiler more', () => {
  succeed(withCompiler, checkout, 'npm run -s build');
  expect(readdirSync(join(checkout, 'build'))).toEqual(['vtep.node']);
});

it('packs a tarball that installs in an empty folder without a compiler', () => {
  succeed(withCompiler, checkout, `npm pack --pack-destination ${empty}`);
  const [tarball] = readdirSync(empty);
  succeed(bare, empty, `npm install ./${tarball}`);
  expect(readdirSync(join(empty, 'node_modules', 'vtep'))).not.toContain('test');
});

it('runs there as a command', () => {
  expect(succeed(bare, empty, './node_modules/.bin/vtep --help')).toContain('vtep run NAME id VNI');
  expect(succeed(bare, empty, './node_modules/.bin/vtep config schema')).toMatch(/^{\n {2}"/);
});

it('brings the addon and the library there', () => {
  const program = [
    `const addon = { exports: {} };`,
    `process.dlopen(addon, ${JSON.stringify(join(empty, 'node_modules', 'vtep', ADDON))});`,
    `import('vtep').then((vtep) => console.log(Object.keys(addon.exports).length, Object.keys(vtep).length));`,
  ];
  writeFileSync(join(empty, 'load.js'), program.join('\n'));
  expect(succeed(bare, empty, 'node load.js')).toMatch(/^[1-9]\d* [1-9]\d*\n$/);
});

it('needs no newer glibc than the README says', () => {
  const addon = readFileSync(join(checkout, ADDON), 'latin1');
  const needed = Math.max(...Array.from(addon.matchAll(/GLIBC_2\.(\d+)/g), ([, minor]) => Number(minor)));
  const stated = readFileSync(join(checkout, 'README.md'), 'utf8').match(/glibc >= 2\.(\d+)/);
  expect(needed).toBeLessThanOrEqual(Number(stated?.[1]));
});
