/**
 * A hundred thousand entries by a batch, into the table of one daemon, and out of it.
 *
 *   a [ vx1 ] to the remotes 192.0.2.1 to 192.0.2.50, of which there is none
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DaemonProcess } from '../support/daemon-process.ts';
import { type Host, Lab } from '../support/netns.ts';
import { MAIN } from '../support/vtep-process.ts';

const COUNT = 100_000;
/** Of a second, in which the kernel counts. */
const TICK = 1 / 100;

describe('a hundred thousand entries', () => {
  const lab = new Lab();
  const file = join(lab.folder(), 'entries');
  const hex = (at: number, by: number) => ((at >> by) & 0xff).toString(16).padStart(2, '0');
  const entries = Array.from({ length: COUNT }, (_, at) => {
    const mac = `02:00:00:${hex(at, 16)}:${hex(at, 8)}:${hex(at, 0)}`;
    return { mac, dst: `192.0.2.${1 + (at % 50)}` };
  });
  let a: Host;
  let daemon: DaemonProcess;
  beforeAll(async () => {
    a = lab.host('a');
    daemon = await DaemonProcess.start(lab, a);
    await daemon.verb('link add vx1 id 42 dstport 4789');
    writeFileSync(file, entries.map(({ mac, dst }) => `fdb add ${mac} dev vx1 dst ${dst} static\n`).join(''));
  });
  afterAll(() => lab.close());

  /** In seconds: of the thread that carries verbs out. */
  function daemonTime(): number {
    const words = readFileSync(`/proc/${daemon.pid}/task/${daemon.pid}/stat`, 'utf8')
      .split(') ')[1]
      .split(' ');
    return (Number(words[11]) + Number(words[12])) * TICK;
  }

  /** What a command says on standard error, and how long it has computed. */
  async function timed(words: string): Promise<{ said: string[]; seconds: number }> {
    const command = `"${process.execPath}" "${MAIN}" --socket ${daemon.socket} ${words}`;
    const script = `unset NODE_EXTRA_CA_CERTS; TIMEFORMAT='%U %S'; { time ${command} || true; } 2>&1`;
    const said = (await a.run('bash', '-c', script)).trimEnd().split('\n');
    const seconds = said.pop()?.split(' ').map(Number) ?? [];
    return { said, seconds: seconds[0] + seconds[1] };
  }

  it('are made in less than two seconds, where there are two cores', async () => {
    const before = daemonTime();
    const { said, seconds } = await timed(`-batch ${file}`);
    const carriedOut = daemonTime() - before;
    expect(said).toEqual([]);
    // both work at once; a busy machine takes longer, not more of their time
    expect(Math.max(seconds, carriedOut)).toBeLessThan(2);
    expect(Math.min(seconds, carriedOut)).toBeGreaterThan(0.1);
  });

  it('are shown', async () => {
    const shown = (await daemon.verb('fdb show dev vx1')).trimEnd().split('\n');
    expect(shown.sort()).toEqual(entries.map(({ mac, dst }) => `${mac} dst ${dst} self static`));
  });

  it('are refused when they are there, each by its line, or all by the first', async () => {
    const { said } = await timed(`-force -batch - < ${file}`);
    expect(said).toEqual(
      entries.map(({ mac }, at) => `vtep: line ${at + 1}: ${mac} has an entry already (EEXIST)`),
    );
    const [{ mac }] = entries;
    expect((await timed(`-batch ${file}`)).said).toEqual([
      `vtep: ${file}:1: ${mac} has an entry already (EEXIST)`,
    ]);
  });
});
