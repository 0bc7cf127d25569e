// What is measured between two hosts with a tunnel between them.
import { readFileSync } from 'node:fs';
import { Packets } from './packets.mjs';
import { untilSaid } from './rig.mjs';

/** Busy seconds of all cores since the machine started: neither idle nor waiting for a disk. */
function busySeconds() {
  const [user, nice, system, , , irq, softirq] = readFileSync('/proc/stat', 'utf8').split(/\s+/).slice(1);
  return (Number(user) + Number(nice) + Number(system) + Number(irq) + Number(softirq)) / 100;
}

const percentile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];

/** TCP from a to b: Gbit/s that arrived, and what a GB of it cost the whole machine. */
export async function tcp([a, b], { flows, seconds }) {
  const server = b.spawn('iperf3', '-s', '-1', '--forceflush');
  await untilSaid(server, 'listening', 'iperf3');
  const words = ['-c', b.address, '-P', `${flows}`, '-t', `${seconds}`, '-C', 'cubic', '-J'];
  const before = busySeconds();
  const { stdout } = await a.run('timeout', `${seconds + 10}`, 'iperf3', ...words);
  const busy = busySeconds() - before;
  const { bytes, bits_per_second } = JSON.parse(stdout).end.sum_received;
  return { gigabits: bits_per_second / 1e9, cpu: busy / (bytes / 1e9) };
}

/** Milliseconds of an answer, 10 ms apart: half of them were as quick as p50, 99 of 100 as p99. */
export async function ping([a, b], { seconds }) {
  const pings = seconds * 100;
  const { stdout } = await a.run('ping', '-i', '0.01', '-c', `${pings}`, '-W', '2', b.address);
  const times = Array.from(stdout.matchAll(/time=([\d.]+) ms/g), ([, time]) => Number(time));
  if (times.length < pings * 0.9) throw new Error(`${times.length} of ${pings} pings came back`);
  times.sort((x, y) => x - y);
  return { p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
}

/** The same while one TCP flow runs. */
export async function pingUnderLoad(hosts, { seconds }) {
  const [measured] = await Promise.all([
    ping(hosts, { seconds }),
    tcp(hosts, { flows: 1, seconds: seconds + 1 }),
  ]);
  return measured;
}

/**
 * The highest delivered rate over a sweep of offered ones: up by more than half each time until it was too much twice (once may be
 * what else the machine did), then about the best.
 */
export async function bestRate(hosts, { flows, milliseconds }) {
  const packets = new Packets(hosts, flows);
  let best = { delivered: 0 };
  const isTooMuch = async (rate) => {
    const run = await packets.offer(rate, milliseconds);
    if (run.delivered > best.delivered) best = run;
    return run.offered < 0.8 * rate || run.delivered < 0.75 * best.delivered;
  };
  for (let rate = 60_000, left = 2; left > 0; rate *= 1.6) if (await isTooMuch(rate)) left--;
  for (const share of [0.8, 1.25]) await isTooMuch(best.offered * share);
  packets.end();
  return best;
}
