// npm run bench:netns [-- --quick] [--rows a,b] [--rounds N] [--seconds S] [--underlay wire,veth] [--json]: tunnels between
// two hosts in network namespaces, and how they are beside the kernel's own vxlan. In each round every subject stands on a
// pair of hosts of its own, and a row measures one after the other; ratios are taken within a round.
//
// `wire` makes the veth do what a cable does: no packet above the MTU, checksums finished. `veth` leaves it as it comes.
import { cpus, release } from 'node:os';
import { ENDS } from './netns/ends.mjs';
import { compilePackets } from './netns/packets.mjs';
import { Rig } from './netns/rig.mjs';
import { COLUMNS, MEASUREMENTS, ROWS } from './netns/rows.mjs';

function option(name, otherwise) {
  const at = process.argv.indexOf(name);
  return at < 0 ? otherwise : process.argv[at + 1];
}

const quick = process.argv.includes('--quick');
const json = process.argv.includes('--json');
const rounds = Number(option('--rounds', quick ? '3' : '5'));
const seconds = Number(option('--seconds', quick ? '1' : '3'));
const underlays = option('--underlay', 'wire,veth').split(',');
const chosen = option('--rows', Object.keys(ROWS).join(',')).split(',');
const unknown = chosen.find((name) => !Object.hasOwn(ROWS, name));
if (unknown !== undefined) {
  console.error(`bench: there is no row "${unknown}"; there are ${Object.keys(ROWS).join(', ')}`);
  process.exit(2);
}
const times = { seconds, step: quick ? 250 : 400, pings: seconds * 100 };

/** Each subject on hosts of its own, with the tunnel up. */
async function putUp(rig, underlay, measurements) {
  const pairs = {};
  const all = measurements.flatMap((name) => Object.values(MEASUREMENTS[name].ends));
  for (const ends of all) {
    const name = ends.join('-');
    if (pairs[name]) continue;
    const [a, b] = await rig.pair(`${Object.keys(pairs).length}`, underlay);
    await ENDS[ends[1]](b, a);
    await ENDS[ends[0]](a, b);
    pairs[name] = [a, b];
  }
  for (const [name, [a, b]] of Object.entries(pairs)) {
    await a.run('ping', '-c', '1', '-W', '5', b.address).catch(() => {
      throw new Error(`no ping through ${name}`);
    });
  }
  return pairs;
}

/** One round: each measurement, each of its subjects; figures by measurement and column. */
async function measureRound(rig, underlay, measurements, tell) {
  const pairs = await putUp(rig, underlay, measurements);
  const round = {};
  for (const name of measurements) {
    const { run, ends } = MEASUREMENTS[name];
    round[name] = {};
    for (const column of Object.keys(ends)) {
      tell(`${name} (${underlay}): ${COLUMNS[column]}`);
      round[name][column] = await run(pairs[ends[column].join('-')], times);
    }
  }
  await rig.clear();
  return round;
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];

function print(name, underlay, all) {
  const { what, unit, of, figure } = ROWS[name];
  console.log(`${name}: ${what} (${underlay})`);
  for (const column of Object.keys(MEASUREMENTS[of].ends)) {
    const figures = all.map((round) => figure(round[of][column]));
    const ratios = all.map((round, i) => figures[i] / figure(round[of].kernel));
    if (json) {
      console.log(JSON.stringify({ row: name, underlay, subject: column, unit, figures, ratios }));
      continue;
    }
    const spread =
      column === 'kernel'
        ? ''
        : `  ${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`;
    console.log(
      `  ${COLUMNS[column].padEnd(14)} ${median(figures).toFixed(2).padStart(8)} ${unit.padEnd(6)}${spread}`,
    );
  }
}

function tell(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

const rig = new Rig();
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => rig.abort());
try {
  const measurements = [...new Set(chosen.map((name) => ROWS[name].of))];
  compilePackets(rig.folder);
  console.log(
    `Node ${process.version}, Linux ${release()}, ${cpus()[0].model.trim()}, ${cpus().length} CPUs`,
  );
  for (const underlay of underlays) {
    const all = [];
    for (let round = 1; round <= rounds; round++)
      all.push(
        await measureRound(rig, underlay, measurements, (text) =>
          tell(`round ${round} of ${rounds}: ${text}`),
        ),
      );
    tell('');
    for (const name of chosen) print(name, underlay, all);
  }
} catch (error) {
  console.error(`bench: ${rig.signal.aborted ? 'interrupted' : error.message}`);
  process.exitCode = 1;
} finally {
  await rig.close();
}
