/**
 * A path that will not have trains (UDP_SEGMENT): what was refused is sent again datagram by datagram, none is lost and
 * none comes twice.
 *
 *   a [ vx0 10.0.0.1 ] eth0 ──── eth0 [ vx0 10.0.0.2 of the kernel ] b
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../support/netns.ts';
import { transfer } from '../support/transfer.ts';
import { openTunnel, type Tunnel } from '../support/tunnel.ts';
import { datagramsOf, exchange } from '../support/udp-superframes.ts';
import type { VtepProcess } from '../support/vtep-process.ts';
import { waitFor } from '../support/wait-for.ts';

const SUPERFRAMES = { size: 1000, last: 300, each: 30, times: 40 };
const ALL = datagramsOf(SUPERFRAMES);
/** Python: UDP checksums of another process's sockets off or on; without them the kernel answers a train with EINVAL. */
const CHECKSUMS = `
import ctypes, os, socket, sys
pid, off = int(sys.argv[1]), int(sys.argv[2])
libc = ctypes.CDLL(None, use_errno=True)
process = os.pidfd_open(pid)
done = 0
for fd in os.listdir(f"/proc/{pid}/fd"):
    if not os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:"):
        continue
    s = socket.socket(fileno=libc.syscall(438, process, int(fd), 0))  # pidfd_getfd
    if s.family == socket.AF_INET and s.type == socket.SOCK_DGRAM:
        s.setsockopt(socket.SOL_SOCKET, 11, off)  # SO_NO_CHECK
        done += 1
print(done)
`;

describe('trains that the path refuses', () => {
  const lab = new Lab();
  let tunnel: Tunnel;
  let vtep: VtepProcess;
  beforeAll(async () => {
    tunnel = await openTunnel(lab, { underlay: 'wire', peer: 'the kernel', words: '--offload notnl' });
    [vtep] = tunnel.vteps;
  });
  afterAll(() => lab.close());

  const refuseTrains = async (refused: boolean) => {
    const words = ['-c', CHECKSUMS, `${vtep.pid}`, refused ? '1' : '0'];
    expect(Number(await tunnel.a.run('/usr/bin/python3', ...words))).toBeGreaterThan(1);
  };
  const send = (expected = ALL.length) => exchange(tunnel.a, tunnel.b, '10.0.0.2', SUPERFRAMES, expected);
  /** They are tried again, but not at once. */
  const takeTrains = async () => {
    const trains = await vtep.counter('trains');
    await refuseTrains(false);
    await waitFor(async () => {
      expect(await send()).toEqual(ALL);
      return (await vtep.counter('trains')) > trains;
    }, 'trains to be tried again');
  };

  it('are sent again singly, and as trains when the path takes them again', async () => {
    expect(await send()).toEqual(ALL);
    const trains = await vtep.counter('trains');
    expect(trains).toBeGreaterThan(20);
    expect(await vtep.counter('trains-refused')).toBe(0);

    await refuseTrains(true);
    expect(await send()).toEqual(ALL);
    expect(await vtep.counter('trains')).toBe(trains);
    const dump = await vtep.dump();
    expect(dump).toMatch(/^ {2}trains-refused: [1-9]\d* \(.*; the last with EINVAL\)$/m);
    expect(dump).not.toMatch(/^ {2}(too-big|send-failed|no-buffers):/m);

    await takeTrains();
  });

  it('lose nothing of a TCP stream that is on its way', async () => {
    const moved = transfer({
      from: tunnel.a,
      to: tunnel.b,
      address: '10.0.0.2',
      protocol: 'tcp',
      size: 100 << 20,
      rate: 50 << 20,
    });
    const refused = await vtep.counter('trains-refused');
    const sent = await vtep.counter('txFrames');
    await waitFor(async () => (await vtep.counter('txFrames')) > sent + 100, 'the stream to flow');
    await refuseTrains(true);
    await waitFor(async () => (await vtep.counter('trains-refused')) > refused, 'a refusal');
    const [given, got] = await moved;
    expect(got).toBe(given);
    await takeTrains();
  });

  it('are told from datagrams too large for the path: those are counted, the rest arrives', async () => {
    const before = await vtep.counter('too-big');
    // only for datagrams of ours: who asks for the path's MTU is not told of it, and senders of large frames are not either
    tunnel.a.ip('route add 192.0.2.2/32 dev eth0 mtu lock 900 table 100');
    tunnel.a.ip('rule add ipproto udp dport 4789 lookup 100');
    const fit = ALL.filter((line) => line.startsWith('300 '));
    expect(await send(fit.length)).toEqual(fit);
    expect((await vtep.counter('too-big')) - before).toBe(ALL.length - fit.length);
    tunnel.a.ip('rule del ipproto udp dport 4789 lookup 100');
    const trains = await vtep.counter('trains');
    expect(await send()).toEqual(ALL);
    expect(await vtep.counter('trains')).toBeGreaterThan(trains);
  });
});
