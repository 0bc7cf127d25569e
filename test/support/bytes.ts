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

const guards = new WeakMap<Uint8Array, readonly [number, number]>();

/** The same bytes, but a function of `overBytes` that reads an index outside of [at, end) throws. */
export function guarded(bytes: Uint8Array, at: number, end: number): Uint8Array {
  const copy = bytes.slice();
  guards.set(copy, [at, end]);
  return copy;
}

function viewOf(bytes: Uint8Array): DataView {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const range = guards.get(bytes);
  if (!range) return view;
  const guard = (length: number, read: (at: number) => number) => (at: number) => {
    if (at >= range[0] && at + length <= range[1]) return read.call(view, at);
    throw new RangeError(`read of ${length} at ${at}, outside of [${range[0]}, ${range[1]})`);
  };
  const { getUint8, getUint16, getInt32 } = DataView.prototype;
  return Object.assign(view, {
    getUint8: guard(1, getUint8),
    getUint16: guard(2, getUint16),
    getInt32: guard(4, getInt32),
  });
}

type OverBytes<Module> = {
  [Name in keyof Module]: Module[Name] extends (view: DataView, ...rest: infer Rest) => infer Result
    ? (bytes: Uint8Array, ...rest: Rest) => Result
    : Module[Name];
};

/** A wire module whose functions take bytes where they take a view of them. */
export function overBytes<Module extends object>(module: Module): OverBytes<Module> {
  const wrap = (value: unknown) =>
    typeof value === 'function'
      ? (...all: unknown[]) => value(...all.map((each) => (each instanceof Uint8Array ? viewOf(each) : each)))
      : value;
  return Object.fromEntries(
    Object.entries(module).map(([name, value]) => [name, wrap(value)]),
  ) as OverBytes<Module>;
}
