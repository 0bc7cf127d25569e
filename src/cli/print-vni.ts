/** VNIs of trunks as `bridge vni show` prints them, and our VLANs; with -o each line is what `vni add` takes. */

import type { VniArgs } from '../control/protocol.ts';
import { countedLines } from './counted.ts';
import { dropped, innerBytes } from './print-link.ts';
import type { Kind, Show } from './printer.ts';

type VniItem = VniArgs & { counters?: Record<string, number> };

interface Trunk {
  dev: string;
  items: VniItem[];
}

function gather(items: readonly VniItem[], show: Show): Trunk[] {
  if (show.oneline && !show.json && !show.plain)
    return items.map((item) => ({ dev: item.dev, items: [item] }));
  const trunks = new Map<string, Trunk>();
  for (const item of items) {
    const trunk = trunks.get(item.dev) ?? { dev: item.dev, items: [] };
    trunk.items.push(item);
    trunks.set(item.dev, trunk);
  }
  return [...trunks.values()];
}

function text({ dev, items }: Trunk, show: Show): string {
  if (show.oneline && !show.plain) return items.map(words).join('\n');
  const rows = items.flatMap((item, at) => [
    `${(at === 0 ? dev : '').padEnd(18)}${row(item)}`,
    ...(show.stats && item.counters ? statLines(item.counters, show) : []),
  ]);
  return rows.join('\n');
}

/** What `vni add` takes. */
function words({ dev, vni: [first, last], group, remote, vlan }: VniItem): string {
  const where = group ? ` group ${group}` : remote ? ` remote ${remote}` : '';
  return `dev ${dev} vni ${first === last ? first : `${first}-${last}`}${where}${vlan === undefined ? '' : ` vlan ${vlan}`}`;
}

function row({ vni: [first, last], group, remote, vlan }: VniItem): string {
  const range = first === last ? ` ${first}`.padEnd(15) : ` ${first}-${`${last}`.padEnd(14)} `;
  const where = group ?? remote;
  return `${range}${where ? ` ${where}` : ''}${vlan === undefined ? '' : ` vlan ${vlan}`}`;
}

function statLines(counters: Readonly<Record<string, number>>, { plain }: Show): string[] {
  const { rx_bytes, rx_pkts, rx_drops, rx_errors, tx_bytes, tx_pkts, tx_drops, tx_errors } = stats(counters);
  return [
    `RX: bytes ${rx_bytes} pkts ${rx_pkts} drops ${rx_drops} errors ${rx_errors} `,
    `TX: bytes ${tx_bytes} pkts ${tx_pkts} drops ${tx_drops} errors ${tx_errors} `,
    ...(plain ? [] : countedLines(counters)),
  ].map((line) => `${' '.repeat(19)}${line}`);
}

function keys({ dev, items }: Trunk, show: Show): object {
  return {
    ifname: dev,
    vnis: items.map(({ vni: [first, last], group, remote, vlan, counters }) => ({
      vni: first,
      vniEnd: first === last ? undefined : last,
      group,
      remote,
      vlan,
      stats:
        show.stats && counters
          ? { ...stats(counters), counters: show.plain ? undefined : counters }
          : undefined,
    })),
  };
}

/** With iproute2's names, and the kernel's habit: Ethernet headers count on their way into the tunnel, not out of it. */
function stats(counters: Readonly<Record<string, number>>): Record<string, number> {
  const { rxBytes = 0, rxFrames = 0, txBytes = 0, txFrames = 0, congested = 0 } = counters;
  return {
    rx_bytes: innerBytes(rxBytes, rxFrames),
    rx_pkts: rxFrames,
    rx_drops: dropped(counters, true) - congested,
    rx_errors: congested,
    tx_bytes: txBytes,
    tx_pkts: txFrames,
    tx_drops: dropped(counters, false),
    tx_errors: 0,
  };
}

const head = 'dev               vni              group/remote   \n';

export const VNIS: Kind = { text, json: keys, gather, head };
