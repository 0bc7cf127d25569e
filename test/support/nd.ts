/** Questions and answers of neighbour discovery as scapy makes them, honest and odd. */
import { parseIp } from '../../src/wire/address.ts';
import { frame } from './frames.ts';
import { scapy } from './scapy.ts';

const MAKE = `
def question(target, odd={}):
    ip = IPv6(src=odd.get("src", "fd00::55"), dst=odd.get("dst", "ff02::1:ff00:20"), hlim=odd.get("hlim", 255), tc=odd.get("tc", 0))
    if "plen" in odd: ip.plen = odd["plen"]
    message = ICMPv6ND_NS(tgt=target, code=odd.get("code", 0))
    packet = ip / message
    for kind, value in odd.get("options", [["mac", "02:00:00:00:00:55"]]):
        if kind == "mac": packet = packet / ICMPv6NDOptSrcLLAddr(lladdr=value)
        elif kind == "raw": packet = packet / Raw(bytes.fromhex(value))
    frame = Ether(src="02:00:00:00:00:55", dst="33:33:ff:00:00:20")
    if "tag" in odd: frame = frame / Dot1Q(vlan=odd["tag"])
    if "hop" in odd: packet = ip / IPv6ExtHdrHopByHop() / message
    whole = bytes(frame / packet)
    return whole[:odd.get("cut", len(whole))]
answer([question(*each).hex() for each in given])
`;

/** [target, what is odd about it] */
export type Question = [target: string, odd?: Record<string, unknown>];

export const questions = (...given: Question[]): string[] =>
  scapy<string[]>(
    MAKE,
    given.map(([target, odd = {}]) => [target, odd]),
  );

const ip = (text: string) => {
  const words = parseIp(text) as Int32Array;
  return Array.from(words, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
};

/** The checksum of an ICMPv6 message, the slow way. */
function checksum(from: string, to: string, message: string): string {
  const bytes = Buffer.from(
    `${from}${to}${(message.length / 2).toString(16).padStart(8, '0')}0000003a${message}`,
    'hex',
  );
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += bytes.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum >>> 16) + (sum & 0xffff);
  return (~sum & 0xffff).toString(16).padStart(4, '0');
}

function packet(
  macs: [to: string, from: string],
  from: string,
  to: string,
  type: string,
  rest: string,
): Uint8Array {
  const sum = checksum(from, to, `${type}000000${rest}`);
  return frame(macs[0], macs[1], `6000000000203aff${from}${to}${type}00${sum}${rest}`, '86dd');
}

/** Who has `target`? */
export const solicitation = (fromMac: string, from: string, target: string): Uint8Array =>
  packet(
    ['3333ff000002', fromMac],
    ip(from),
    ip('ff02::1:ff00:2'),
    '87',
    `00000000${ip(target)}0101${fromMac}`,
  );

/** `fromMac` has `from`. The flags: solicited and override. */
export const advertisement = (
  fromMac: string,
  from: string,
  toMac: string,
  to: string,
  flags = 0x60,
): Uint8Array =>
  packet(
    [toMac, fromMac],
    ip(from),
    ip(to),
    '88',
    `${flags.toString(16).padStart(2, '0')}000000${ip(from)}0201${fromMac}`,
  );
