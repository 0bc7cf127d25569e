/**
 * More than it can carry: the worker that is behind goes before those who send, and is as nice as they are when it has
 * caught up; and its TAP has room for more from then on.
 *
 *   a [ vx0 10.0.0.1 ] 192.0.2.1 ──── 192.0.2.2 b, where nobody listens
 */
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, getPriority } from 'node:os';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Host, Lab } from '../support/netns.ts';
import { VtepProcess } from '../support/vtep-process.ts';
import { waitFor } from '../support/wait-for.ts';

/** Python: datagrams as fast as they go, for some seconds at most. */
const FLOOD = `
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("10.0.0.2", 9))
end = time.monotonic() + 8
while time.monotonic() < end:
    for _ in range(1000):
        s.send(b"x")
`;

const lab = new Lab();
let a: Host;
beforeAll(() => {
  a = lab.host('a');
  const b = lab.host('b');
  lab.cable(a, ['192.0.2.1/24'], b, ['192.0.2.2/24']);
});
afterAll(() => lab.close());

/** The priorities of its threads. */
function levels({ pid }: VtepProcess): number[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const fields = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8').split(') ')[1].split(' ');
    return Number(fields[16]);
  });
}

async function room(): Promise<number> {
  return JSON.parse(await a.run('ip', '-j', 'link', 'show', 'vx0'))[0].txqlen;
}

it.each([
  ['', -5, 1000, 2000],
  [' --nice -3', -3, 300, 300],
])(
  'a worker that is behind goes first, and has more room unless somebody has set it:%s',
  async (words, nice, queue, most) => {
    const how = `vx0 id 42 remote 192.0.2.2 up address 10.0.0.1/24${words}`;
    const vtep = await VtepProcess.start(a, how);
    a.ip('neigh replace 10.0.0.2 lladdr 02:00:00:00:00:02 dev vx0');
    if (queue !== 1000) a.ip(`link set vx0 txqueuelen ${queue}`);
    expect(new Set(levels(vtep))).toEqual(new Set([getPriority()]));
    expect(await room()).toBe(queue);
    const senders = Array.from({ length: availableParallelism() + 1 }, () =>
      a.spawn('/usr/bin/python3', '-c', FLOOD),
    );
    const ended = senders.map((sender) => once(sender, 'close'));
    await waitFor(
      () => levels(vtep).filter((level) => level === nice).length === 1,
      'a worker that goes first',
    );
    await waitFor(async () => (await room()) === most, 'its room');
    for (const sender of senders) sender.kill();
    await Promise.all(ended);
    await waitFor(async () => {
      await a.ping('10.0.0.2', '-c', '20', '-i', '0.02', '-W', '0.1');
      return levels(vtep).every((level) => level === getPriority());
    }, 'a worker that has caught up');
    await vtep.stop();
  },
);
