/** Bytes from host to host; the hashes of both sides. */
import { once } from 'node:events';
import { join } from 'node:path';
import type { Place } from './netns.ts';
import { waitFor } from './wait-for.ts';

const SCRIPT = join(import.meta.dirname, 'transfer.py');
const PYTHON = '/usr/bin/python3';
export const TRANSFER_PORT = 5999;

export interface Transfer {
  from: Place;
  to: Place;
  address: string;
  protocol: 'tcp' | 'udp';
  size: number;
  count?: number;
  port?: number;
  /** The receiver has a small buffer, and takes its time. */
  slow?: boolean;
  /** Bytes a second at most, so that a capture keeps up; 0: as fast as it goes. */
  rate?: number;
}

export async function transfer({
  from,
  to,
  address,
  protocol,
  size,
  count = 1,
  port = TRANSFER_PORT,
  slow = false,
  rate = 0,
}: Transfer): Promise<[string, string]> {
  const words = [protocol, address, `${port}`, `${size}`, `${count}`, `${rate}`];
  const listener = to.spawn(PYTHON, SCRIPT, slow ? 'listen-slowly' : 'listen', ...words);
  let heard = '';
  listener.stdout?.on('data', (chunk) => {
    heard += chunk;
  });
  await waitFor(() => heard.includes('listening'), 'the receiver');
  const closed = once(listener, 'close');
  const sent = await from.run(PYTHON, SCRIPT, 'send', ...words);
  await closed;
  return [sent.trim(), heard.replace('listening\n', '').trim()];
}
