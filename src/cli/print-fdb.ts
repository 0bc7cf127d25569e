/** Entries as `bridge fdb show` prints them; with -d so that any line is what `fdb append` takes. */

import type { FdbNews } from '../control/protocol.ts';
import type { Kind, Show } from './printer.ts';

/** The order of iproute2. */
const FLAGS = ['router', 'extern_learn', 'sticky'] as const;

/** As iproute2 has it, details are none. */
function isWhole({ details, plain }: Show): boolean {
  return details && !plain;
}

/** iproute2 has no word for an entry that ages. */
function stateOf({ state }: FdbNews, show: Show): string {
  if (state !== 'learned' && state !== 'dynamic') return state;
  return isWhole(show) ? 'dynamic' : '';
}

function flagsOf({ flags }: FdbNews): string[] {
  return ['self', ...(flags === undefined ? [] : FLAGS.filter((flag) => flags.includes(flag)))];
}

export function fdbText(entry: FdbNews, show: Show, isOfOne = false): string {
  const { mac, dev, dst, port, vni, src_vni: sourceVni, via, used, updated } = entry;
  const device = isOfOne && !isWhole(show) ? '' : ` dev ${dev}`;
  const words = `${mac}${device} dst ${dst}${port === undefined ? '' : ` port ${port}`}${
    vni === undefined ? '' : ` vni ${vni}`
  }${sourceVni === undefined ? '' : ` src_vni ${sourceVni}`}${via === undefined ? '' : ` via ${via}`}`;
  const ages = show.stats ? ` used ${used}/${updated}` : '';
  return `${words}${ages} ${flagsOf(entry).join(' ')} ${stateOf(entry, show)}`;
}

export function fdbKeys(entry: FdbNews, show: Show, isOfOne = false): object {
  const { mac, dev, dst, port, vni, src_vni, via, used, updated } = entry;
  return {
    mac,
    ifname: isOfOne && !isWhole(show) ? undefined : dev,
    dst,
    port,
    vni,
    src_vni,
    viaIf: via,
    used: show.stats ? used : undefined,
    updated: show.stats ? updated : undefined,
    flags: flagsOf(entry),
    state: stateOf(entry, show),
  };
}

export const ENTRIES: Kind = { text: fdbText, json: fdbKeys };
