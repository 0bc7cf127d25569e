/** Tables and counters as text, in the form of `bridge -s fdb show`. */

import { getSystemErrorName } from 'node:util';
import type { Link } from '../control/link.ts';
import type { FdbItem } from '../control/protocol.ts';
import { TRAFFIC } from '../tables/counters.ts';
import { countedLines } from './counted.ts';
import { fdbText } from './print-fdb.ts';

const WITH_AGES = { json: false, pretty: false, details: false, stats: true, oneline: false };

function fdbLine(entry: FdbItem): string {
  return fdbText(entry, WITH_AGES).trimEnd();
}

/** Traffic always, the rest where there was any. */
function counterLines(link: Link, offloads: readonly string[]): string[] {
  const counters: Record<string, number> = { ...link.counters(), ...link.offloads() };
  return [
    ...TRAFFIC.map((name) => `  ${name}: ${counters[name]}`),
    ...(offloads.length > 0 ? [`  offloads: ${offloads.join(' ')}`] : []),
    ...countedLines(counters, (name) => reason(name, link)).map((line) => `  ${line}`),
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
