/** A file is there as it was or as it shall be, never half: not after a crash, not on a full disk. */

import {
  closeSync,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

const MODE = 0o644;

export function writeAtomically(path: string, text: string): void {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true });
  const beside = join(folder, `.${basename(path)}.new`);
  try {
    const file = openSync(beside, 'w', MODE);
    try {
      fchmodSync(file, MODE); // whatever the umask is
      for (let rest = Buffer.from(text); rest.length > 0; ) rest = rest.subarray(writeSync(file, rest));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  }
}

/** `otherwise`: what follows from its not being written, for the sentence that is thrown then. */
export function writeIfOther(path: string, text: string, otherwise: string): void {
  if (textIn(path) === text) return;
  try {
    writeAtomically(path, text);
  } catch (error) {
    throw new Error(`${path} cannot be written: ${otherwise} (${(error as NodeJS.ErrnoException).code})`);
  }
}

function textIn(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
