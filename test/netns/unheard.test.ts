/**
 * What carries traffic goes on when nothing that it says can be written: the disk of its log is full, or whoever read it
 * has gone, and the folder where it was begun as well. And SIGUSR2 ends it at no time.
 *
 *   a [ vtep >/dev/full 2>/dev/full ]
 */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Host, Lab } from '../support/netns.ts';
import { MAIN } from '../support/vtep-process.ts';
import { waitFor } from '../support/wait-for.ts';

const WAYS = {
  'a log on a full disk': '>/dev/full 2>/dev/full',
  'a reader who has gone': '> >(true) 2> >(true)',
  'everything closed': '<&- >&- 2>&-',
};
const CARRIERS = {
  'vtep run': 'run vx0 id 42 remote 192.0.2.2',
  'vtep daemon': 'daemon --log-level debug',
};
const CASES = Object.keys(CARRIERS).flatMap((carrier) =>
  Object.keys(WAYS).map((way) => [carrier, way] as const),
);

describe('unheard', () => {
  const lab = new Lab();
  let host: Host;
  beforeAll(() => {
    host = lab.host('a');
  });
  afterAll(() => lab.close());

  async function start(carrier: keyof typeof CARRIERS, way: string): Promise<ChildProcess> {
    const line = `cd "$(mktemp -d)" && rmdir "$PWD" && exec "${process.execPath}" "${MAIN}" ${CARRIERS[carrier]} --socket ${socket} ${way}`;
    const child = host.spawn('bash', '-c', line);
    await waitFor(
      () =>
        child.exitCode !== null ||
        verb('link show').then(
          () => true,
          () => false,
        ),
      'its socket',
    );
    expect(child.exitCode).toBeNull();
    return child;
  }

  const socket = join(lab.folder(), 'vtep.sock');
  const verb = (words: string) => host.run(process.execPath, MAIN, '--socket', socket, ...words.split(' '));

  it.each(CASES)('%s goes on, with %s', async (carrier, way) => {
    const child = await start(carrier as keyof typeof CARRIERS, WAYS[way as keyof typeof WAYS]);
    if (carrier === 'vtep daemon') await verb('link add vx0 type vxlan id 42 remote 192.0.2.2');
    // both write what they know then
    child.kill('SIGUSR2');
    await verb('link set vx0 ttl 5');
    expect(await verb('-d link show vx0')).toContain(' ttl 5 ');
    child.kill('SIGTERM');
    await waitFor(() => child.exitCode !== null || child.signalCode !== null, 'its end');
    expect([child.exitCode, child.signalCode]).toEqual([0, null]);
  });
});
