/** A file that cannot be read is a sentence with the errno's name, for people and for programs. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { LENGTH_MOST, readText } from '../../../src/config/file.ts';
import { Refusal } from '../../../src/control/refusal.ts';

const folder = mkdtempSync(join(tmpdir(), 'vtep-file-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function written(name: string, text: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

it('is read whole', async () => {
  expect(await readText(written('good', 'links: {}\n'))).toBe('links: {}\n');
});

it('is not there, or a folder', async () => {
  await expect(readText('/none')).rejects.toThrow(new Refusal('ENOENT', '/none cannot be read'));
  await expect(readText(folder)).rejects.toThrow(new Refusal('EISDIR', `${folder} cannot be read`));
});

it('is no text, or too long, or without an end', async () => {
  const binary = written('binary', Buffer.from([0xff, 0xfe, 0]));
  await expect(readText(binary)).rejects.toThrow(`${binary} cannot be read: it is no UTF-8 text`);
  const tooLong = `cannot be read: it is longer than ${LENGTH_MOST} bytes`;
  await expect(readText(written('long', '#'.repeat(LENGTH_MOST + 1)))).rejects.toThrow(tooLong);
  await expect(readText('/dev/zero')).rejects.toThrow(tooLong);
});
