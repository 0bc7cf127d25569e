/**
 * Applications that hand the kernel many UDP datagrams at once (UDP_SEGMENT, as QUIC does): each arrives as it was sent.
 * Over a veth as it comes a kernel peer sends them whole, one superframe in one VXLAN datagram.
 *
 *   a [ vx0 10.0.0.1 ] eth0 ──── eth0 [ vx0 10.0.0.2 ] b
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Host, Lab } from '../support/netns.ts';
import { openTunnel, PEERS, UNDERLAYS } from '../support/tunnel.ts';
import type { VtepProcess } from '../support/vtep-process.ts';
import { waitFor } from '../support/wait-for.ts';

const PORT = 5997;
const SIZE = 1000;
const EACH = 30;
const TIMES = 20;
/** Python: every datagram as the kernel counts them in, with its number; those that are no multiple of it end a superframe. */
const RECEIVE = `
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 33, 1 << 25)  # SO_RCVBUFFORCE
s.bind(("::", ${PORT}))
print("listening", flush=True)
for _ in range(${EACH * TIMES}):
    datagram = s.recv(65536)
    print(len(datagram), int.from_bytes(datagram[8:12], "big"), flush=True)
`;
/** Each datagram begins like a VXLAN header, which nobody may take it for. */
const SEND = `
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(17, 103, ${SIZE})  # UDP_SEGMENT
s.connect((sys.argv[1], ${PORT}))
for k in range(${TIMES}):
    parts = [b"\\x08\\0\\0\\0\\0\\0\\x2b\\0" + (k * ${EACH} + i).to_bytes(4, "big") for i in range(${EACH})]
    s.send(b"".join(part.ljust(${SIZE}, b"x") for part in parts)[:-7])
`;
const EXPECTED = Array.from(
  { length: EACH * TIMES },
  (_, i) => `${i % EACH === EACH - 1 ? SIZE - 7 : SIZE} ${i}`,
);
const CASES = UNDERLAYS.flatMap((underlay) =>
  PEERS.flatMap((peer) => ['auto', 'off'].map((offload) => ({ underlay, peer, offload }))),
);

describe.each(CASES)('offloads $offload over a $underlay, against $peer', ({ underlay, peer, offload }) => {
  const lab = new Lab();
  let a: Host;
  let b: Host;
  let vtep: VtepProcess;

  beforeAll(async () => {
    const words = `--offload ${offload}`;
    ({
      a,
      b,
      vteps: [vtep],
    } = await openTunnel(lab, { underlay, peer, words }));
  });
  afterAll(() => lab.close());

  it.each([
    ['there', '10.0.0.2'],
    ['back', '10.0.0.1'],
    ['there', 'fd00::2'],
    ['back', 'fd00::1'],
  ])('%s to %s', async (direction, address) => {
    const [from, to] = direction === 'there' ? [a, b] : [b, a];
    const receiver = to.spawn('/usr/bin/python3', '-c', RECEIVE);
    let heard = '';
    receiver.stdout?.on('data', (chunk) => {
      heard += chunk;
    });
    await waitFor(() => heard.includes('listening'), 'the receiver');
    await from.run('/usr/bin/python3', '-c', SEND, address);
    const lines = () => heard.trim().split('\n').slice(1);
    await waitFor(() => lines().length === EXPECTED.length, 'all datagrams').catch(() => undefined);
    expect(lines()).toEqual(EXPECTED);
    const dump = await vtep.dump();
    for (const reason of ['unknown-vni', 'no-vni-flag', 'datagram-short'])
      expect(dump).not.toContain(`  ${reason}:`);
  });
});
