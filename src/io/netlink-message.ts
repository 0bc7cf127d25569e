/**
 * Messages of netlink, made and read.
 *
 *   message    length:4 type:2 flags:2 sequence:4 port:4, a fixed part by type, then attributes
 *   attribute  length:2 type:2 value, padded to 4; some values are attributes again
 */

import { isIpv4Mapped } from '../wire/address.ts';

const HEADER = 16;
const SEQUENCE_AT = 8;
/** Bits of an attribute's type that say how its value is made. */
const TYPE_MASK = 0x3fff;

export const FAMILY = { any: 0, ipv4: 2, ipv6: 10 } as const;

export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** All after the header, as long as the room it was read from is not read into again. */
  readonly body: Buffer;
}

export type Attributes = ReadonlyMap<number, Buffer>;

export function message(type: number, flags: number, fixed: Buffer, ...attributes: Buffer[]): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(HEADER), fixed, ...attributes]);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt16LE(type, 4);
  bytes.writeUInt16LE(flags, 6);
  return bytes;
}

export function setSequence(bytes: Buffer, sequence: number): void {
  bytes.writeUInt32LE(sequence, SEQUENCE_AT);
}

/** A number is of 32 bits. */
export function attribute(type: number, value: Buffer | number | string): Buffer {
  const content = typeof value === 'number' ? word(value) : Buffer.from(value as string);
  const whole = Buffer.alloc(4 + padded(content.length));
  whole.writeUInt16LE(4 + content.length, 0);
  whole.writeUInt16LE(type, 2);
  content.copy(whole, 4);
  return whole;
}

export function* messages(bytes: Buffer): Generator<Message> {
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    if (length < HEADER || at + length > bytes.length) return;
    yield {
      type: bytes.readUInt16LE(at + 4),
      flags: bytes.readUInt16LE(at + 6),
      sequence: bytes.readUInt32LE(at + SEQUENCE_AT),
      body: bytes.subarray(at + HEADER, at + length),
    };
    at += padded(length);
  }
}

export function attributes(bytes: Buffer | undefined, from = 0): Attributes {
  const found = new Map<number, Buffer>();
  for (let at = from; bytes && at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    if (length < 4 || at + length > bytes.length) break;
    found.set(bytes.readUInt16LE(at + 2) & TYPE_MASK, bytes.subarray(at + 4, at + length));
    at += padded(length);
  }
  return found;
}

/** A value of 1 or 4 bytes; 0 where there is none. */
export function numberOf(value: Buffer | undefined): number {
  return value ? value.readUIntLE(0, Math.min(value.length, 4)) : 0;
}

export function textOf(value: Buffer | undefined): string {
  const end = value?.indexOf(0) ?? 0;
  return value?.toString('utf8', 0, end < 0 ? value.length : end) ?? '';
}

/** An address of 4 or 16 bytes as the four words that all tables use. */
export function ipOf(value: Buffer | undefined): Int32Array | undefined {
  if (value?.length === 4) return Int32Array.of(0, 0, 0xffff, value.readInt32BE(0));
  if (value?.length !== 16) return undefined;
  return Int32Array.from({ length: 4 }, (_, i) => value.readInt32BE(4 * i));
}

/** The four words as an address of 4 or 16 bytes. */
export function ipBytes(ip: Int32Array): Buffer {
  const bytes = Buffer.alloc(16);
  ip.forEach((part, i) => void bytes.writeInt32BE(part, 4 * i));
  return isIpv4Mapped(ip[0], ip[1], ip[2]) ? bytes.subarray(12) : bytes;
}

export function familyOf(bytes: Uint8Array): number {
  return bytes.length === 4 ? FAMILY.ipv4 : FAMILY.ipv6;
}

/** Numbers one after the other, each with how many bytes it takes. */
export function fixedPart(...fields: readonly (readonly [bytes: 1 | 2 | 4, value: number])[]): Buffer {
  const parts = fields.map(([bytes, value]) => word(value).subarray(0, bytes));
  return Buffer.concat(parts);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

function padded(length: number): number {
  return (length + 3) & ~3;
}
