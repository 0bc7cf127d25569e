/**
 * The clock of a node's machine jumps by days, forward and back: neither its lease nor its traffic notices. The node and
 * its daemon run with libfaketime, the rest of the machine does not.
 *
 *   a [ c ]          b [ d ]          etcd
 *      └──────────── switch ─────────────┘
 */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FlannelLab, type FlannelNode } from '../support/flannel.ts';
import { Lab } from '../support/netns.ts';
import { Stream } from '../support/stream.ts';
import { waitFor } from '../support/wait-for.ts';

/** Renewed at half of its time. */
const TTL_S = 8;
const DAY_S = 86_400;

function library(): string {
  const folders = readdirSync('/usr/lib').map((name) => join('/usr/lib', name, 'faketime'));
  const folder = folders.find((each) => existsSync(each));
  if (!folder) throw new Error('libfaketime is not there: `apt-get install faketime`');
  return join(folder, 'libfaketimeMT.so.1');
}

describe('a node whose clock jumps', () => {
  const lab = new Lab();
  let flannel: FlannelLab;
  let a: FlannelNode;
  let b: FlannelNode;
  let jump: (seconds: number) => Promise<void>;

  beforeAll(async () => {
    flannel = await FlannelLab.open(lab);
    await flannel.config('{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}');
    a = flannel.node('a', 1);
    b = flannel.node('b', 2);
    const file = join(lab.folder(), 'time');
    const environment = [
      `LD_PRELOAD=${library()}`,
      `FAKETIME_TIMESTAMP_FILE=${file}`,
      'FAKETIME_NO_CACHE=1',
      'DONT_FAKE_MONOTONIC=1',
    ];
    writeFileSync(file, '+0s');
    a.within = ['env', ...environment];
    jump = async (seconds) => {
      writeFileSync(file, `${seconds < 0 ? '' : '+'}${seconds}s`);
      const told = Number(
        await a.host.run('env', ...environment, process.execPath, '-p', 'Date.now() / 1000'),
      );
      expect((told - Date.now() / 1000) / DAY_S).toBeCloseTo(seconds / DAY_S);
    };
    await a.start('--lease-ttl', String(TTL_S));
    await b.start();
  });
  afterAll(() => flannel.close());

  it('renews its lease as before, neither at once nor too late, and loses no packet', async () => {
    const [c, d] = [a.container(), b.container()];
    await waitFor(async () => (await c.ping(d, '-c', '1')) === 1, 'the containers to reach each other');
    a.beLenient();
    const stream = await Stream.start(c.host, d.host, d.ip, 7000, 1000);
    const { key } = (await a.status()).own;
    const said = a.run.stderr;
    for (const days of [2, -2, 0]) {
      await jump(days * DAY_S);
      const { own, registry } = await a.status();
      expect(own.secondsLeft).toBeGreaterThan(0);
      expect(own.secondsLeft).toBeLessThanOrEqual(TTL_S);
      expect(registry.lastContact).toBeLessThan(DAY_S);
      const version = await flannel.leaseVersion(a);
      const began = performance.now();
      await waitFor(async () => (await flannel.leaseVersion(a)) >= version + 3, 'three renewals', 60_000);
      expect(performance.now() - began).toBeGreaterThan(TTL_S * 750);
    }
    expect((await a.status()).own).toMatchObject({ key, standing: 'held' });
    expect(a.run.stderr).toBe(said);
    const { sent, arrived } = await stream.end();
    expect(sent).toBeGreaterThan(0);
    expect(arrived).toBe(sent);
  });
});
