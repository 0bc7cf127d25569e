/**
 * TCP header (RFC 9293).
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-------------------------------+-------------------------------+
 *   |          source port          |       destination port        |
 *   +-------------------------------+-------------------------------+
 *   |                        sequence number                        |
 *   +---------------------------------------------------------------+
 *   |                    acknowledgment number                      |
 *   +-------+-------+---------------+-------------------------------+
 *   | words | resvd |C|E|U|A|P|R|S|F|            window             |
 *   +-------+-------+---------------+-------------------------------+
 *   |           checksum            |        urgent pointer         |
 *   +-------------------------------+-------------------------------+
 *   |  options, (words - 5) words ...
 */

export const MINIMUM_LENGTH = 20;
export const CHECKSUM_OFFSET = 16;

export const FLAG_FIN = 0x01;
export const FLAG_SYN = 0x02;
export const FLAG_RST = 0x04;
export const FLAG_PSH = 0x08;
export const FLAG_ACK = 0x10;
export const FLAG_URG = 0x20;
export const FLAG_ECE = 0x40;
export const FLAG_CWR = 0x80;

export function readSourcePort(view: DataView, at: number): number {
  return view.getUint16(at);
}

export function readDestinationPort(view: DataView, at: number): number {
  return view.getUint16(at + 2);
}

/** An int32. */
export function readSequence(view: DataView, at: number): number {
  return view.getInt32(at + 4);
}

/** In bytes; less than MINIMUM_LENGTH in a malformed segment. */
export function readHeaderLength(view: DataView, at: number): number {
  return (view.getUint8(at + 12) >>> 4) << 2;
}

export function readFlags(view: DataView, at: number): number {
  return view.getUint8(at + 13);
}

export function readChecksum(view: DataView, at: number): number {
  return view.getUint16(at + CHECKSUM_OFFSET);
}
