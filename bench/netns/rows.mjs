// What is measured, between whom, and which figure of it makes a row.
import { bestRate, ping, pingUnderLoad, tcp } from './measures.mjs';
import { overload } from './overload.mjs';

/** The columns of the table: who stands at both ends. All are measured against the kernel. */
export const COLUMNS = {
  kernel: 'kernel',
  native: 'native',
  plain: 'offloads off',
  dgram: 'dgram',
  ovs: 'OVS userspace',
  fastd: 'fastd null',
};

const TWO = ['kernel', 'native'];
const OURS = [...TWO, 'plain', 'dgram'];
const PEERS = ['ovs', 'fastd'];

const tcpFlows =
  (flows) =>
  (hosts, { seconds }) =>
    tcp(hosts, { flows, seconds });
const packetFlows =
  (flows) =>
  (hosts, { step }) =>
    bestRate(hosts, { flows, milliseconds: step });

/**
 * `columns` on either underlay, `peers` on veth besides; `ends` where not both are the column's own (the first sends);
 * `after` names what must have been measured before in the same round; `quick`, where less is wanted then.
 */
export const MEASUREMENTS = {
  tcp1: { run: tcpFlows(1), columns: OURS, peers: PEERS, quick: { veth: [...TWO, ...PEERS] } },
  tcp4: { run: tcpFlows(4), columns: TWO },
  receives: { run: tcpFlows(1), columns: TWO, ends: { native: ['kernel', 'native'] } },
  sends: { run: tcpFlows(1), columns: TWO, ends: { native: ['native', 'kernel'] } },
  udp64: {
    run: packetFlows(1),
    columns: OURS,
    peers: PEERS,
    quick: { wire: TWO, veth: [...TWO, ...PEERS] },
  },
  udp64x2: { run: packetFlows(2), columns: TWO, quick: { veth: [] } },
  ping: { run: ping, columns: OURS, quick: { wire: TWO, veth: [] } },
  loaded: { run: pingUnderLoad, columns: TWO, quick: { veth: [] } },
  overload: {
    run: (hosts, { seconds, column, round: { udp64x2: best } }) =>
      overload(hosts, { seconds, best: best[column].offered, rate: 2 * best.native.delivered }),
    columns: TWO,
    after: 'udp64x2',
    quick: { veth: [] },
  },
};

const gigabits = { unit: 'Gbit/s', figure: (measured) => measured.gigabits };
const packets = { unit: 'kpps', figure: (measured) => measured.delivered / 1000 };

/** In the order of the table; `less` is better in some. */
export const ROWS = {
  tcp1: { what: 'TCP, 1 flow', of: 'tcp1', ...gigabits },
  tcp4: { what: 'TCP, 4 flows', of: 'tcp4', ...gigabits },
  receives: { what: 'TCP, the kernel sends', of: 'receives', ...gigabits },
  sends: { what: 'TCP, the kernel receives', of: 'sends', ...gigabits },
  udp64: { what: 'UDP of 64 bytes, 1 flow', of: 'udp64', ...packets },
  udp64x2: { what: 'UDP of 64 bytes, 2 flows', of: 'udp64x2', ...packets },
  overload: {
    what: 'kept at twice the rate',
    of: 'overload',
    unit: '%',
    figure: ({ share }) => share * 100,
  },
  cpu: { what: 'CPU seconds a GB, tcp1', of: 'tcp1', unit: 's', less: true, figure: ({ cpu }) => cpu },
  ping: { what: 'ping p50, idle', of: 'ping', unit: 'us', less: true, figure: ({ p50 }) => p50 * 1000 },
  loaded: {
    what: 'ping p99 while TCP runs',
    of: 'loaded',
    unit: 'us',
    less: true,
    figure: ({ p99 }) => p99 * 1000,
  },
  growth: {
    what: 'memory gained, overload',
    of: 'overload',
    unit: 'MB',
    less: true,
    figure: (m) => m.growth,
  },
  answer: {
    what: 'SIGUSR2 answer, overload',
    of: 'overload',
    unit: 'ms',
    less: true,
    figure: (m) => m.answer,
  },
};

/** The columns of a measurement in this run. */
export function columnsOf(name, underlay, { quick, peers }) {
  const { columns, peers: others = [], quick: fewer = {} } = MEASUREMENTS[name];
  const all = underlay === 'veth' ? [...columns, ...others] : columns;
  const wanted = (quick && fewer[underlay]) || all;
  return wanted.filter((column) => !PEERS.includes(column) || peers.includes(column));
}

/** What stands at a and at b. */
export const endsOf = (name, column) => MEASUREMENTS[name].ends?.[column] ?? [column, column];
