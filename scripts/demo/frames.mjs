// As much of a host as a demo needs: ARP and ICMP echo, made, answered and read by hand.
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const ARP = 0x0806;
const IPV4 = 0x0800;
// Where things stand in an untagged frame.
const TYPE = 12;
const ARP_OPERATION = 20;
const ARP_SENDER = 22;
const ARP_TARGET = 32;
const IP = 14;
const IP_SOURCE = IP + 12;
const IP_DESTINATION = IP + 16;
const ICMP = IP + 20;
const ECHO_REPLY = 0;
const ECHO_REQUEST = 8;

const macBytes = (mac) => Buffer.from(mac.replaceAll(':', ''), 'hex');
const ipBytes = (address) => Buffer.from(address.split('.').map(Number));
const ipText = (bytes, at) => bytes.subarray(at, at + 4).join('.');

function makeFrame(length, to, from, type) {
  const frame = Buffer.alloc(length);
  macBytes(to).copy(frame, 0);
  macBytes(from).copy(frame, 6);
  frame.writeUInt16BE(type, TYPE);
  return frame;
}

/** The internet checksum over `from` up to `to`, written at `at`, where 0 must stand. */
function finish(frame, from, to, at) {
  let sum = 0;
  for (let i = from; i < to; i += 2) sum += frame.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  frame.writeUInt16BE(~sum & 0xffff, at);
}

export function arpRequest(from, to) {
  const frame = makeFrame(42, BROADCAST, from.mac, ARP);
  Buffer.from([0, 1, 8, 0, 6, 4, 0, 1]).copy(frame, IP);
  macBytes(from.mac).copy(frame, ARP_SENDER);
  ipBytes(from.address).copy(frame, ARP_SENDER + 6);
  ipBytes(to.address).copy(frame, ARP_TARGET + 6);
  return frame;
}

/** An even length, for the checksum. */
export function echoRequest(from, to, length = 98) {
  const frame = makeFrame(length, to.mac, from.mac, IPV4);
  frame[IP] = 0x45;
  frame.writeUInt16BE(length - IP, IP + 2);
  frame[IP + 8] = 64;
  frame[IP + 9] = 1;
  ipBytes(from.address).copy(frame, IP_SOURCE);
  ipBytes(to.address).copy(frame, IP_DESTINATION);
  finish(frame, IP, ICMP, IP + 10);
  frame[ICMP] = ECHO_REQUEST;
  finish(frame, ICMP, length, ICMP + 2);
  return frame;
}

function isEcho(frame, kind) {
  return frame.readUInt16BE(TYPE) === IPV4 && frame[IP + 9] === 1 && frame[ICMP] === kind;
}

/** An answer to `to`'s ping of `from`. */
export function isEchoReply(frame, from, to) {
  return (
    isEcho(frame, ECHO_REPLY) &&
    ipText(frame, IP_SOURCE) === from.address &&
    ipText(frame, IP_DESTINATION) === to.address
  );
}

/** What the host sends back to this frame; undefined: nothing. */
export function answer(frame, host) {
  const reply = Buffer.from(frame);
  frame.copy(reply, 0, 6, 12);
  macBytes(host.mac).copy(reply, 6);
  if (frame.readUInt16BE(TYPE) === ARP && frame[ARP_OPERATION + 1] === 1) {
    if (ipText(frame, ARP_TARGET + 6) !== host.address) return undefined;
    reply[ARP_OPERATION + 1] = 2;
    frame.copy(reply, ARP_TARGET, ARP_SENDER, ARP_SENDER + 10);
    macBytes(host.mac).copy(reply, ARP_SENDER);
    ipBytes(host.address).copy(reply, ARP_SENDER + 6);
    return reply;
  }
  if (!isEcho(frame, ECHO_REQUEST) || ipText(frame, IP_DESTINATION) !== host.address) return undefined;
  frame.copy(reply, IP_SOURCE, IP_DESTINATION, IP_DESTINATION + 4);
  frame.copy(reply, IP_DESTINATION, IP_SOURCE, IP_SOURCE + 4);
  reply[ICMP] = ECHO_REPLY;
  reply.writeUInt16BE(0, ICMP + 2);
  finish(reply, ICMP, reply.length, ICMP + 2);
  return reply;
}

/** A datagram with an echo request in it, as tcpdump would put it. */
export function describeDatagram(datagram, from, fromPort, to) {
  const frame = datagram.subarray(8);
  const flags = datagram[0].toString(16).padStart(2, '0');
  const vni = datagram.readUIntBE(4, 3);
  const what = isEcho(frame, ECHO_REQUEST) ? 'ICMP echo request' : 'not the echo request that was sent';
  return [
    `IP ${from}.${fromPort} > ${to}.4789: VXLAN, flags 0x${flags}, vni ${vni}`,
    `  IP ${ipText(frame, IP_SOURCE)} > ${ipText(frame, IP_DESTINATION)}: ${what}, length ${frame.length - ICMP}`,
  ].join('\n');
}
