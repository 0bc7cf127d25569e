// As much of a host as a demo needs: ARP and ICMP echo, made and answered by hand.
const ETHERNET = 14;
const IP = 20;
const BROADCAST = 'ff:ff:ff:ff:ff:ff';

export const MAC = ({ number }) => `02:00:00:00:00:0${number}`;
const macBytes = (mac) => mac.split(':').map((byte) => Number.parseInt(byte, 16));
const ipBytes = (address) => address.split('.').map(Number);

function ethernet(to, from, type, payload) {
  return Uint8Array.from([...macBytes(to), ...macBytes(from), type >> 8, type & 0xff, ...payload]);
}

function checksum(bytes) {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i] << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return [(~sum >> 8) & 0xff, ~sum & 0xff];
}

export function arpRequest(from, to) {
  const sender = [...macBytes(MAC(from)), ...ipBytes(from.address)];
  const message = [0, 1, 8, 0, 6, 4, 0, 1, ...sender, 0, 0, 0, 0, 0, 0, ...ipBytes(to.address)];
  return ethernet(BROADCAST, MAC(from), 0x0806, message);
}

export function echoRequest(from, to, size = 98) {
  const echo = [8, 0, 0, 0, 0, 1, 0, 1, ...new Uint8Array(size - ETHERNET - IP - 8)];
  echo.splice(2, 2, ...checksum(echo));
  const length = IP + echo.length;
  const header = [
    0x45,
    0,
    length >> 8,
    length & 0xff,
    0,
    1,
    0x40,
    0,
    64,
    1,
    0,
    0,
    ...ipBytes(from.address),
    ...ipBytes(to.address),
  ];
  header.splice(10, 2, ...checksum(header));
  return ethernet(MAC(to), MAC(from), 0x0800, [...header, ...echo]);
}

const type = (frame) => (frame[12] << 8) | frame[13];
const isEcho = (frame, kind) =>
  type(frame) === 0x0800 && frame[ETHERNET + 9] === 1 && frame[ETHERNET + IP] === kind;
const holds = (frame, at, bytes) => bytes.every((byte, i) => frame[at + i] === byte);

export function isEchoReply(frame, from) {
  return isEcho(frame, 0) && holds(frame, ETHERNET + 12, ipBytes(from.address));
}

/** What the host would send back; undefined: nothing. */
export function answer(frame, host) {
  const own = ipBytes(host.address);
  const asker = Array.from(frame.subarray(6, 12));
  const mine = macBytes(MAC(host));
  const reply = Uint8Array.from(frame);
  reply.set([...asker, ...mine]);
  if (type(frame) === 0x0806 && frame[21] === 1 && holds(frame, 38, own)) {
    reply[21] = 2;
    reply.set([...mine, ...own, ...frame.subarray(22, 32)], 22);
    return reply;
  }
  if (!isEcho(frame, 8) || !holds(frame, ETHERNET + 16, own)) return undefined;
  reply.set(frame.subarray(ETHERNET + 12, ETHERNET + 16), ETHERNET + 16);
  reply.set(own, ETHERNET + 12);
  reply[ETHERNET + IP] = 0;
  reply.set([0, 0], ETHERNET + IP + 2);
  reply.set(checksum(reply.subarray(ETHERNET + IP)), ETHERNET + IP + 2);
  return reply;
}

export function describeDatagram(from, to, frame) {
  return `IP ${from.underlay} > ${to.underlay}.4789: VXLAN, flags [I] (0x08), vni 42\n    IP ${from.address} > ${to.address}: ICMP echo request, length ${frame.length - ETHERNET - IP}`;
}
