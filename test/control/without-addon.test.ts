/** Without the native part there is no TAP, and `vtep run` says so; the library works over node:dgram and memory. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vtep-bare-'));
  cpSync(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const node = (...words: string[]) =>
  spawnSync(process.execPath, words, { cwd: folder, encoding: 'utf8', timeout: 20_000 });

it('vtep run says what is missing', () => {
  const { status, stderr } = node('dist/cli/main.js', 'run', 'vx0', 'id', '42');
  expect(status).toBe(2);
  expect(stderr).toMatch(/^vtep: the native addon is missing, and without it there is no TAP/);
  expect(stderr).not.toContain('    at ');
});

it('two VTEPs speak over node:dgram', () => {
  const script = `
    import { DgramUdpPort, MemoryTap, Vtep } from './dist/index.js';
    const open = async (local, remote) => {
      const tap = new MemoryTap();
      const udp = await DgramUdpPort.open({ local, port: 14788 });
      return { tap, vtep: new Vtep({ vni: 42, port: 14788, tap, udp, remotes: [remote], local: [local] }) };
    };
    const a = await open('127.0.13.1', '127.0.13.2');
    const b = await open('127.0.13.2', '127.0.13.1');
    const learned = new Promise((resolve) => b.vtep.on('learn', resolve));
    const frame = new Uint8Array(60);
    frame.set([255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
    a.tap.send(frame);
    console.log(JSON.stringify(await learned), b.tap.take()?.length);
    await Promise.all([a.vtep.close(), b.vtep.close()]);
  `;
  writeFileSync(join(folder, 'example.mjs'), script);
  const { status, stdout, stderr } = node('example.mjs');
  expect(stderr).toBe('');
  expect(stdout).toBe('{"mac":"02:00:00:00:00:01","dst":"127.0.13.1"} 60\n');
  expect(status).toBe(0);
});
