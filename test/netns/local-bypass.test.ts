/**
 * `localbypass`: what is for this host, at a port where a program listens and no vxlan does. With it, as the kernel has
 * it unless said, such datagrams are lost; without it they go through the loopback, and so do ours.
 *
 *   ours   [ vx0 ] ── datagrams to 192.0.2.1:4791 ── [ program ]
 *   theirs [ vx0 ] ── datagrams to 192.0.2.1:4791 ── [ program ]
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sayAttribute } from '../support/kernel-attribute.ts';
import { Lab } from '../support/netns.ts';
import { SideBySide } from '../support/side-by-side.ts';
import { waitFor } from '../support/wait-for.ts';

const lab = new Lab();
let twins: SideBySide;
beforeAll(async () => {
  twins = await SideBySide.open(lab);
});
afterAll(() => lab.close());

/** Python: prints the datagrams that come to port 4791, in hex. */
const LISTEN = `
import socket
heard = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
heard.bind(("192.0.2.1", 4791))
while True: print(heard.recv(65535).hex(), flush=True)
`;

const MAC = '02:00:00:00:00:a1';
const NAMES = ['a', 'b', 'c', 'd'];
/** Each tells which it is. */
const frame = (name: string) =>
  `${MAC}02:00:00:00:00:a2:88:b5`.replaceAll(':', '') + Buffer.from(name.repeat(46)).toString('hex');

/** Who hears what. */
function listen(side: SideBySide['ours'] | SideBySide['theirs']): string[] {
  const heard: string[] = [];
  const child = side.host.spawn('python3', '-c', LISTEN);
  let text = '';
  child.stdout?.on('data', (chunk) => {
    text += chunk;
    const lines = text.split('\n');
    text = lines.pop() as string;
    heard.push(...lines);
  });
  return heard;
}

it('is off with us, and as the kernel is without it', async () => {
  await twins.make('local 192.0.2.1');
  const [ours, theirs] = [listen(twins.ours), listen(twins.theirs)];
  for (const { host } of [twins.ours, twins.theirs])
    await waitFor(() => host.run('ss', '-Huln', 'sport = :4791'), 'somebody to listen');
  await twins.say(`fdb add ${MAC} dev vx0 dst 192.0.2.1 port 4791`);
  expect(await twins.ours.say('link set vx0 type vxlan nolocalbypass')).toBe('');
  expect(await twins.ours.say('link set vx0 type vxlan localbypass')).toBe('EOPNOTSUPP');

  const bypass = (is: '00' | '01') => sayAttribute(twins.theirs.host, 'LOCALBYPASS', is);
  await twins.outBoth(frame('a'));
  await bypass('00');
  await twins.outBoth(frame('b'));
  await bypass('01');
  await twins.outBoth(frame('c'));
  await bypass('00');
  await twins.outBoth(frame('d'));

  const datagram = (name: string) => `0800000000002a00${frame(name)}`;
  await waitFor(() => ours.length >= NAMES.length, 'all of ours');
  expect(ours).toEqual(NAMES.map(datagram));
  await waitFor(() => theirs.includes(datagram('d')), 'the last of theirs');
  expect(theirs).toEqual(['b', 'd'].map(datagram));
});
