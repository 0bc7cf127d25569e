/** The text of a configuration's file. */

import { open } from 'node:fs/promises';
import { Refusal } from '../control/refusal.ts';

/** Where a file is meant and none is named. */
export const DEFAULT_PATH = '/etc/vtep/vtep.yaml';

/** About as much as 100,000 entries are. */
export const LENGTH_MOST = 4 << 20;

/** Throws a sentence with the path. */
export async function readText(path: string): Promise<string> {
  try {
    const bytes = await readBytes(path);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    const { code, errno, message } = error as NodeJS.ErrnoException;
    if (code !== undefined && errno !== undefined) throw new Refusal(code, `${path} cannot be read`);
    const why = code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'it is no UTF-8 text' : message;
    throw new Error(`${path} cannot be read: ${why}`);
  }
}

/** No more than may be, whatever it is: it could be a device without an end. */
async function readBytes(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const pieces: Buffer[] = [];
    let length = 0;
    while (length <= LENGTH_MOST) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(1 << 16), 0, 1 << 16, null);
      if (bytesRead === 0) return Buffer.concat(pieces);
      pieces.push(buffer.subarray(0, bytesRead));
      length += bytesRead;
    }
    throw new Error(`it is longer than ${LENGTH_MOST} bytes; a large FDB comes by \`vtep -batch\``);
  } finally {
    await file.close();
  }
}
