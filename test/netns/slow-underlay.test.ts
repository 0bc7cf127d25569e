/**
 * An underlay that is slower than what comes: the datagrams wait, in order, and the TAP with them.
 *
 *   a [ vx0 10.0.0.1 ] eth0, 50 Mbit/s ──── eth0 [ vx0 10.0.0.2 of the kernel ] b
 */
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Host, Lab } from '../support/netns.ts';
import { transfer } from '../support/transfer.ts';
import { TRANSPORTS, VtepProcess } from '../support/vtep-process.ts';
import { waitFor } from '../support/wait-for.ts';

const COUNT = 16_000;
/** Python: numbered datagrams in bursts that the TAP's queue holds, and the numbers that arrived until none came for a second. */
const SEND = `
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 24)
s.connect(("10.0.0.2", 5998))
for i in range(${COUNT}):
    s.send(i.to_bytes(4, "big") * 300)
    if i % 200 == 199: time.sleep(0.005)  # so that the TAP's queue does not overflow
`;
const RECEIVE = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 33, 1 << 25)  # SO_RCVBUFFORCE
s.bind(("10.0.0.2", 5998))
s.settimeout(20)
print("listening", flush=True)
got = []
try:
    while True:
        got.append(int.from_bytes(s.recv(4096)[:4], "big"))
        s.settimeout(1)
except socket.timeout:
    print(",".join(map(str, got)), flush=True)
`;

describe.each([...TRANSPORTS, 'native --offload off'])('a slow underlay, --transport %s', (transport) => {
  const lab = new Lab();
  let a: Host;
  let b: Host;
  let vtep: VtepProcess;
  beforeAll(async () => {
    a = lab.host('a');
    b = lab.host('b');
    lab.cable(a, ['192.0.2.1/24'], b, ['192.0.2.2/24']);
    await lab.wire(a, b);
    // a queue so long that it is the socket which fills up
    await a.run('tc', ...'qdisc add dev eth0 root tbf rate 50mbit burst 64kb limit 256mb'.split(' '));
    vtep = await VtepProcess.start(
      a,
      `vx0 id 42 remote 192.0.2.2 --transport ${transport} up address 10.0.0.1/24`,
    );
    b.ip(
      'link add vx0 type vxlan id 42 remote 192.0.2.1 dstport 4789 dev eth0',
      'address add 10.0.0.2/24 dev vx0',
    );
    b.ip('link set vx0 up');
    // the kernel's vxlan has a queue for each core: datagrams that two of them take overtake one another there
    await b.run('sh', '-c', 'echo 1 > /sys/class/net/eth0/queues/rx-0/rps_cpus');
    expect(await a.ping('10.0.0.2')).toBe(2);
  });
  afterAll(() => lab.close());

  it('drops nothing of what it took, and keeps the order of a flow', async () => {
    const receiver = b.spawn('/usr/bin/python3', '-c', RECEIVE);
    let heard = '';
    receiver.stdout?.on('data', (chunk) => {
      heard += chunk;
    });
    await waitFor(() => heard.includes('listening'), 'the receiver');
    const closed = once(receiver, 'close');
    const txBefore = await vtep.counter('txFrames');
    await a.run('/usr/bin/python3', '-c', SEND);
    await closed;
    const numbers = heard.split('\n')[1].split(',').map(Number);
    expect(numbers).toEqual([...numbers].sort((x, y) => x - y));
    expect(new Set(numbers).size).toBe(numbers.length);
    const dump = await vtep.dump();
    expect(dump).toContain('underlay-full');
    for (const drop of ['no-buffers', 'send-failed', 'too-big']) expect(dump).not.toContain(`  ${drop}:`);
    // superframes count as one, so there may be more datagrams than frames
    expect(numbers.length).toBeGreaterThanOrEqual((await vtep.counter('txFrames')) - txBefore - 20);
  });

  it('carries a TCP stream whole', async () => {
    const [sent, got] = await transfer({
      from: a,
      to: b,
      address: '10.0.0.2',
      protocol: 'tcp',
      size: 10 << 20,
    });
    expect(got).toBe(sent);
  });
});
