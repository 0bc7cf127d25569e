// links.mjs COUNT LOST: links over memory ports, made and deleted one after another in one set of tables; each has
// carried a frame each way, learned, and had entries and neighbours by hand. Needs --expose-gc. Prints what is held
// after a tenth of them and at the end. LOST 1 keeps one object of each on purpose: the measuring must show it.
import { setImmediate as turn } from 'node:timers/promises';
import { DEFAULT_SETTINGS } from '../../dist/control/link.js';
import { Links } from '../../dist/control/links.js';
import { Carrier } from '../../dist/engine/carrier.js';
import { MemoryNetwork, MemoryTap } from '../../dist/index.js';
import { endpoint } from '../../dist/tables/links.js';
import { DEFAULT_SIZES, Tables } from '../../dist/tables/tables.js';

const [count, lost] = process.argv.slice(2).map(Number);
/** Of 16: what is not given back runs out soon. */
const tables = new Tables(
  Tables.allocate({ ...DEFAULT_SIZES, links: 2, fdb: 16, remotes: 16, neighbors: 16 }),
);
const links = new Links(tables, () => 0);
const carrier = new Carrier(tables);
const network = new MemoryNetwork();
const kept = [];

const MAC = [2, 0, 0, 0, 0];
const frame = (to, from) => Uint8Array.from([...MAC, to, ...MAC, from, 0x88, 0xb5, ...new Uint8Array(46)]);
const OUT = frame(2, 1);
const BACK = Uint8Array.from([8, 0, 0, 0, 0, 0, 42, 0, ...frame(1, 3)]);
const PEER = Int32Array.of(0, 0, 0xffff, 0xc0000202 | 0); // 192.0.2.2
const THERE = endpoint(false, 4789);

/** Returns how many frames it carried. */
function liveOnce() {
  const tap = new MemoryTap();
  const udp = network.attach('192.0.2.1');
  udp.bind(tables.remotes.records);
  const peer = network.attach('192.0.2.2');
  const link = links.add({ ...DEFAULT_SETTINGS, vni: 42 }, false);
  link.fdb.append({ mac: '00:00:00:00:00:00', dst: '192.0.2.2' });
  link.fdb.add({ mac: '02:00:00:00:00:02', dst: '192.0.2.2' });
  link.fdb.append({ mac: '01:00:5e:00:00:01', dst: '192.0.2.3' });
  link.neighbors.add({ ip: '10.0.0.2', mac: '02:00:00:00:00:02' });
  carrier.add(link.index, tap, udp);
  link.appear();
  tables.rounds.begin();
  tap.send(OUT);
  udp.arrive(BACK, 0, BACK.length, PEER, 50_000);
  const carried = carrier.out(link.index, 0) + carrier.back(udp, THERE, 0);
  tables.rounds.end();
  const isLearned = link.fdb.get('02:00:00:00:00:03')[0].dst === '192.0.2.2';
  carrier.remove(link.index);
  links.remove(link);
  for (const port of [tap, udp, peer]) port.close();
  if (lost) kept.push(link);
  return isLearned && tap.take()?.length === 60 ? carried : 0;
}

async function held() {
  // what the first collection finds is freed beside it
  for (let i = 0; i < 2; i++) {
    await turn();
    globalThis.gc();
  }
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  return { heap: heapUsed + arrayBuffers, rss };
}

let carried = 0;
let before;
for (let i = 0; i < count; i++) {
  if (i === count / 10) before = await held();
  carried += liveOnce();
  if (i % 100 === 0) await turn(); // as between verbs
}
const after = await held();
console.log(JSON.stringify({ carried, grown: after.heap - before.heap, rssGrown: after.rss - before.rss }));
