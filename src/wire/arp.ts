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

import { TYPE_IPV4 } from './ethernet.ts';

export const LENGTH = 28;

export const REQUEST = 1;
export const REPLY = 2;

const HARDWARE_ETHERNET = 1;
/** What some send on Ethernet too; the kernel takes both, and answers with 1. */
const HARDWARE_IEEE802 = 6;
const ADDRESS_LENGTHS = 0x0604;

const SENDER_MAC = 8;
const SENDER_IP = 14;
const TARGET_MAC = 18;
const TARGET_IP = 24;

/** Only then do the other fields stand where the drawing has them. */
export function isEthernetIpv4(view: DataView, at: number): boolean {
  const hardware = view.getUint16(at);
  return (
    (hardware === HARDWARE_ETHERNET || hardware === HARDWARE_IEEE802) &&
    view.getUint16(at + 2) === TYPE_IPV4 &&
    view.getUint16(at + 4) === ADDRESS_LENGTHS
  );
}

export function readOperation(view: DataView, at: number): number {
  return view.getUint16(at + 6);
}

export function readSenderMacHigh(view: DataView, at: number): number {
  return view.getUint16(at + SENDER_MAC);
}

export function readSenderMacLow(view: DataView, at: number): number {
  return view.getInt32(at + SENDER_MAC + 2);
}

export function readSenderIp(view: DataView, at: number): number {
  return view.getInt32(at + SENDER_IP);
}

export function readTargetMacHigh(view: DataView, at: number): number {
  return view.getUint16(at + TARGET_MAC);
}

export function readTargetMacLow(view: DataView, at: number): number {
  return view.getInt32(at + TARGET_MAC + 2);
}

export function readTargetIp(view: DataView, at: number): number {
  return view.getInt32(at + TARGET_IP);
}

/**
 * Makes the request at `at` the answer to itself: the given MAC has the address that was asked for, and
 * the requester becomes the target. The Ethernet header in front is the caller's.
 */
export function turnIntoReply(view: DataView, at: number, macHigh: number, macLow: number): void {
  const askedIp = readTargetIp(view, at);
  view.setUint16(at, HARDWARE_ETHERNET);
  view.setUint16(at + 6, REPLY);
  // Sender MAC and IP lie side by side, as do the target's: ten bytes move as one.
  for (let i = 0; i < 10; i += 2) view.setUint16(at + TARGET_MAC + i, view.getUint16(at + SENDER_MAC + i));
  view.setUint16(at + SENDER_MAC, macHigh);
  view.setInt32(at + SENDER_MAC + 2, macLow);
  view.setInt32(at + SENDER_IP, askedIp);
}
