/** Tables and counters as text, in the form of `bridge -s fdb show`. Cold code. */

import type { OpenLink } from '../control/link.ts';
import { clock } from '../engine/native-engine.ts';
import { type CounterName, DROP_REASONS, NOTES, TRAFFIC } from '../tables/counters.ts';
import { FDB_FLAG } from '../tables/fdb.ts';
import type { Tables } from '../tables/tables.ts';
import { formatIp, formatMac } from '../wire/address.ts';

function destination(tables: Tables, remote: number): string {
  const word = (at: number) => tables.remotes.address(remote, at);
  return formatIp(word(0), word(1), word(2), word(3));
}

export function fdbLines(tables: Tables, link: number, name: string, now: number): string[] {
  const { fdb, floods } = tables;
  const lines = floods
    .list(link)
    .map((remote) => `00:00:00:00:00:00 dev ${name} dst ${destination(tables, remote)} self permanent`);
  for (const entry of fdb.entries()) {
    if (fdb.link(entry) !== link) continue;
    const mac = formatMac(fdb.macHigh(entry), fdb.macLow(entry));
    const flags = fdb.flags(entry);
    const state = flags & FDB_FLAG.permanent ? ' permanent' : flags & FDB_FLAG.static ? ' static' : '';
    const ages = `used ${now - fdb.used(entry)}/${now - fdb.updated(entry)}`;
    lines.push(`${mac} dev ${name} dst ${destination(tables, fdb.remote(entry))} ${ages} self${state}`);
  }
  return lines;
}

/** Traffic always, drops and notes where there were any; row 0 holds what belonged to no link. */
export function counterLines(tables: Tables, link: number): string[] {
  const own = tables.counters.read(link);
  const nobodys = tables.counters.read(0);
  const sentences = { ...DROP_REASONS, ...NOTES } as Record<string, string>;
  const lines = TRAFFIC.map((name) => `  ${name}: ${own[name]}`);
  for (const [name, sentence] of Object.entries(sentences)) {
    const count = own[name as CounterName] + nobodys[name as CounterName];
    if (count > 0) lines.push(`  ${name}: ${count} (${sentence})`);
  }
  return lines;
}

export function describe(link: OpenLink): string {
  const { tables, index, name } = link;
  return `${[...fdbLines(tables, index, name, clock()), ...counterLines(tables, index)].join('\n')}\n`;
}
