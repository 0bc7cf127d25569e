// What the demo tells, on whichever stage: topology, pings every way, forwarding tables, throughput, one datagram.

const colours = process.stdout.isTTY && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
const paint = (code) => (text) => (colours ? `\x1b[${code}m${text}\x1b[0m` : text);
const [bold, dim, red, green] = [1, 2, 31, 32].map(paint);

const COLUMN = 16;
const heading = (text, aside = '') => console.log(`\n${bold(text)}${aside && dim(`  ${aside}`)}`);
const column = (text) => text.padEnd(COLUMN);
const centred = (text) => text.padStart(Math.ceil((COLUMN + text.length) / 2)).padEnd(COLUMN);

/** Tells it; returns how much of it did not work. */
export async function tell(stage) {
  heading('Three hosts, one VXLAN', 'VNI 42, UDP port 4789');
  await stage.open();
  draw(stage);
  let failures = 0;
  for (const part of [pings, tables, speeds]) failures += await part(stage);
  heading('One datagram, decoded');
  console.log(indented(await stage.datagram()));
  console.log(`\n${failures === 0 ? green('All of it worked.') : red(`${failures} of it did not work.`)}`);
  return failures;
}

const indented = (text) => text.replace(/^/gm, '  ');

function draw({ hosts, segment }) {
  const row = (text, aside = '') =>
    console.log(`${hosts.map((host) => centred(text(host))).join('')}${aside && dim(aside)}`.trimEnd());
  row((host) => host.name);
  row((host) => host.address, 'overlay');
  row(() => '┌────┴────┐');
  row((host) => `│${host.runs.padStart(Math.ceil((9 + host.runs.length) / 2)).padEnd(9)}│`);
  row(() => '└────┬────┘');
  row((host) => host.underlay, 'underlay');
  const line = '─'.repeat(COLUMN - 1);
  const middle = COLUMN / 2;
  console.log(`${' '.repeat(middle)}└${line}┴${line}┘${' '.repeat(middle - 1)}${dim(segment)}`);
}

async function pings(stage) {
  let failures = 0;
  heading('Everyone pings everyone', 'from the left to the top, best of three');
  console.log(`  ${column('')}${stage.hosts.map(({ name }) => column(name)).join('')}`.trimEnd());
  for (const from of stage.hosts) {
    let row = `  ${column(from.name)}`;
    for (const to of stage.hosts) {
      const time = from === to ? '-' : await stage.ping(from, to);
      if (time === undefined) failures++;
      if (typeof time === 'number') row += green(column(`${time.toFixed(2)} ms`));
      else row += time === undefined ? red(column('no answer')) : column(time);
    }
    console.log(row.trimEnd());
  }
  return failures;
}

/** Each host must have learned where the others are; the first and the last table are shown. */
async function tables(stage) {
  let failures = 0;
  for (const host of stage.hosts) {
    const lines = await stage.table(host);
    const missing = stage.hosts.filter(
      (other) =>
        other !== host &&
        !lines.some((line) => line.startsWith(other.mac) && `${line} `.includes(` dst ${other.underlay} `)),
    );
    failures += missing.length;
    if (host !== stage.hosts[1]) {
      heading(`What ${host.name} learned`, host.shows);
      for (const line of lines) {
        const whose = stage.hosts.find(({ mac }) => line.startsWith(mac));
        console.log(`  ${line}${whose ? dim(`  (${whose.name})`) : ''}`);
      }
    }
    for (const { name } of missing) console.log(red(`  ${host.name} has not learned where ${name} is`));
  }
  return failures;
}

async function speeds(stage) {
  const [first, second, third] = stage.hosts;
  let failures = 0;
  heading('How fast', stage.meter);
  for (const [from, to] of [
    [first, second],
    [first, third],
    [third, first],
  ]) {
    const way = `  ${from.name.padEnd(5)} -> ${to.name.padEnd(5)}  ${`${from.runs} to ${to.runs}`.padEnd(COLUMN)}`;
    try {
      console.log(`${way}${green(await stage.speed(from, to))}`);
    } catch (error) {
      stage.check();
      failures++;
      console.log(`${way}${red(error.message)}`);
    }
  }
  return failures;
}
