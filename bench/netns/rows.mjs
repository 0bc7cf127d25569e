// What is measured, between whom, and which figure of it makes a row.
import { bestRate, ping, pingUnderLoad, tcp } from './measures.mjs';

/** The columns of the table, and who stands at both ends (the first sends) unless a measurement says otherwise. */
export const COLUMNS = {
  kernel: 'kernel',
  native: 'native',
  plain: 'offloads off',
  dgram: 'dgram',
};

/** For each column who stands at a and at b. */
const both = (...names) => Object.fromEntries(names.map((name) => [name, [name, name]]));

export const MEASUREMENTS = {
  tcp1: {
    run: (hosts, { seconds }) => tcp(hosts, { flows: 1, seconds }),
    ends: both('kernel', 'native', 'plain', 'dgram'),
  },
  tcp4: { run: (hosts, { seconds }) => tcp(hosts, { flows: 4, seconds }), ends: both('kernel', 'native') },
  receives: {
    run: (hosts, { seconds }) => tcp(hosts, { flows: 1, seconds }),
    ends: { ...both('kernel'), native: ['kernel', 'native'] },
  },
  sends: {
    run: (hosts, { seconds }) => tcp(hosts, { flows: 1, seconds }),
    ends: { ...both('kernel'), native: ['native', 'kernel'] },
  },
  udp64: {
    run: (hosts, { step }) => bestRate(hosts, { flows: 1, milliseconds: step }),
    ends: both('kernel', 'native', 'plain', 'dgram'),
  },
  udp64x4: {
    run: (hosts, { step }) => bestRate(hosts, { flows: 4, milliseconds: step }),
    ends: both('kernel', 'native'),
  },
  ping: {
    run: (hosts, { pings }) => ping(hosts, { pings }),
    ends: both('kernel', 'native', 'plain', 'dgram'),
  },
  loaded: { run: (hosts, { pings }) => pingUnderLoad(hosts, { pings }), ends: both('kernel', 'native') },
};

/** In the order of the table. */
export const ROWS = {
  tcp1: { what: 'TCP, 1 flow', unit: 'Gbit/s', of: 'tcp1', figure: ({ gigabits }) => gigabits },
  tcp4: { what: 'TCP, 4 flows', unit: 'Gbit/s', of: 'tcp4', figure: ({ gigabits }) => gigabits },
  receives: {
    what: 'TCP, the kernel sends',
    unit: 'Gbit/s',
    of: 'receives',
    figure: ({ gigabits }) => gigabits,
  },
  sends: {
    what: 'TCP, the kernel receives',
    unit: 'Gbit/s',
    of: 'sends',
    figure: ({ gigabits }) => gigabits,
  },
  cpu: { what: 'CPU of the machine for a GB, in tcp1', unit: 's', of: 'tcp1', figure: ({ cpu }) => cpu },
  udp64: {
    what: 'UDP of 64 bytes, 1 flow, best rate',
    unit: 'kpps',
    of: 'udp64',
    figure: ({ delivered }) => delivered / 1e3,
  },
  udp64x4: {
    what: 'UDP of 64 bytes, 4 flows, best rate',
    unit: 'kpps',
    of: 'udp64x4',
    figure: ({ delivered }) => delivered / 1e3,
  },
  ping: { what: 'ping p50, 10 ms apart', unit: 'us', of: 'ping', figure: ({ p50 }) => p50 * 1000 },
  loaded: { what: 'ping p99 while TCP runs', unit: 'us', of: 'loaded', figure: ({ p99 }) => p99 * 1000 },
};
