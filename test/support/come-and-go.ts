/** Links with TAPs, made and deleted one after another in a daemon, and what the daemon holds before and after. */
import { readdirSync, readFileSync } from 'node:fs';
import { Client } from '../../src/control/client.ts';
import { DaemonProcess } from './daemon-process.ts';
import type { Host, Lab } from './netns.ts';
import { threadStates } from './process-state.ts';

/** By then all that is made once is there. */
const FIRST = 300;

export interface Held {
  /** In kB. */
  memory: number;
  descriptors: number;
  threads: number;
}

function heldBy(pid: number): Held {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    memory: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]),
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: threadStates(pid).length,
  };
}

/** V8 lets its heap grow for long where nobody holds it short, and malloc for each thread: then a leak is not seen. */
async function startShort(lab: Lab, host: Host): Promise<DaemonProcess> {
  const { NODE_OPTIONS, MALLOC_ARENA_MAX } = process.env;
  Object.assign(process.env, {
    NODE_OPTIONS: '--max-semi-space-size=1 --max-old-space-size=20',
    MALLOC_ARENA_MAX: '2',
  });
  try {
    return await DaemonProcess.start(lab, host, '--log-level', 'warn');
  } finally {
    for (const [name, value] of Object.entries({ NODE_OPTIONS, MALLOC_ARENA_MAX })) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

/** Returns what was held after the first of them, and after `count` more; throws what the daemon refuses. */
export async function comeAndGo(lab: Lab, host: Host, count: number): Promise<[before: Held, after: Held]> {
  const daemon = await startShort(lab, host);
  const client = await Client.connect(daemon.socket);
  const answers = client.answers();
  const many = async (times: number) => {
    for (let i = 1; i <= times; i++) {
      client.send('link add', { name: 'vx', id: i, remotes: ['192.0.2.2'], dev: 'eth0', up: true });
      client.send('fdb add', { dev: 'vx', mac: '02:00:00:00:00:01', dst: '192.0.2.3' });
      client.send('link del', { name: 'vx' });
      for (let answered = 0; answered < 3; answered++) {
        const { value } = await answers.next();
        if (!value || 'error' in value) throw new Error(value?.error.message ?? 'the daemon has closed');
      }
    }
    return heldBy(daemon.pid);
  };
  const held: [Held, Held] = [await many(FIRST), await many(count)];
  client.close();
  await daemon.end();
  return held;
}
