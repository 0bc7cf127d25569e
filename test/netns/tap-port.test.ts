/**
 * The contract of ports, asked of TAPs.
 *
 *   tap0 ──── br0 ──── tap1        in the namespace that `npm test` runs these suites in
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { native } from '../../src/io/native.ts';
import { TapPort } from '../../src/io/tap.ts';
import { Batch } from '../../src/memory/batch.ts';
import { FramePool } from '../../src/memory/frame-pool.ts';
import { OFFLOAD_COUNTS } from '../../src/memory/offload-counts.ts';
import { describePort } from '../support/port-contract.ts';

const ip = (line: string) => execFileSync('ip', line.split(' '), { stdio: 'pipe' });

function open(name: string): TapPort {
  const fd = native().tapOpen(name, 0);
  if (fd < 0) throw new Error(`${name} cannot be opened: errno ${-fd}`);
  return new TapPort({ fd, mtu: Int32Array.of(9000), merge: true, counts: new Float64Array(OFFLOAD_COUNTS) });
}

beforeAll(() => {
  const devices = execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' }).trim().split('\n');
  if (devices.length !== 1)
    throw new Error('these suites make devices: run them by `npm test`, in a namespace of their own');
  // nothing may be on its way but what the suite sends
  writeFileSync('/proc/sys/net/ipv6/conf/default/disable_ipv6', '1');
  ip('link add br0 type bridge mcast_snooping 0 forward_delay 0');
  ip('link set br0 mtu 9000 up');
});
afterAll(() => void ip('link del br0'));

describePort('a TAP', async () => {
  const [from, to] = [open('tap0'), open('tap1')];
  for (const name of ['tap0', 'tap1']) {
    ip(`link set ${name} master br0`);
    ip(`link set ${name} mtu 9000 up`);
  }
  return { from, to, close: () => [from, to].forEach((port) => void port.close()) };
});

it('a TAP that is deleted says that it has ended', () => {
  const tap = open('tap2');
  ip('link del tap2');
  expect(tap.receive(Batch.receiving(new FramePool(2), 0, 2))).toBe(0);
  expect(tap.ended).toMatch(/the TAP is gone/);
  tap.close();
});

it('closes what it opened, also when opening fails half-way', () => {
  const count = () => readdirSync('/proc/self/fd').length;
  const before = count();
  open('tap3').close();
  expect(native().tapOpen('br0', 0)).toBeLessThan(0);
  expect(count()).toBe(before);
});
