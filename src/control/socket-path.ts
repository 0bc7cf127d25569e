/** Where the daemon of a network namespace listens: one path for each, so that none has to be named. */

import { statSync } from 'node:fs';
import { join } from 'node:path';

/** Of this process's network namespace, or of one that `ip netns` made. */
export function socketPath(namespace?: string): string {
  const file = namespace === undefined ? '/proc/self/ns/net' : join('/run/netns', namespace);
  return join(socketFolder(), `${statSync(file).ino}.sock`);
}

/** Root's, or the user's own. */
function socketFolder(): string {
  if (process.getuid?.() === 0) return '/run/vtep';
  const own = process.env.XDG_RUNTIME_DIR;
  if (own === undefined || own === '') {
    throw new Error(
      'XDG_RUNTIME_DIR is not set, so the control socket has no place: say --socket PATH or VTEP_SOCKET=PATH',
    );
  }
  return join(own, 'vtep');
}
