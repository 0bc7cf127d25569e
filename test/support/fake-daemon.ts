/** A daemon that only writes down what it is asked, and answers as the test says: the socket is the real one. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Verb, Verbs } from '../../src/control/protocol.ts';
import { serve } from '../../src/daemon/server.ts';

export type Answers = { [V in Verb]?: (args: Verbs[V]['args']) => unknown };

export interface FakeDaemon {
  path: string;
  requests: { verb: string; args: unknown }[];
  close(): Promise<void>;
}

/** A verb that is not among `answers` is carried out without a word. */
export async function fakeDaemon(answers: Answers = {}): Promise<FakeDaemon> {
  const folder = mkdtempSync(join(tmpdir(), 'vtep-fake-'));
  const requests: FakeDaemon['requests'] = [];
  const server = await serve(join(folder, 'control.sock'), '0.0.0', (verb, args) => {
    requests.push({ verb, args });
    return (answers as Record<string, ((args: unknown) => unknown) | undefined>)[verb]?.(args);
  });
  return {
    path: server.path,
    requests,
    async close() {
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
