/**
 * VLAN tags of inner frames, with `vtep run` and the kernel as peer: a frame without a tag and one with it, each way.
 * They are sent and seen by programs of others.
 *
 *   a [ vx0 ] 192.0.2.1 ──── 192.0.2.2 [ the kernel's vx0 ] b
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Host, Lab } from '../support/netns.ts';
import { VtepProcess } from '../support/vtep-process.ts';
import { waitFor } from '../support/wait-for.ts';

/** Frames to everybody: one plain, one of VLAN 5, one that is the last. */
const SEND = `
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("vx0", 0))
head = bytes.fromhex("ffffffffffff020000000009")
for body in ["88b50001", "8100000588b50002", "88b50003"]:
    s.send(head + bytes.fromhex(body) + bytes(60))
`;

/** What becomes of the two, out of the tunnel at the other end. */
const TAGGED = 'vlan 5, p 0, ethertype Unknown';
const CASES: [word: string, out: string[], back: string[], counter: string][] = [
  ['pass', ['plain', 'tagged'], ['plain', 'tagged'], ''],
  ['drop', ['plain'], ['plain'], 'inner-vlan: 2'],
  ['strip', ['plain', 'stripped'], ['plain'], 'vlan-stripped: 1'],
];

describe('innervlan', () => {
  const lab = new Lab();
  let [a, b]: Host[] = [];
  beforeAll(() => {
    [a, b] = [lab.host('a'), lab.host('b')];
    lab.cable(a, ['192.0.2.1/24'], b, ['192.0.2.2/24']);
    b.ip('link add vx0 type vxlan id 42 remote 192.0.2.1 dstport 4789 dev eth0', 'link set vx0 up');
  });
  afterAll(() => lab.close());

  /** What comes of those that one host sends to the other. */
  async function seen(from: Host, to: Host): Promise<string[]> {
    const words = ['-i', 'vx0', '-Q', 'in', '-nn', '-e', '-x', '-l', 'ether src 02:00:00:00:00:09'];
    const dump = to.spawn('tcpdump', ...words);
    let said = '';
    for (const stream of [dump.stdout, dump.stderr]) {
      stream?.on('data', (chunk) => {
        said += chunk;
      });
    }
    await waitFor(() => said.includes('listening on'), 'tcpdump');
    await from.run('python3', '-c', SEND);
    await waitFor(() => /0x0000: {2}0003/.test(said), 'the last frame');
    dump.kill();
    const frames = said.split(/^(?=\S+ 02:00:00:00:00:09 > )/m).slice(1);
    return frames.flatMap((frame) => {
      if (/0x0000: {2}0003/.test(frame)) return [];
      if (/0x0000: {2}0001/.test(frame)) return ['plain'];
      return [frame.includes(TAGGED) ? 'tagged' : 'stripped'];
    });
  }

  it.each(CASES)('%s', async (word, out, back, counter) => {
    const vtep = await VtepProcess.start(a, `vx0 id 42 remote 192.0.2.2 dev eth0 up innervlan ${word}`);
    expect([await seen(a, b), await seen(b, a)]).toEqual([out, back]);
    expect(await vtep.dump()).toContain(counter);
    await vtep.stop();
  });
});
