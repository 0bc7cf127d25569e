/** A daemon that ends at the moment in which it is asked has no links. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Here } from '../../../../src/cli/drop-in/here.ts';
import { PROTOCOL } from '../../../../src/control/protocol.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vtep-here-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

it('knows none of its links', async () => {
  const path = join(folder, 'control.sock');
  let asked = 0;
  const server = createServer((socket) => {
    socket.write(`${JSON.stringify({ protocol: PROTOCOL })}\n`);
    socket.once('data', () => {
      asked++;
      socket.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  vi.stubEnv('VTEP_SOCKET', path);
  const here = await Here.find();
  expect(await here?.link('vx0')).toBe(undefined);
  expect(asked).toBe(1);
  here?.close();
  server.close();
});
