/**
 * ARP for IPv4 over Ethernet (RFC 826).
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-------------------------------+-------------------------------+
 *   |      hardware type = 1        |    protocol type = 0x0800     |
 *   +---------------+---------------+-------------------------------+
 *   |  hw len = 6   | proto len = 4 |          operation            |
 *   +---------------+---------------+-------------------------------+
 *   |                     sender MAC: high, low ...                 |
 *   +-------------------------------+-------------------------------+
 *   |                               |         sender IP ...         |
 *   +-------------------------------+-------------------------------+
 *   |                               |  target MAC: high, low ...    |
 *   +-------------------------------+-------------------------------+
 *   |                                                               |
 *   +---------------------------------------------------------------+
 *   |                           target IP                           |
 *   +---------------------------------------------------------------+
 */

import { read16, read32, write16, write32 } from './big-endian.ts';
import { TYPE_IPV4 } from './ethernet.ts';

export const LENGTH = 28;

export const REQUEST = 1;
export const REPLY = 2;

const HARDWARE_ETHERNET = 1;
const ADDRESS_LENGTHS = 0x0604;

const SENDER_MAC = 8;
const SENDER_IP = 14;
const TARGET_MAC = 18;
const TARGET_IP = 24;

/** Only then do the other fields stand where the drawing has them. */
export function isEthernetIpv4(bytes: Uint8Array, at: number): boolean {
  return (
    read16(bytes, at) === HARDWARE_ETHERNET &&
    read16(bytes, at + 2) === TYPE_IPV4 &&
    read16(bytes, at + 4) === ADDRESS_LENGTHS
  );
}

export function readOperation(bytes: Uint8Array, at: number): number {
  return read16(bytes, at + 6);
}

export function readSenderMacHigh(bytes: Uint8Array, at: number): number {
  return read16(bytes, at + SENDER_MAC);
}

export function readSenderMacLow(bytes: Uint8Array, at: number): number {
  return read32(bytes, at + SENDER_MAC + 2);
}

export function readSenderIp(bytes: Uint8Array, at: number): number {
  return read32(bytes, at + SENDER_IP);
}

export function readTargetMacHigh(bytes: Uint8Array, at: number): number {
  return read16(bytes, at + TARGET_MAC);
}

export function readTargetMacLow(bytes: Uint8Array, at: number): number {
  return read32(bytes, at + TARGET_MAC + 2);
}

export function readTargetIp(bytes: Uint8Array, at: number): number {
  return read32(bytes, at + TARGET_IP);
}

/**
 * Makes the request at `at` the answer to itself: the given MAC has the address that was asked for, and
 * the requester becomes the target. The Ethernet header in front is the caller's.
 */
export function turnIntoReply(bytes: Uint8Array, at: number, macHigh: number, macLow: number): void {
  const askedIp = readTargetIp(bytes, at);
  write16(bytes, at + 6, REPLY);
  // Sender MAC and IP lie side by side, as do the target's: ten bytes move as one.
  bytes.copyWithin(at + TARGET_MAC, at + SENDER_MAC, at + SENDER_MAC + 10);
  write16(bytes, at + SENDER_MAC, macHigh);
  write32(bytes, at + SENDER_MAC + 2, macLow);
  write32(bytes, at + SENDER_IP, askedIp);
}
