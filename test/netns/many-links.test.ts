/**
 * A thousand links in one daemon: each with its TAP, all on one port.
 *
 *   a [ vx1 ... vx1000 ] 192.0.2.1 ──── 192.0.2.2 [ vx7 10.0.0.2, the kernel's ] b
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from '../../src/control/client.ts';
import type { Answer, Verb } from '../../src/control/protocol.ts';
import { DaemonProcess } from '../support/daemon-process.ts';
import { type Host, Lab } from '../support/netns.ts';
import { waitFor } from '../support/wait-for.ts';

const LINKS = 1000;

describe('a thousand links', () => {
  const lab = new Lab();
  let [a, b]: Host[] = [];
  let daemon: DaemonProcess;
  let client: Client;
  let answers: AsyncGenerator<Answer>;
  beforeAll(async () => {
    [a, b] = [lab.host('a'), lab.host('b')];
    lab.cable(a, ['192.0.2.1/24'], b, ['192.0.2.2/24']);
    b.ip('link add vx7 type vxlan id 7 remote 192.0.2.1 dstport 4789 dev eth0');
    b.ip('address add 10.0.0.2/24 dev vx7', 'link set vx7 up');
    daemon = await DaemonProcess.start(lab, a, '--log-level', 'warn');
    client = await Client.connect(daemon.socket);
    answers = client.answers();
  });
  afterAll(() => lab.close());

  /** One after the other, sent ahead; the errors that came. */
  async function all(verb: Verb, args: object[]): Promise<string[]> {
    for (const each of args) client.send(verb, each as never);
    const errors: string[] = [];
    for (let answered = 0; answered < args.length; answered++) {
      const { value } = await answers.next();
      if (!value) errors.push('the daemon has closed');
      else if ('error' in value) errors.push(value.error.message);
    }
    return errors;
  }

  const made = (first: number, last: number) =>
    Array.from({ length: last - first + 1 }, (_, i) => {
      return { name: `vx${first + i}`, id: first + i, remotes: ['192.0.2.2'], dev: 'eth0' };
    });
  const memory = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, 'utf8'))?.[1]);
  const ticks = () => {
    const words = readFileSync(`/proc/${daemon.pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return Number(words[11]) + Number(words[12]);
  };

  it('are made, and each carries', async () => {
    expect(await all('link add', made(1, LINKS))).toEqual([]);
    a.ip('address add 10.0.0.1/24 dev vx7', 'link set vx7 up');
    expect(await a.ping('10.0.0.2')).toBe(2);
    expect(await daemon.json<unknown[]>('link show')).toHaveLength(LINKS);
  });

  it('cost nothing while nothing comes', async () => {
    const used = async () => {
      const before = ticks();
      await a.run('ping', '-c', '5', '-i', '0.5', '127.0.0.1'); // two seconds
      return ticks() - before;
    };
    // what it was told of all that was made may still have to be read
    await waitFor(async () => (await used()) < 20, 'it to rest');
  });

  it('come and go without growing', async () => {
    const some = made(1, 100).map(({ name }) => ({ name }));
    const again = async () => {
      expect(await all('link del', some)).toEqual([]);
      expect(await all('link add', made(1, 100))).toEqual([]);
    };
    await again();
    const before = memory();
    for (let round = 0; round < 3; round++) await again();
    expect(memory() - before).toBeLessThan(30_000);
  }, 60_000);

  it('end together, soon', async () => {
    const start = Date.now();
    expect(await daemon.end()).toBe(0);
    expect(Date.now() - start).toBeLessThan(8000);
    const left = await a.json<{ ifname: string }[]>('ip', '-j', 'link');
    expect(left.map(({ ifname }) => ifname).sort()).toEqual(['eth0', 'lo']);
  });
});
