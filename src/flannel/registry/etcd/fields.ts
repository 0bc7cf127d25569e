/**
 * What etcd's gateway answers, read with distrust: zero values are left out, 64-bit numbers are strings, and bytes are
 * base64.
 */

/** An answer that etcd would not give; what is wrong with it. */
export class Garbled extends Error {}

const notEtcd = (what: string) => new Garbled(`what it answers is not what etcd would: ${what}`);

export type Fields = Readonly<Record<string, unknown>>;

export function fieldsOf(value: unknown): Fields {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw notEtcd('an object is missing');
  return value as Fields;
}

export function parsed(text: string): Fields {
  try {
    return fieldsOf(JSON.parse(text));
  } catch {
    throw notEtcd('it is no JSON');
  }
}

export function listOf(value: unknown): readonly Fields[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw notEtcd('a list is missing');
  return value.map(fieldsOf);
}

export function integerOf(value: unknown): number {
  if (value === undefined) return 0;
  const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;
  if (!Number.isSafeInteger(number)) throw notEtcd('a number is none, or too large');
  return number as number;
}

/** Bytes as they came, in base64; or a text. */
export function textOf(value: unknown): string {
  if (value === undefined) return '';
  if (typeof value !== 'string') throw notEtcd('a text is missing');
  return value;
}

export const decoded = (base64: string) => Buffer.from(base64, 'base64').toString();
export const encoded = (text: string) => Buffer.from(text).toString('base64');
