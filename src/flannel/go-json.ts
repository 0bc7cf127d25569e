/**
 * JSON as Go's encoding/json takes it into a struct: a key means the field of its name without regard to case, the last
 * one that does wins, unknown keys are nothing, null leaves a plain field as it was, and 24.0 is no integer. JavaScript's
 * own parser only says whether the text is JSON at all, as it keeps neither all keys nor the form of numbers.
 */

import { quoted, Unusable } from './unusable.ts';

/** The text of each field's value, as it stands there. */
export type Fields = ReadonlyMap<string, string>;

/** `what` is the beginning of a sentence: `the config`. Of JSON's null, as in Go, no field is set. */
export function readFields(text: string, names: readonly string[], what: string): Fields {
  const root = parsed(text, what);
  if (root !== null && (typeof root !== 'object' || Array.isArray(root))) {
    throw new Unusable('json', `${what} is no JSON object: ${quoted(text)}`);
  }
  const fields = new Map<string, string>();
  const folded = new Map(names.map((name) => [fold(name), name]));
  for (const [key, value] of members(text)) {
    const name = folded.get(fold(key));
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

const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/** Of the outermost object, whose text is known to be JSON. */
function* members(text: string): Generator<[key: string, value: string]> {
  let depth = 0;
  let key: string | undefined;
  let start = -1;
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (depth === 1 && key !== undefined && (token === ',' || token === '}')) {
      yield [JSON.parse(key), text.slice(start, index).trim()];
      [key, start] = [undefined, -1];
    } else if (depth === 1 && key === undefined && token.startsWith('"')) key = token;
    else if (depth === 1 && start < 0 && token === ':') start = index + 1;
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
  }
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
