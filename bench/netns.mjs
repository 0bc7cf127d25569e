// npm run bench:netns [-- --rows a,b] [--rounds N] [--seconds S] [--underlay wire|veth] [--json]: two hosts in network
// namespaces, a tunnel between them, and how fast it is beside the kernel's own vxlan: interleaved, in one run.
//
//   a [ vx0 10.0.0.1 ] eth0 ──── eth0 [ vx0 10.0.0.2 ] b
//
// `wire` makes the veth do what a cable does: no packet above the MTU, checksums finished. `veth` leaves it as it comes.
import { cpus, release } from 'node:os';
import { Rig } from './rig.mjs';

/** Who stands at each end: `kernel`, or the words for `vtep run`. */
const NATIVE = '--transport native';
const OFF = '--transport native --offload off';
const DGRAM = '--transport dgram';
const KERNEL = 'kernel';

/** Each row compares subjects; the first is the one that the others are measured against. */
const ROWS = {
  tunnel: {
    what: 'TCP, 1 flow, no offloads',
    flows: 1,
    subjects: { dgram: [DGRAM, DGRAM], 'native, offloads off': [OFF, OFF], native: [NATIVE, NATIVE] },
  },
  tcp1: {
    what: 'TCP, 1 flow, both ends',
    flows: 1,
    subjects: { kernel: [KERNEL, KERNEL], native: [NATIVE, NATIVE] },
  },
  tcp4: {
    what: 'TCP, 4 flows, both ends',
    flows: 4,
    subjects: { kernel: [KERNEL, KERNEL], native: [NATIVE, NATIVE] },
  },
  receives: {
    what: 'TCP, the kernel sends, ours receives',
    flows: 1,
    subjects: { kernel: [KERNEL, KERNEL], native: [KERNEL, NATIVE] },
  },
  sends: {
    what: 'TCP, ours sends, the kernel receives',
    flows: 1,
    subjects: { kernel: [KERNEL, KERNEL], native: [NATIVE, KERNEL] },
  },
};

function option(name, otherwise) {
  const at = process.argv.indexOf(name);
  return at < 0 ? otherwise : process.argv[at + 1];
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
const json = process.argv.includes('--json');
const rounds = Number(option('--rounds', '5'));
const seconds = Number(option('--seconds', '3'));
const underlays = option('--underlay', 'wire').split(',');
const chosen = option('--rows', Object.keys(ROWS).join(',')).split(',');
const unknown = chosen.find((name) => !Object.hasOwn(ROWS, name));
if (unknown !== undefined) {
  console.error(`bench: there is no row "${unknown}"; there are ${Object.keys(ROWS).join(', ')}`);
  process.exit(2);
}

async function measure(rig, { flows, subjects }) {
  const rates = Object.fromEntries(Object.keys(subjects).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, [left, right]] of Object.entries(subjects)) {
      await rig.tunnel(left, right);
      rates[name].push(await rig.tcp(flows, seconds));
      if (process.stderr.isTTY) process.stderr.write('.');
    }
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  return rates;
}

function print(row, underlay, rates) {
  const [first, ...others] = Object.keys(rates);
  if (json) {
    for (const name of [first, ...others]) {
      const ratios = rates[name].map((rate, i) => rate / rates[first][i]);
      console.log(
        JSON.stringify({ row, underlay, subject: name, gigabits: rates[name], ratio: median(ratios) }),
      );
    }
    return;
  }
  console.log(`${ROWS[row].what} (${underlay})`);
  for (const name of [first, ...others]) {
    const ratios = rates[name].map((rate, i) => rate / rates[first][i]).sort((a, b) => a - b);
    const spread =
      name === first
        ? ''
        : `  ${median(ratios).toFixed(2)} x ${first} (${ratios[0].toFixed(2)} to ${ratios.at(-1).toFixed(2)})`;
    console.log(`  ${name.padEnd(22)} ${median(rates[name]).toFixed(2).padStart(6)} Gbit/s${spread}`);
  }
}

const rig = new Rig();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => rig.abort());
try {
  if (!json) {
    console.log(
      `Node ${process.version}, Linux ${release()}, ${cpus()[0].model.trim()}, ${cpus().length} CPUs`,
    );
    console.log(`median of ${rounds} interleaved rounds of ${seconds} s, TCP cubic\n`);
  }
  for (const underlay of underlays) {
    await rig.underlay(underlay);
    for (const name of chosen) print(name, underlay, await measure(rig, ROWS[name]));
  }
} catch (error) {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
} finally {
  await rig.close();
}
