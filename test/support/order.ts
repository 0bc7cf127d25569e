/** UDP flows both ways between two hosts, their datagrams numbered (`order.py`): what arrived, and what came late. */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { Host } from './netns.ts';
import { waitFor } from './wait-for.ts';

const SCRIPT = join(import.meta.dirname, 'order.py');

export interface Arrived {
  arrived: number;
  /** Flows of which anything arrived. */
  flows: number;
  /** Behind a later one of their flow. */
  late: number;
}

interface Side {
  child: ChildProcess;
  said: string;
}

function start(host: Host, words: string[]): Side {
  const side = { child: host.spawn('/usr/bin/python3', SCRIPT, ...words), said: '' };
  for (const stream of [side.child.stdout, side.child.stderr]) {
    stream?.on('data', (chunk) => {
      side.said += chunk;
    });
  }
  return side;
}

/** What arrived at `b`, and at `a`. */
export async function sendBothWays(
  [a, addressA]: [Host, string],
  [b, addressB]: [Host, string],
  flows: number,
  count: number,
): Promise<[Arrived, Arrived]> {
  const amount = [`${flows}`, `${count}`];
  const sides = [
    start(b, ['second', addressB, addressA, ...amount]),
    start(a, ['first', addressA, addressB, ...amount]),
  ];
  for (const side of sides) await waitFor(() => side.said.includes('ready'), 'the flows of one side');
  for (const side of sides) side.child.stdin?.write('go\n');
  const ended = () => sides.every(({ child }) => child.exitCode !== null);
  await waitFor(ended, 'the flows to end', 60_000);
  const [atB, atA] = sides.map(({ said }) => JSON.parse(said.replace('ready\n', '')) as Arrived);
  return [atB, atA];
}
