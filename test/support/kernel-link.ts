/**
 * A vxlan link of the kernel as the judge of ours: what it makes of frames, by what comes back, what leaves and what it
 * asks for.
 *
 *   kernel [ vx0 ] 192.0.2.1 ──── 192.0.2.2 peer (nobody listens)
 */

import type { Host, Lab } from './netns.ts';
import { waitFor } from './wait-for.ts';

/** Python: sends frames into vx0, each after the one before was carried, and tells what came of all. */
const SEND = `
import json, os, select, socket, struct, sys
os.sched_setaffinity(0, {0})
given = json.load(sys.stdin)
def tap(name):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind((name, 3))
    s.setblocking(False)
    return s
own = bytes.fromhex(open("/sys/class/net/vx0/address").read().strip().replace(":", ""))
inside, outside = tap("vx0"), tap("eth0")
asked = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
asked.bind((0, 4))
asked.setblocking(False)
told = {"replies": [], "left": [], "missed": []}
def misses(message):
    while len(message) >= 16:
        length, kind = struct.unpack_from("=IH", message)
        if kind == 30:
            at = 28
            while at + 4 <= length:
                size, which = struct.unpack_from("=HH", message, at)
                if which in (1, 2): told["missed"].append(message[at + 4:at + size].hex())
                at += (size + 3) & ~3
        message = message[(length + 3) & ~3:]
def take():
    for s in (inside, outside, asked):
        while True:
            try: data, where = s.recvfrom(1 << 17)
            except BlockingIOError: break
            if s is asked: misses(data)
            elif s is inside:
                if where[2] != 4: told["replies"].append(data.hex())
            elif where[2] == 4 and data[12:14] == b"\\x08\\0" and data[20] & 63 == 0 and data[23] == 17 and data[36:38] == b"\\x12\\xb5":
                if data[56:62] != own: told["left"].append(data[50:].hex())
for frame in given:
    inside.send(bytes.fromhex(frame))
    take()
# what is put back to the device, or asked for, comes a moment later
while select.select([inside, outside, asked], [], [], 0.3)[0]: take()
print(json.dumps(told))
`;

export interface Outcome {
  /** Frames given to whoever is on the device. */
  replies: string[];
  /** Frames that left in datagrams. */
  left: string[];
  /** MACs and IP addresses that it asked for, in hex. */
  missed: string[];
}

export class KernelLink {
  readonly host: Host;

  /** `words`: of `ip link add ... type vxlan id 42`. */
  constructor(lab: Lab, words: string) {
    const [kernel, peer] = [lab.host('kernel'), lab.host('peer')];
    lab.cable(kernel, ['192.0.2.1/24'], peer, ['192.0.2.2/24']);
    kernel.ip(`link add vx0 type vxlan id 42 dstport 4789 local 192.0.2.1 ${words}`);
    kernel.ip('link set vx0 addrgenmode none', 'link set vx0 up');
    this.host = kernel;
  }

  async carry(frames: readonly string[]): Promise<Outcome> {
    const child = this.host.spawn('/usr/bin/python3', '-c', SEND);
    let [said, complaint] = ['', ''];
    child.stdout?.on('data', (chunk) => {
      said += chunk;
    });
    child.stderr?.on('data', (chunk) => {
      complaint += chunk;
    });
    child.stdin?.end(JSON.stringify(frames));
    let closed = false;
    child.once('close', () => {
      closed = true;
    });
    await waitFor(() => closed, 'the frames to be carried', 60_000);
    if (complaint !== '') throw new Error(complaint);
    return JSON.parse(said) as Outcome;
  }
}
