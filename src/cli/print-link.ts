/** Links as `ip -d link show` prints them; the line that begins with `vxlan` is what `link add NAME type` takes. */

import type { LinkItem } from '../control/protocol.ts';
import { DROP_REASONS, type DropReason } from '../tables/counters.ts';
import { HEADER_LENGTH } from '../wire/ethernet.ts';
import { countedLines } from './counted.ts';
import type { Kind, Show } from './printer.ts';

type Attributes = Omit<
  LinkItem,
  'name' | 'ifindex' | 'mtu' | 'pathMtu' | 'address' | 'up' | 'workers' | 'offloads'
>;

const MTU = { least: 68, most: 65_485 };

/** On the way from the tunnel; the others are on the way into it. */
const INWARD: readonly DropReason[] = [
  'datagram-short',
  'no-vni-flag',
  'unknown-vni',
  'reserved-bits',
  'own-datagram',
  'own-mac',
  'bad-source-mac',
  'static-mac-elsewhere',
  'congested',
  'no-vlan',
  'tap-down',
  'tap-failed',
];

/** In the order and the spelling of iproute2, which cuts maxaddress short. What is as by default is left out as there. */
export function linkWords(link: Attributes): string {
  const { remotes = [], srcport = [0, 0] } = link;
  const on = (name: 'proxy' | 'rsc' | 'l2miss' | 'l3miss' | 'external' | 'vnifilter' | 'suppress') =>
    link[name] ? [name] : [];
  const either = (name: 'udpcsum' | 'udp6zerocsumtx' | 'udp6zerocsumrx', isOn: boolean) =>
    (link[name] ?? isOn) ? name : `no${name}`;
  return [
    ...on('external'),
    ...on('vnifilter'),
    ...(link.external ? [] : [`id ${link.id}`]),
    ...(link.group ? [`group ${link.group}`] : []),
    ...remotes.map((remote) => `remote ${remote}`),
    ...(link.local ? [`local ${link.local}`] : []),
    ...(link.dev ? [`dev ${link.dev}`] : []),
    `srcport ${srcport[0]} ${srcport[1]}`,
    `dstport ${link.dstport ?? 4789}`,
    ...(link.learning === false ? ['nolearning'] : []),
    ...on('proxy'),
    ...on('rsc'),
    ...on('l2miss'),
    ...on('l3miss'),
    ...(link.tos ? [`tos ${hex(link.tos)}`] : []),
    `ttl ${link.ttl || 'auto'}`,
    ...(link.df ? [`df ${link.df}`] : []),
    ...(link.flowlabel ? [`flowlabel ${hex(link.flowlabel)}`] : []),
    `ageing ${link.ageing ?? 300}`,
    ...(link.maxaddress ? [`maxaddr ${link.maxaddress}`] : []),
    either('udpcsum', true),
    either('udp6zerocsumtx', false),
    either('udp6zerocsumrx', false),
    ...(link.localbypass === false ? ['nolocalbypass'] : []),
    ...on('suppress'),
    ...(link.innervlan && link.innervlan !== 'pass' ? [`innervlan ${link.innervlan}`] : []),
    ...((link.reserved_bits ?? 'ignore') === 'ignore' ? [] : [`reserved_bits ${link.reserved_bits}`]),
  ].join(' ');
}

function hex(value: number | 'inherit'): string {
  return value === 'inherit' ? value : `0x${value.toString(16)}`;
}

function text(link: LinkItem, show: Show): string {
  const state = link.up ? 'qdisc noqueue state UNKNOWN' : 'qdisc noop state DOWN';
  const flags = flagsOf(link).join(',');
  const lines = [
    `${link.ifindex}: ${link.name}: <${flags}> mtu ${link.mtu} ${state} mode DEFAULT group default qlen 1000`,
    `    link/ether ${link.address} brd ff:ff:ff:ff:ff:ff`,
  ];
  if (show.details) {
    lines[1] += ` promiscuity 0  allmulti 0 minmtu ${MTU.least} maxmtu ${MTU.most} `;
    lines.push(`    vxlan ${linkWords(link)} `, `    ${ourLine(link)}`);
  }
  if (show.stats) lines.push(...statLines(link.counters ?? {}));
  return lines.join('\n');
}

function ourLine({ pathMtu, workers, offloads }: LinkItem): string {
  return `path mtu ${pathMtu} workers ${workers} offloads ${offloads.join(',') || 'none'}`;
}

function flagsOf({ up }: LinkItem): string[] {
  return up ? ['BROADCAST', 'MULTICAST', 'UP', 'LOWER_UP'] : ['BROADCAST', 'MULTICAST'];
}

export function dropped(counters: Readonly<Record<string, number>>, isInward: boolean): number {
  return (Object.keys(DROP_REASONS) as DropReason[])
    .filter((reason) => INWARD.includes(reason) === isInward)
    .reduce((sum, reason) => sum + (counters[reason] ?? 0), 0);
}

