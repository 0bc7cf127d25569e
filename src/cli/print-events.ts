/** What happens, as `ip monitor` and `bridge monitor` print it; with -j an object a line. */

import type { MonitorItem } from '../control/protocol.ts';
import { fdbKeys, fdbText } from './print-fdb.ts';
import { LINKS } from './print-link.ts';
import { neighKeys, neighText } from './print-neigh.ts';
import type { Kind, Show } from './printer.ts';

function text(item: MonitorItem, show: Show): string {
  if (item.event === 'miss') {
    return item.ip
      ? `miss ${item.ip} dev ${item.dev} STALE `
      : `miss dev ${item.dev} lladdr ${item.mac} STALE `;
  }
  const deleted = item.deleted ? 'Deleted ' : '';
  if (item.event === 'link') return `${deleted}${LINKS.text(item.link as never, show, false)}`;
  if (item.event === 'fdb') return `${deleted}${fdbText(item.entry, show)}`;
  return `${deleted}${neighText(item.neighbor, show)}`;
}

function keys(item: MonitorItem, show: Show): object {
  if (item.event === 'miss') return { event: 'miss', dev: item.dev, lladdr: item.mac, dst: item.ip };
  const head = { event: item.event, ...(item.deleted && { deleted: true }) };
  if (item.event === 'link') return { ...head, ...LINKS.json(item.link as never, show, false) };
  if (item.event === 'fdb') return { ...head, ...fdbKeys(item.entry, show) };
  return { ...head, ...neighKeys(item.neighbor, show) };
}

export const EVENTS: Kind = { text, json: keys, events: true };
