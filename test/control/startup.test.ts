/** How a verb starts: what Node loads for it, and how much more that costs than to start Node alone. */
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
  ['config show', [MAIN, 'config', 'show']],
  ['ip link', [DROP_IN, 'ip', '/bin/true', '-d', 'link', 'show', 'vx0']],
] as const;

interface Started {
  /** Files of ours. */
  files: string[];
  /** Node's own modules and bindings. */
  parts: string[];
  /** What it cost, in microseconds of a processor. */
  cost: number;
}

let folder: string;
let daemon: FakeDaemon;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vtep-startup-'));
  const tell = `process.on('exit', () => {
    const { user, system } = process.cpuUsage();
    const files = Object.keys(require.cache).slice(1);
    const told = { files, parts: process.moduleLoadList, cost: user + system };
    require('node:fs').writeFileSync(process.env.TOLD, JSON.stringify(told));
  });`;
  writeFileSync(join(folder, 'tell.cjs'), tell);
  daemon = await fakeDaemon();
  env = { ...process.env, VTEP_SOCKET: daemon.path, TOLD: join(folder, 'told') };
  // Node 20 would read them at each start, for longer than all the rest takes
  delete env.NODE_EXTRA_CA_CERTS;
});
afterAll(async () => {
  await daemon.close();
  rmSync(folder, { recursive: true, force: true });
});

async function start(...words: readonly string[]): Promise<Started> {
  const all = ['--require', join(folder, 'tell.cjs'), ...words];
  const child = spawn(process.execPath, all, { env, stdio: 'ignore' });
  await new Promise((resolve) => child.once('exit', resolve));
  return JSON.parse(readFileSync(join(folder, 'told'), 'utf8'));
}

describe.each(VERBS)('%s', (_, words) => {
  it('loads one file of ours, and little of what Node has', async () => {
    const alone = await start('-e', '0');
    const { files, parts } = await start(...words);
    expect(files).toEqual([words[0]]);
    const more = parts.filter((part) => !alone.parts.includes(part));
    expect(more).toContain('NativeModule net');
    expect(more.join()).not.toMatch(/esm|worker|crypto|readline|fs\/promises/);
    expect(more.length).toBeLessThan(50);
  });
});

describe('a verb', () => {
  it('costs little more than Node alone', async () => {
    const alone: number[] = [];
    const verb: number[] = [];
    for (let turn = 0; turn < 12; turn++) {
      alone.push((await start('-e', '0')).cost);
      verb.push((await start(MAIN, 'link', 'show')).cost);
    }
    // 1.6 on two busy cores, and 2.5 when each module was a file of its own; others disturb the cheapest of each least
    expect(Math.min(...verb) / Math.min(...alone)).toBeLessThan(2.1);
  });

  it('that is a module beside the others fails as they do', () => {
    const { status, stderr } = spawnSync(process.execPath, [MAIN, 'run', 'vx0'], { env, encoding: 'utf8' });
    expect(stderr).toMatch(/^vtep: the VNI is missing.*\nform: vtep run NAME id VNI /);
    expect(status).toBe(2);
  });
});
