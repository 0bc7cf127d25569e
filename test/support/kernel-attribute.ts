/** Attributes of the kernel's vx0 for which iproute2 6.1 has no words yet, said by netlink. */
import type { Host } from './netns.ts';

/** IFLA_VXLAN_* of Linux 6.5 and 6.7. */
const ATTRIBUTES = { LOCALBYPASS: 31, LABEL_POLICY: 32 };

const SAY = `
import socket, struct, sys
def attribute(kind, data):
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)
said = attribute(int(sys.argv[1]), bytes.fromhex(sys.argv[2]))
data = attribute(18, attribute(1, b"vxlan") + attribute(2, said))
body = struct.pack("=BxHiII", 0, 0, socket.if_nametoindex("vx0"), 0, 0) + data
with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as route:
    route.send(struct.pack("=IHHII", 16 + len(body), 16, 5, 1, 0) + body)
    code = struct.unpack_from("=i", route.recv(4096), 16)[0]
    if code: raise OSError(-code, "RTM_NEWLINK")
`;

/** `value`: its bytes, in hex. Throws what the kernel refuses. */
export async function sayAttribute(host: Host, name: keyof typeof ATTRIBUTES, value: string): Promise<void> {
  await host.run('/usr/bin/python3', '-c', SAY, `${ATTRIBUTES[name]}`, value);
}
