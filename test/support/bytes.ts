/** A buffer full of 0xa5: a writer that forgets a byte, or writes one too many, shows. */
export function dirty(length: number): Uint8Array {
  return new Uint8Array(length).fill(0xa5);
}

/** Reads `45 00 0028`, spaces as they please. */
export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** `content` at offset `at` of a dirty buffer that goes on behind it. */
export function embed(content: Uint8Array, at: number): Uint8Array {
  const bytes = dirty(at + content.length + 16);
  bytes.set(content, at);
  return bytes;
}

/** The same bytes, but reading an index outside of [at, end) throws. */
export function guarded(bytes: Uint8Array, at: number, end: number): Uint8Array {
  return new Proxy(bytes, {
    get(target, key) {
      const index = Number(key as string);
      if (!(index >= at && index < end)) {
        throw new RangeError(`read at ${String(key)}, outside of [${at}, ${end})`);
      }
      return target[index];
    },
  });
}
