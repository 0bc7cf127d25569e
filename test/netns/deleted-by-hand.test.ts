/**
 * A link whose TAP was deleted by hand is no more from that moment, though the daemon hears of it a little later.
 *
 *   a [ vx0, deleted by `ip`, made again at once ]          other [ a link of ours that was moved there ]
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Client } from '../../src/control/client.ts';
import type { LinkArgs } from '../../src/control/protocol.ts';
import { DaemonProcess } from '../support/daemon-process.ts';
import { type Host, Lab } from '../support/netns.ts';

const lab = new Lab();
let [a, other]: Host[] = [];
let daemon: DaemonProcess;
let client: Client;
beforeAll(async () => {
  [a, other] = [lab.host('a'), lab.host('other')];
  daemon = await DaemonProcess.start(lab, a);
  client = await Client.connect(daemon.socket);
});
afterAll(() => lab.close());

async function add(args: LinkArgs): Promise<string> {
  client.send('link add', args);
  const { value } = await client.answers().next();
  return value && 'error' in value ? value.error.code : 'made';
}

/** What is asked next is before the daemon when it hears of the end. */
async function deletedAnd(name: string, next: LinkArgs): Promise<string> {
  process.kill(daemon.pid, 'SIGSTOP');
  try {
    a.ip(`link del ${name}`);
    const answer = add(next);
    await new Promise(setImmediate); // it is sent
    return answer;
  } finally {
    process.kill(daemon.pid, 'SIGCONT');
  }
}

it('its name and its VNI are free at once', async () => {
  const made = [await add({ name: 'vx0', id: 42 })];
  for (let i = 0; i < 8; i++) {
    made.push(await deletedAnd('vx0', { name: 'vx0', id: 42 }));
    made.push(await deletedAnd('vx0', { name: 'vx1', id: 42 }));
    made.push(await deletedAnd('vx1', { name: 'vx0', id: 42 }));
  }
  a.ip('link del vx0');
  expect([...new Set(made)]).toEqual(['made']);
});

it('one that is in another namespace by now is there still: its VNI is taken, and its name is free', async () => {
  expect(await add({ name: 'vx0', id: 43 })).toBe('made');
  a.ip(`link set vx0 netns ${other.netns}`);
  expect([await add({ name: 'vx0', id: 44 }), await add({ name: 'vx1', id: 43 })]).toEqual([
    'made',
    'EEXIST',
  ]);
  const links = await daemon.json<{ ifname: string }[]>('link show');
  expect(links.map(({ ifname }) => ifname).sort()).toEqual(['vx0', expect.stringMatching(/^vx0@\d+$/)]);
});
