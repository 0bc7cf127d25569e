// npm run bench:netns [-- --quick] [--rows a,b] [--rounds N] [--seconds S] [--underlay wire,veth] [--json] [--check]
// [--svg FILE]: tunnels between two hosts in network namespaces, and how they are beside the kernel's own vxlan. In each
// round every subject stands on a pair of hosts of its own, and a row measures one after the other; ratios are taken
// within a round. --check fails when a figure is below half of its floor.
//
// `wire` makes the veth do what a cable does: no packet above the MTU, checksums finished. `veth` leaves it as it comes.
import { writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { parseArgs } from 'node:util';
import { ENDS } from './netns/ends.mjs';
import { judge } from './netns/floors.mjs';
import { compilePackets } from './netns/packets.mjs';
import { findPeers, versionOf } from './netns/peers.mjs';
import { picture } from './netns/picture.mjs';
import { printJson, printTable, printVerdicts } from './netns/report.mjs';
import { measurementsFor, resultsOf } from './netns/results.mjs';
import { Rig } from './netns/rig.mjs';
import { COLUMNS, columnsOf, endsOf, MEASUREMENTS, ROWS } from './netns/rows.mjs';

const UNDERLAYS = ['wire', 'veth'];
/** The row that compares the transports is also the one that compares with the kernel. */
const ALIASES = { tunnel: 'tcp1' };

function readOptions() {
  const text = (otherwise) => ({ type: 'string', default: otherwise });
  const flag = { type: 'boolean', default: false };
  const options = { quick: flag, json: flag, check: flag, rows: text(Object.keys(ROWS).join(',')) };
  Object.assign(options, { underlay: text(UNDERLAYS.join(',')), svg: { type: 'string' } });
  Object.assign(options, { rounds: { type: 'string' }, seconds: { type: 'string' } });
  const { values } = parseArgs({ options });
  const { quick } = values;
  return {
    ...values,
    rows: listed(values.rows, Object.keys(ROWS), 'row'),
    underlays: listed(values.underlay, UNDERLAYS, 'underlay'),
    rounds: whole(values.rounds ?? (quick ? 3 : 5), '--rounds'),
    seconds: whole(values.seconds ?? (quick ? 1 : 3), '--seconds'),
    step: quick ? 200 : 400,
  };
}

function listed(text, known, what) {
  const names = text.split(',').map((name) => ALIASES[name] ?? name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new Error(`there is no ${what} "${unknown}"; there are ${known.join(', ')}`);
  return known.filter((name) => names.includes(name));
}

function whole(word, what) {
  const number = Number(word);
  if (!(Number.isInteger(number) && number > 0))
    throw new Error(`${what} "${word}" is not a whole number from 1`);
  return number;
}

/** Each pair of ends on hosts of its own, with the tunnel up. */
async function putUp(rig, underlay, pairs) {
  const hosts = {};
  for (const [left, right] of pairs) {
    const name = `${left}-${right}`;
    if (hosts[name]) continue;
    const [a, b] = await rig.pair(name, underlay);
    await ENDS[right](b, a);
    await ENDS[left](a, b);
    hosts[name] = [a, b];
  }
  for (const [name, [a, b]] of Object.entries(hosts)) {
    await a.run('ping', '-c', '1', '-w', '5', b.address).catch((error) => {
      throw new Error(`no ping through ${name} (${underlay})`, { cause: error });
    });
  }
  return hosts;
}

/** One round: what was measured, by measurement and column. */
async function measureRound(rig, underlay, options, tell) {
  const wanted = measurementsFor(options.rows).map((name) => [name, columnsOf(name, underlay, options)]);
  const pairs = wanted.flatMap(([name, columns]) => columns.map((column) => endsOf(name, column)));
  const hosts = await putUp(rig, underlay, pairs);
  const round = {};
  for (const [name, columns] of wanted) {
    round[name] = {};
    for (const column of columns) {
      tell(`${name} (${underlay}): ${COLUMNS[column]}`);
      const [a, b] = hosts[endsOf(name, column).join('-')];
      round[name][column] = await MEASUREMENTS[name].run([a, b], { ...options, column, round });
    }
  }
  await rig.clear();
  return round;
}

async function measureAll(rig, options) {
  const { underlays, rounds, rows } = options;
  const measured = Object.fromEntries(underlays.map((underlay) => [underlay, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const underlay of underlays) {
      const tell = (text) => progress(`round ${round} of ${rounds}: ${text}`);
      measured[underlay].push(await measureRound(rig, underlay, options, tell));
    }
  }
  progress('');
  return underlays.flatMap((underlay) => resultsOf(rows, underlay, measured[underlay]));
}

function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

function describeMachine({ versions }, { rounds, seconds }) {
  const iperf3 = versionOf('iperf3', '--version');
  if (iperf3 === undefined) throw new Error('iperf3 is missing: `apt-get install iperf3`');
  return {
    machine: `${cpus()[0].model.trim()}, ${cpus().length} CPUs`,
    versions: [`Linux ${release()}`, `Node ${process.version}`, iperf3, ...Object.values(versions)].join(
      ', ',
    ),
    method: `median of ${rounds} interleaved rounds, TCP cubic for ${seconds} s; below it: times the kernel (least-most)`,
  };
}

/**
 * A busy machine halves figures; what falls below that is broken, if it does so twice: the rows in question are measured
 * once more before anything is said against them.
 */
async function check(rig, options, verdicts) {
  const suspects = verdicts.filter(({ farOff }) => farOff);
  if (suspects.length === 0) return;
  console.error(`bench: measured once more: ${suspects.map(({ aim }) => aim).join('; ')}`);
  const rows = options.rows.filter((name) => suspects.some(({ row }) => row === name));
  const underlays = options.underlays.filter((name) => suspects.some(({ underlay }) => underlay === name));
  const again = judge(await measureAll(rig, { ...options, rows, underlays }));
  for (const { aim, value, farOff, less } of again) {
    if (!farOff || !suspects.some((suspect) => suspect.aim === aim)) continue;
    console.error(
      `bench: ${aim} is the floor, ${value.toFixed(2)} is ${less ? 'over twice' : 'under half'} of it`,
    );
    process.exitCode = 1;
  }
}

async function bench(rig, options) {
  const peers = findPeers();
  const machine = describeMachine(peers, options);
  for (const sentence of peers.absent) {
    if (process.env.CI === 'true') throw new Error(sentence);
    console.error(sentence);
  }
  compilePackets(rig.folder);
  const all = { ...options, peers: Object.keys(peers.versions) };
  const results = await measureAll(rig, all);
  const verdicts = judge(results);
  if (options.json) printJson(machine, results, verdicts);
  else {
    console.log(`${Object.values(machine).join('\n')}\n`);
    printTable(results);
    console.log();
    printVerdicts(verdicts);
  }
  if (options.svg) writeFileSync(options.svg, picture(machine, results));
  if (options.check) await check(rig, all, verdicts);
}

let options;
try {
  options = readOptions();
} catch (error) {
  console.error(`bench: ${error.message}`);
  process.exit(2);
}
const rig = new Rig();
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => rig.abort());
process.on('uncaughtException', async (error) => {
  console.error(error);
  await rig.close();
  process.exit(1);
});
try {
  await bench(rig, options);
} catch (error) {
  progress('');
  console.error(`bench: ${rig.signal.aborted ? 'interrupted' : error.message}`);
  process.exitCode = 1;
} finally {
  await rig.close();
}
