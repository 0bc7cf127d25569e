// Sends forged IPv4 UDP datagrams: any source address, and a UDP checksum that is right, zero or wrong. Needs root.
// Standard input holds one JSON object a line, sent in order:
//   {"from":"192.0.2.1","to":"192.0.2.2","sourcePort":5000,"destinationPort":4789,"payloadHex":"08...","checksum":"zero"}
import { isIPv4 } from 'node:net';
import { createInterface } from 'node:readline';
import raw from 'raw-socket';

const IP_HEADER = 20;
const UDP_HEADER = 8;

function addressBytes(address) {
  if (!isIPv4(address)) throw new Error(`"${address}" is no IPv4 address`);
  return Buffer.from(address.split('.').map(Number));
}

function rightChecksum(source, destination, udp) {
  const pseudoHeader = Buffer.concat([
    source,
    destination,
    Buffer.from([0, 17, udp.length >> 8, udp.length & 0xff]),
  ]);
  // A sum of zero travels as all ones: zero means that there is no checksum.
  return raw.createChecksum(pseudoHeader, udp) || 0xffff;
}

function checksumOf(kind, right) {
  if (kind === 'right') return right;
  if (kind === 'zero') return 0;
  if (kind === 'wrong') return right === 0xffff ? 1 : right + 1;
  throw new Error(`checksum is "${kind}", not right, zero or wrong`);
}

function forge({ from, to, sourcePort, destinationPort, payloadHex, checksum }) {
  const source = addressBytes(from);
  const destination = addressBytes(to);
  const udp = Buffer.concat([Buffer.alloc(UDP_HEADER), Buffer.from(payloadHex, 'hex')]);
  udp.writeUInt16BE(sourcePort, 0);
  udp.writeUInt16BE(destinationPort, 2);
  udp.writeUInt16BE(udp.length, 4);
  udp.writeUInt16BE(checksumOf(checksum, rightChecksum(source, destination, udp)), 6);
  // The kernel fills in the id and the checksum of an IP header that it is handed.
  const ip = Buffer.from([0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, ...source, ...destination]);
  ip.writeUInt16BE(IP_HEADER + udp.length, 2);
  return Buffer.concat([ip, udp]);
}

function includeHeader(socket) {
  socket.setOption(raw.SocketLevel.IPPROTO_IP, raw.SocketOption.IP_HDRINCL, 1);
}

function send(socket, packet, to) {
  return new Promise((resolve, reject) => {
    socket.send(
      packet,
      0,
      packet.length,
      to,
      () => includeHeader(socket),
      (error) => (error ? reject(error) : resolve()),
    );
  });
}

const socket = raw.createSocket({ protocol: raw.Protocol.UDP });
try {
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() === '') continue;
    const order = JSON.parse(line);
    await send(socket, forge(order), order.to);
  }
} catch (error) {
  console.error(`forge: ${error.message}`);
  process.exitCode = 1;
} finally {
  socket.close();
}