/** Of frames without their Ethernet headers, as the kernel counts those of a vxlan link. */
export function innerBytes(bytes: number, frames: number): number {
  return bytes - frames * HEADER_LENGTH;
}

/** The columns are as wide as their widest number. */
function statLines(counters: Readonly<Record<string, number>>): string[] {
  const { rxBytes = 0, rxFrames = 0, txBytes = 0, txFrames = 0 } = counters;
  const rows = [
    ['bytes', 'packets', 'errors', 'dropped', 'missed', 'mcast'],
    [innerBytes(rxBytes, rxFrames), rxFrames, 0, dropped(counters, true), 0, 0],
    ['bytes', 'packets', 'errors', 'dropped', 'carrier', 'collsns'],
    [innerBytes(txBytes, txFrames), txFrames, 0, dropped(counters, false), 0, 0],
  ].map((row) => row.map(String));
  const widths = [6, 7, 6, 7, 7, 7].map((least, at) => Math.max(least, ...rows.map((row) => row[at].length)));
  const line = (start: string, row: string[]) =>
    `    ${start} ${row.map((cell, at) => cell.padStart(widths[at])).join(' ')} `;
  const tail = ' '.repeat(10);
  return [
    `${line('RX:', rows[0])}${tail}`,
    line('   ', rows[1]),
    `${line('TX:', rows[2])}${tail}`,
    line('   ', rows[3]),
    ...countedLines(counters).map((counted) => `    ${counted}`),
  ];
}

function keys(link: LinkItem, show: Show): object {
  return {
    ifindex: link.ifindex,
    ifname: link.name,
    flags: flagsOf(link),
    mtu: link.mtu,
    qdisc: link.up ? 'noqueue' : 'noop',
    operstate: link.up ? 'UNKNOWN' : 'DOWN',
    linkmode: 'DEFAULT',
    group: 'default',
    txqlen: 1000,
    link_type: 'ether',
    address: link.address,
    broadcast: 'ff:ff:ff:ff:ff:ff',
    ...(show.details && {
      promiscuity: 0,
      allmulti: 0,
      min_mtu: MTU.least,
      max_mtu: MTU.most,
      linkinfo: { info_kind: 'vxlan', info_data: infoData(link) },
      num_tx_queues: link.workers,
      num_rx_queues: link.workers,
    }),
    ...(show.stats && { stats64: stats64(link.counters ?? {}) }),
    ...((show.details || show.stats) && { vtep: link }),
  };
}

/** `vxlan` as `ip -j -d link show` has it. */
function infoData(link: LinkItem): object {
  const { remotes: [remote] = [], srcport = [0, 0] } = link;
  const byFamily = (name: string, ip: string | null | undefined) =>
    ip ? { [ip.includes(':') ? `${name}6` : name]: ip } : {};
  const on = (name: 'proxy' | 'rsc' | 'l2miss' | 'l3miss' | 'external' | 'vnifilter') =>
    link[name] ? { [name]: true } : {};
  return {
    ...on('external'),
    ...on('vnifilter'),
    id: link.id,
    ...byFamily('group', link.group),
    ...(link.group ? {} : byFamily('remote', remote)),
    ...byFamily('local', link.local),
    ...(link.dev && { link: link.dev }),
    port_range: { low: srcport[0], high: srcport[1] },
    port: link.dstport ?? 4789,
    learning: link.learning ?? true,
    ...on('proxy'),
    ...on('rsc'),
    ...on('l2miss'),
    ...on('l3miss'),
    ...(link.tos && { tos: link.tos === 'inherit' ? '0x1' : hex(link.tos) }),
    // iproute2 has no key for a ttl that is inherited
    ...(link.ttl !== 'inherit' && { ttl: link.ttl ?? 0 }),
    df: link.df ?? 'unset',
    ...(link.flowlabel && { label: hex(link.flowlabel) }),
    ageing: link.ageing ?? 300,
    ...(link.maxaddress && { limit: link.maxaddress }),
    udp_csum: link.udpcsum ?? true,
    udp_zero_csum6_tx: link.udp6zerocsumtx ?? false,
    udp_zero_csum6_rx: link.udp6zerocsumrx ?? false,
    ...(link.localbypass === false && { localbypass: false }),
  };
}

function stats64(counters: Readonly<Record<string, number>>): object {
  const { rxBytes = 0, rxFrames = 0, txBytes = 0, txFrames = 0 } = counters;
  const common = { over_errors: 0, multicast: 0 };
  return {
    rx: {
      bytes: innerBytes(rxBytes, rxFrames),
      packets: rxFrames,
      errors: 0,
      dropped: dropped(counters, true),
      ...common,
    },
    tx: {
      bytes: innerBytes(txBytes, txFrames),
      packets: txFrames,
      errors: 0,
      dropped: dropped(counters, false),
      carrier_errors: 0,
      collisions: 0,
    },
  };
}

export const LINKS: Kind = { text, json: keys };
