/** Tables and counters as text, in the form of `bridge -s fdb show`. */

import { getSystemErrorName } from 'node:util';
import type { Link } from '../control/link.ts';
import type { FdbItem } from '../control/protocol.ts';
import { OFFLOADS } from '../memory/offload-counts.ts';
import { DROP_REASONS, NOTES, TRAFFIC } from '../tables/counters.ts';

/** As `bridge -s fdb show` has it, and as `fdb append` takes it but for the times. */
function fdbLine({ mac, dev, dst, port, vni, via, used, updated, flags = [], state }: FdbItem): string {
  const words = [mac, 'dev', dev, 'dst', dst];
  if (port !== undefined) words.push('port', `${port}`);
  if (vni !== undefined) words.push('vni', `${vni}`);
  if (via !== undefined) words.push('via', via);
  words.push('used', `${used}/${updated}`, 'self', ...flags);
  if (state !== 'learned') words.push(state);
  return words.join(' ');
}

/** Traffic always, the rest where there was any. */
function counterLines(link: Link, offloads: readonly string[]): string[] {
  const counters: Record<string, number> = { ...link.counters(), ...link.offloads() };
  const sentences = Object.entries({ ...DROP_REASONS, ...NOTES, ...OFFLOADS });
  return [
    ...TRAFFIC.map((name) => `  ${name}: ${counters[name]}`),
    ...(offloads.length > 0 ? [`  offloads: ${offloads.join(' ')}`] : []),
    ...sentences
      .filter(([name]) => counters[name] > 0)
      .map(([name, sentence]) => `  ${name}: ${counters[name]} (${sentence}${reason(name, link)})`),
    ...link.countersOfWorkers().map(workerLine),
  ];
}

function reason(counter: string, link: Link): string {
  const known = counter === 'trains-refused' && link.trainRefusal > 0;
  return known ? `; the last with ${getSystemErrorName(-link.trainRefusal)}` : '';
}

function workerLine(counters: Record<string, number>, worker: number): string {
  return `  worker ${worker + 1}: ${TRAFFIC.map((name) => `${name} ${counters[name]}`).join(', ')}`;
}

export function describe(link: Link, offloads: readonly string[]): string {
  const entries = Array.from(link.fdb.list(), fdbLine);
  return `${[...entries, ...counterLines(link, offloads)].join('\n')}\n`;
}
