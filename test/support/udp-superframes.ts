/** An application that hands the kernel many UDP datagrams at once (UDP_SEGMENT), and one that says what arrived. */
import type { Host } from './netns.ts';
import { waitFor } from './wait-for.ts';

const PORT = 5997;
/** Python: the length and number of each datagram, in the order they came. */
const RECEIVE = `
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 33, 1 << 25)  # SO_RCVBUFFORCE
s.bind(("::", ${PORT}))
print("listening", flush=True)
while True:
    datagram = s.recv(65536)
    print(len(datagram), int.from_bytes(datagram[8:12], "big"), flush=True)
`;
/** Each datagram begins like a VXLAN header, which nobody may take it for. */
const SEND = `
import socket, sys
size, each, last, times = map(int, sys.argv[2:])
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(17, 103, size)  # UDP_SEGMENT
s.connect((sys.argv[1], ${PORT}))
for k in range(times):
    parts = [b"\\x08\\0\\0\\0\\0\\0\\x2b\\0" + (k * each + i).to_bytes(4, "big") for i in range(each)]
    s.send(b"".join(part.ljust(size, b"x") for part in parts)[: last - size or None])
`;

export interface Superframes {
  /** Bytes of a datagram, and of the last one of a superframe. */
  size: number;
  last: number;
  /** Datagrams of a superframe. */
  each: number;
  times: number;
}

/** All of them as they are sent: length and number. */
export function datagramsOf({ size, last, each, times }: Superframes): string[] {
  return Array.from({ length: each * times }, (_, i) => `${i % each === each - 1 ? last : size} ${i}`);
}

/** What arrives, until nothing comes that was expected. */
export async function exchange(
  from: Host,
  to: Host,
  address: string,
  superframes: Superframes,
  expected: number,
): Promise<string[]> {
  const receiver = to.spawn('/usr/bin/python3', '-c', RECEIVE);
  let heard = '';
  receiver.stdout?.on('data', (chunk) => {
    heard += chunk;
  });
  await waitFor(() => heard.includes('listening'), 'the receiver');
  const { size, each, last, times } = superframes;
  await from.run('/usr/bin/python3', '-c', SEND, address, ...[size, each, last, times].map(String));
  const lines = () => heard.trim().split('\n').slice(1);
  await waitFor(() => lines().length >= expected, `${expected} datagrams`).catch(() => undefined);
  receiver.kill();
  return lines();
}
