/**
 * The entropy that RFC 7348 wants in the source port, from a fixed set of sockets: ports spread over the range,
 * in another place at each start, so that two VTEPs of one host seldom try the same ones.
 */

export const SENDING_SOCKETS = 64;
export const DEFAULT_RANGE: readonly [number, number] = [49_152, 65_535];

/** Ports to try, in order, until SENDING_SOCKETS of them could be had. */
export function* spread([low, high]: readonly [number, number]): Generator<number> {
  const span = high - low + 1;
  const first = Math.floor(Math.random() * span);
  const step = Math.max(1, Math.floor(span / SENDING_SOCKETS));
  for (let i = 0; i < Math.min(span, 4 * SENDING_SOCKETS); i++) {
    yield low + ((first + i * step + Math.floor((i * step) / span)) % span);
  }
}
