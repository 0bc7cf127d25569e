/** Verbs to a daemon as promises: many at once, refused, and with a daemon that goes, hangs or is not there. */
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Client } from '../../../src/control/client.ts';
import { Refusal } from '../../../src/control/refusal.ts';
import { VtepDaemon } from '../../../src/flannel/host/vtep-daemon.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { type Answers, type FakeDaemon, fakeDaemon } from '../../support/fake-daemon.ts';
import { waitFor } from '../../support/wait-for.ts';

const ended: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

async function scene(
  answers: Answers = {},
): Promise<{ fake: FakeDaemon; daemon: VtepDaemon; clock: FakeClock }> {
  const fake = await fakeDaemon(answers);
  const clock = new FakeClock();
  const daemon = new VtepDaemon(() => Client.connect(fake.path), clock);
  ended.push(
    () => fake.close(),
    () => daemon.close(),
  );
  return { fake, daemon, clock };
}

const ENTRY = { dev: 'vx0', mac: '02:00:00:00:00:01', dst: '192.0.2.1' };

describe('a verb', () => {
  it('is one of many that are on their way, each with its own answer', async () => {
    const { daemon } = await scene({
      'fdb add': ({ mac }) => {
        if (mac.endsWith('7')) throw new Refusal('EEXIST', `${mac} has an entry already`);
      },
      'fdb get': ({ mac }) => [{ ...ENTRY, mac }],
    });
    const macs = Array.from({ length: 1000 }, (_, n) => `02:00:00:00:00:${n % 10}`);
    const added = await Promise.allSettled(macs.map((mac) => daemon.ask('fdb add', { ...ENTRY, mac })));
    expect(added.filter(({ status }) => status === 'rejected').length).toBe(100);
    await expect(daemon.ask('fdb add', { ...ENTRY, mac: '02:00:00:00:00:07' })).rejects.toMatchObject({
      code: 'EEXIST',
      message: '02:00:00:00:00:07 has an entry already (EEXIST)',
    });
    const [one, two] = await Promise.all(
      ['02:00:00:00:00:01', '02:00:00:00:00:02'].map((mac) => daemon.ask('fdb get', { dev: 'vx0', mac })),
    );
    expect([one, two]).toEqual([[ENTRY], [{ ...ENTRY, mac: '02:00:00:00:00:02' }]]);
  });

  it('fails where no daemon is, and is carried out when there is one', async () => {
    const path = join(tmpdir(), `vtep-nobody-${process.pid}.sock`);
    let fake: FakeDaemon | undefined;
    const daemon = new VtepDaemon(() => Client.connect(fake?.path ?? path), new FakeClock());
    await expect(daemon.ask('fdb add', ENTRY)).rejects.toThrow(/^no daemon listens at .* \(ENOENT\)/);
    fake = await fakeDaemon();
    ended.push(fake.close, () => daemon.close());
    await daemon.ask('fdb add', ENTRY);
    expect(fake.requests).toEqual([{ verb: 'fdb add', args: ENTRY }]);
  });

  it('fails when the daemon goes, which is told once, and the next finds another', async () => {
    const { fake, daemon } = await scene({ 'fdb get': () => new Promise(() => {}) });
    let gone = 0;
    daemon.onGone = () => {
      gone++;
    };
    const waiting = [daemon.ask('fdb get', ENTRY), daemon.ask('fdb add', ENTRY)].map((each) =>
      expect(each).rejects.toThrow('the daemon has closed the connection (ECONNRESET)'),
    );
    await waitFor(() => fake.requests.length > 0, 'the request');
    await fake.close();
    await Promise.all(waiting);
    expect(gone).toBe(1);
    await expect(daemon.ask('fdb add', ENTRY)).rejects.toThrow(/no daemon listens/);
  });

  it('fails when the daemon says nothing for half a minute', async () => {
    const path = join(tmpdir(), `vtep-silent-${process.pid}.sock`);
    let asked = false;
    const server = createServer((socket) => {
      socket.write('{"vtep":"0.0.0","protocol":1}\n');
      socket.on('data', () => {
        asked = true;
      });
      socket.on('error', () => {});
    }).listen(path);
    const clock = new FakeClock();
    const daemon = new VtepDaemon(() => Client.connect(path), clock);
    ended.push(
      () => void server.close(),
      () => daemon.close(),
    );
    const refused = expect(daemon.ask('fdb add', ENTRY)).rejects.toThrow(/closed the connection/);
    await waitFor(() => asked, 'the request');
    expect(clock.waiting).toBe(1);
    await clock.turn(30_000);
    await refused;
  });
});
