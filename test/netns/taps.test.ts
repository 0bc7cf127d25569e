/**
 * TAPs that are there before us, and what happens to a TAP while we run.
 *
 *   a [ vx0 ] 192.0.2.1 ──── 192.0.2.2 [ vx0 of the kernel ] b
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Host, Lab } from '../support/netns.ts';
import { threadStates } from '../support/process-state.ts';
import { failing, TRANSPORTS, VtepProcess } from '../support/vtep-process.ts';
import { waitFor } from '../support/wait-for.ts';

/** Clock ticks of CPU time that a process has used. */
function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

/** How often, of looks at it while something goes on, one of a process's threads ran, or waited for a core. */
async function shareAwake(pid: number, meanwhile: Promise<unknown>): Promise<number> {
  let goesOn = true;
  meanwhile.finally(() => {
    goesOn = false;
  });
  let [looks, awake] = [0, 0];
  while (goesOn) {
    const states = threadStates(pid);
    looks++;
    if (states.includes('R')) awake++;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return awake / looks;
}

describe.each(TRANSPORTS)('TAPs, --transport %s', (transport) => {
  const lab = new Lab();
  let a: Host;
  let b: Host;
  const words = `vx0 id 42 remote 192.0.2.2 --transport ${transport}`;
  const link = async () =>
    (await a.json<Record<string, unknown>[]>('ip', '-j', '-d', 'link', 'show', 'vx0'))[0];
  beforeAll(() => {
    a = lab.host('a');
    b = lab.host('b');
    lab.cable(a, ['192.0.2.1/24'], b, ['192.0.2.2/24']);
    b.ip(
      'link add vx0 type vxlan id 42 remote 192.0.2.1 dstport 4789 dev eth0',
      'address add 10.0.0.2/24 dev vx0',
    );
    b.ip('link set vx0 up');
  });
  afterAll(() => lab.close());

  it.each(['', ' multi_queue'])('attaches to a persistent TAP%s and leaves it as it was', async (queues) => {
    a.ip(`tuntap add dev vx0 mode tap${queues}`, 'address add 10.0.0.1/24 dev vx0');
    const before = await link();
    const vtep = await VtepProcess.start(
      a,
      `${words} up address 10.0.0.9/24 mtu 1400 address 02:00:00:00:00:77`,
    );
    expect(await link()).toMatchObject({ mtu: 1400, address: '02:00:00:00:00:77' });
    expect(await a.ping('10.0.0.2')).toBe(2);
    expect((await vtep.stop()).code).toBe(0);
    const after = await link();
    expect({ mtu: after.mtu, address: after.address, flags: after.flags }).toEqual({
      mtu: before.mtu,
      address: before.address,
      flags: before.flags,
    });
    const addresses = await a.run('ip', 'address', 'show', 'vx0');
    expect(addresses).toContain('10.0.0.1/24');
    expect(addresses).not.toContain('10.0.0.9/24');
    a.ip('link del vx0');
  });

  it('leaves a TAP to the one that holds it', async () => {
    const first = await VtepProcess.start(a, `${words} up address 10.0.0.1/24`);
    const { code, stderr } = await failing(a, `vx0 id 43 dstport 4790 --transport ${transport}`);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^vtep: the TAP vx0 cannot be opened \(EBUSY\): another process holds it$/m);
    expect(await a.ping('10.0.0.2')).toBe(2);
    await first.stop();
  });

  it('ends with a sentence when its TAP is deleted', async () => {
    const vtep = await VtepProcess.start(a, `${words} up`);
    a.ip('link del vx0');
    const { code, stderr } = await vtep.ended();
    expect(code).toBe(1);
    expect(stderr).toMatch(/^vtep: the TAP is gone \(E[A-Z]+\)$/m);
  });

  it('waits without spinning while its TAP is down, and goes on when it is up again', async () => {
    const vtep = await VtepProcess.start(a, `${words} up address 10.0.0.1/24`);
    expect(await a.ping('10.0.0.2')).toBe(2);
    a.ip('link set vx0 down');
    await b.ping('10.0.0.1', '-c', '3', '-W', '1');
    await waitFor(async () => (await vtep.counter('tap-down')) > 0, 'frames for a TAP that is down');
    const before = cpuTicks(vtep.pid);
    await b.ping('10.0.0.1', '-c', '10', '-W', '1');
    expect(cpuTicks(vtep.pid) - before).toBeLessThan(30);
    a.ip('link set vx0 up');
    await waitFor(async () => (await a.ping('10.0.0.2', '-c', '1')) === 1, 'the TAP to carry again');
    await vtep.stop();
  });

  const waits = transport === 'native' ? ['', ' --busy-poll 1000000'] : [''];
  it.each(waits)('sleeps between frames, unless it is told not to:%s', async (how) => {
    const vtep = await VtepProcess.start(a, `${words} up address 10.0.0.1/24${how}`);
    expect(await a.ping('10.0.0.2')).toBe(2);
    const share = await shareAwake(vtep.pid, b.ping('10.0.0.1', '-c', '5', '-i', '0.2'));
    if (how === '') expect(share).toBeLessThan(0.6);
    else expect(share).toBeGreaterThan(0.8);
    await vtep.stop();
  });

  it('leaves no TAP behind after SIGKILL', async () => {
    const vtep = await VtepProcess.start(a, `${words} up`);
    await vtep.stop('SIGKILL');
    await waitFor(async () => !(await a.run('ip', 'link')).includes('vx0'), 'the TAP to vanish');
  });

  it('ends on SIGINT as on SIGTERM', async () => {
    const vtep = await VtepProcess.start(a, `${words} up`);
    expect(await vtep.stop('SIGINT')).toMatchObject({ code: 0 });
    expect(await a.run('ip', 'link')).not.toContain('vx0');
  });
});
