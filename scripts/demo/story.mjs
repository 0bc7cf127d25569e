// What the demo tells, on whichever stage: topology, pings every way, the forwarding table, throughput, one packet.

const colours = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code, text) => (colours ? `\x1b[${code}m${text}\x1b[0m` : text);
const heading = (text) => console.log(`\n${paint('1', text)}`);
const good = (text) => paint('32', text);
const bad = (text) => paint('31', text);

/** Tells it; returns how much of it did not work. */
export async function tell(stage) {
  let failures = 0;
  heading('Three hosts, one VXLAN: VNI 42, UDP port 4789');
  await stage.open();
  console.log(stage.topology);

  heading('Everyone pings everyone');
  for (const from of stage.hosts) {
    for (const to of stage.hosts) {
      if (from === to) continue;
      const milliseconds = await stage.ping(from, to);
      if (milliseconds === undefined) failures++;
      const result = milliseconds === undefined ? bad('no answer') : good(`${milliseconds.toFixed(2)} ms`);
      console.log(`  ${from.name.padEnd(5)} -> ${to.name.padEnd(5)}  ${to.address}  ${result}`);
    }
  }

  for (const host of stage.hosts.filter(({ fdb }) => fdb)) {
    heading(`What ${host.name} learned (${host.how})`);
    const lines = await host.fdb();
    if (lines.length < 2) failures++;
    for (const line of lines) console.log(`  ${line}`);
  }

  heading('How fast');
  for (const line of await stage.throughput()) {
    if (line.failed) failures++;
    console.log(`  ${line.failed ? bad(line.text) : line.text}`);
  }

  heading('One datagram, decoded');
  console.log(`  ${await stage.packet()}`);
  console.log(
    failures === 0 ? `\n${good('All of it worked.')}` : `\n${bad(`${failures} of it did not work.`)}`,
  );
  return failures;
}
