/** How a verb starts: what Node loads for it, and how much longer that takes than to start Node alone. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FakeDaemon, fakeDaemon } from '../support/fake-daemon.ts';
import { MAIN } from '../support/vtep-process.ts';

const DROP_IN = join(dirname(MAIN), 'drop-in.js');
const VERBS = [
  ['link show', [MAIN, 'link', 'show']],
  ['fdb add', [MAIN, 'fdb', 'add', '02:00:00:00:00:01', 'dev', 'vx0', 'dst', '192.0.2.1']],
  ['ip link', [DROP_IN, 'ip', '/bin/true', '-d', 'link', 'show', 'vx0']],
] as const;

interface Loaded {
  /** Of ours. */
  files: string[];
  /** Node's own modules and bindings. */
  parts: string[];
}

let folder: string;
let daemon: FakeDaemon;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vtep-startup-'));
  const tell = `process.on('exit', () => require('node:fs').writeFileSync(process.env.TOLD,
    JSON.stringify({ files: Object.keys(require.cache).slice(1), parts: process.moduleLoadList })))`;
  writeFileSync(join(folder, 'tell.cjs'), tell);
  daemon = await fakeDaemon();
  env = { ...process.env, VTEP_SOCKET: daemon.path, TOLD: join(folder, 'told') };
  // Node would read them at each start, for longer than all the rest takes
  delete env.NODE_EXTRA_CA_CERTS;
});
afterAll(async () => {
  await daemon.close();
  rmSync(folder, { recursive: true, force: true });
});

/** How long it took, in ms. */
async function start(...words: readonly string[]): Promise<number> {
  const before = performance.now();
  const child = spawn(process.execPath, words, { env, stdio: 'ignore' });
  await new Promise((resolve) => child.once('exit', resolve));
  return performance.now() - before;
}

async function loadedBy(...words: readonly string[]): Promise<Loaded> {
  await start('--require', join(folder, 'tell.cjs'), ...words);
  return JSON.parse(readFileSync(join(folder, 'told'), 'utf8'));
}

describe.each(VERBS)('%s', (_, words) => {
  it('loads one file of ours, and little of what Node has', async () => {
    const alone = await loadedBy('-e', '0');
    const { files, parts } = await loadedBy(...words);
    expect(files).toEqual([words[0]]);
    const more = parts.filter((part) => !alone.parts.includes(part));
    expect(more).toContain('NativeModule net');
    expect(more.join()).not.toMatch(/esm|worker|crypto|readline|fs\/promises/);
    expect(more.length).toBeLessThan(50);
  });
});

describe('a verb', () => {
  it('has started soon after Node', async () => {
    const alone: number[] = [];
    const verb: number[] = [];
    for (let turn = 0; turn < 15; turn++) {
      alone.push(await start('-e', '0'));
      verb.push(await start(MAIN, 'link', 'show'));
    }
    // 1.7 on two cores; 2.5 when each module was a file of its own. Who else is busy disturbs the least of them least
    expect(Math.min(...verb) / Math.min(...alone)).toBeLessThan(2.2);
  });

  it('of another command that is a module beside it fails as if it were of the same file', () => {
    const { status, stderr } = spawnSync(process.execPath, [MAIN, 'run', 'vx0'], { env, encoding: 'utf8' });
    expect(stderr).toMatch(/^vtep: the VNI is missing.*\nform: vtep run NAME id VNI /);
    expect(status).toBe(2);
    const none = spawnSync(process.execPath, [MAIN, '-socket', join(folder, 'none'), 'config', 'show'], {
      env,
      encoding: 'utf8',
    });
    expect(none.stderr).toMatch(/^vtep: no daemon listens/);
    expect(none.status).toBe(1);
  });
});
