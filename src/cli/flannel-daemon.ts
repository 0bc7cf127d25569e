/** The daemon that carries a node's tunnels: the namespace's own, or one that is named; and the right to have one. */

import { readFileSync } from 'node:fs';
import { Client, NoDaemon } from '../control/client.ts';
import { Refusal } from '../control/refusal.ts';
import { socketPath } from '../control/socket-path.ts';

const CAP_NET_ADMIN = 12n;

/** `start`: where none runs, one that ends with the last link. */
export async function connectDaemon(socket: string | undefined, start: boolean): Promise<Client> {
  const path = socket ?? socketPath();
  try {
    return await Client.connect(path);
  } catch (error) {
    if (!(error instanceof NoDaemon) || !start) throw error;
  }
  const { startDaemon } = await import('./start-daemon.ts');
  return startDaemon(path, { words: ['--until-empty'] });
}

export function refuseUnprivileged(): void {
  const [, bits = '0'] = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  if ((BigInt(`0x${bits}`) >> CAP_NET_ADMIN) & 1n) return;
  throw new Refusal(
    'EPERM',
    'a node makes interfaces and routes: that needs root, or the capability NET_ADMIN',
  );
}
