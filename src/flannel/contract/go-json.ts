/**
 * JSON as Go's encoding/json takes it into a struct: a key means the field of its name without regard to case, the last
 * one that does wins, unknown keys are nothing, null leaves a plain field as it was, and 24.0 is no integer. JavaScript's
 * own parser only says whether the text is JSON at all, as it keeps neither all keys nor the form of numbers.
 */

import { quoted, Unusable } from './unusable.ts';

/** The text of each field's value, as it stands there. */
export type Fields = ReadonlyMap<string, string>;

/** The fields of a struct, by what their keys are folded to. */
export type Struct = ReadonlyMap<string, string>;

export function structOf(...names: readonly string[]): Struct {
  return new Map(names.map((name) => [fold(name), name]));
}

/** `what` is the beginning of a sentence: `the config`. Of JSON's null, as in Go, no field is set. */
export function readFields(text: string, struct: Struct, what: string): Fields {
  const root = parsed(text, what);
  if (root !== null && (typeof root !== 'object' || Array.isArray(root))) {
    throw new Unusable('json', `${what} is no JSON object: ${quoted(text)}`);
  }
  const fields = new Map<string, string>();
  if (root === null) return fields;
  for (const [key, value] of members(text)) {
    const name = struct.get(fold(key));
    if (name !== undefined && (value !== 'null' || !fields.has(name))) fields.set(name, value);
  }
  return fields;
}

function parsed(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Unusable('json', `${what} is no JSON: ${quoted(text)}`);
  }
}

/** Go folds as Unicode does: the Kelvin sign is a k, the long s an s. */
function fold(name: string): string {
  return name.toLowerCase().replaceAll('\u017f', 's');
}

const [QUOTE, BACKSLASH, COLON, COMMA] = ['"', '\\', ':', ','].map(codeOf);
const [OPEN, CLOSE] = [['{', '['].map(codeOf), ['}', ']'].map(codeOf)];

function codeOf(character: string): number {
  return character.charCodeAt(0);
}

/** Of the outermost object, whose text is known to be JSON. */
function members(text: string): [key: string, value: string][] {
  const found: [string, string][] = [];
  let depth = 0;
  let key = '';
  let start = 0; // of a value, behind its colon; 0: a key comes
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const isOutermost = depth === 1;
    if (code === QUOTE) {
      const end = endOfString(text, at);
      if (isOutermost && start === 0) key = text.slice(at, end);
      at = end - 1;
    } else if (isOutermost && code === COLON) start = at + 1;
    else if (OPEN.includes(code)) depth++;
    else if (CLOSE.includes(code)) depth--;
    if (isOutermost && start > 0 && (code === COMMA || depth === 0)) {
      found.push([key.includes('\\') ? JSON.parse(key) : key.slice(1, -1), text.slice(start, at).trim()]);
      start = 0;
    }
  }
  return found;
}

/** Behind the quote that ends it. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  for (let code = text.charCodeAt(at); code !== QUOTE; code = text.charCodeAt(at))
    at += code === BACKSLASH ? 2 : 1;
  return at + 1;
}

export function booleanOf(fields: Fields, name: string, otherwise: boolean): boolean {
  const text = fields.get(name) ?? 'null';
  if (text === 'null') return otherwise;
  if (text !== 'true' && text !== 'false') throw wrong(name, text, 'true or false');
  return text === 'true';
}

export function integerOf(
  fields: Fields,
  name: string,
  range: readonly [number, number],
): number | undefined {
  const text = fields.get(name) ?? 'null';
  if (text === 'null') return undefined;
  const [least, most] = range;
  const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) throw wrong(name, text, `a whole number of ${least} to ${most}`);
  return value;
}

export function stringOf(fields: Fields, name: string): string {
  const text = fields.get(name) ?? 'null';
  if (text === 'null') return '';
  if (!text.startsWith('"')) throw wrong(name, text, 'a string');
  return JSON.parse(text);
}

/** Of a type that reads itself, as flannel's addresses do: what stands between the quotes, escapes and all; `null` too. */
export function wordOf(fields: Fields, name: string): string | undefined {
  return fields.get(name)?.replace(/^"+|"+$/g, '');
}

export function wrong(name: string, text: string, right: string): Unusable {
  return new Unusable('json', `${name} is ${quoted(text)}, and should be ${right}`);
}
