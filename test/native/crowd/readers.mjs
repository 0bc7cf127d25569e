// readers.mjs READERS SECONDS: what a look-up gives belongs to its key, however often entries are put where others were.
// The tables are so small that nearly every change moves something; this thread changes them without a pause, the
// readers look without a pause.
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { FDB_FLAG } from '../../../dist/tables/fdb.js';
import { Tables } from '../../../dist/tables/tables.js';
import { IPV4, LINK, MAC_HIGH, PORT, randomNumbers, VNI } from './plan.mjs';

const KEYS = 14;
/** The first ones are never removed, so they are always found: but when this thread is put aside in the midst of a change. */
const STAY = 3;
const MOVES = 8;
const ADDRESSES = 24;
const SIZES = { links: 1, fdb: 12, remotes: 16, neighbors: 1 };
const remoteOf = (key, move) => key * MOVES + move;
const address = (which) => 0x0a000000 + which;
const acquire = (remotes, which) => remotes.acquire(LINK, ...IPV4, address(which), PORT, VNI);

function read({ memory, worker, stop }) {
  const { fdb, remotes, rounds } = new Tables(memory, worker);
  const random = randomNumbers(worker + 77);
  const seen = { found: 0, missed: 0, lost: 0, held: 0, violations: [] };
  const check = (holds, what, ...facts) => {
    if (!holds && seen.violations.length < 5) seen.violations.push(`${what}: ${facts.join(' ')}`);
  };
  while (Atomics.load(stop, 0) === 0) {
    rounds.begin();
    for (let i = 0; i < 50; i++) {
      const key = random(KEYS);
      const remote = fdb.lookUp(LINK, MAC_HIGH, key + 1, i);
      if (remote >= 0) seen.found++;
      else if (key < STAY) seen.lost++;
      else seen.missed++;
      check(remote < 0 || Math.floor(remote / MOVES) === key, 'a remote of another key', key, remote);
      const known = fdb.lookUpSource(LINK, MAC_HIGH, key + 1);
      check(known < 0 || Math.floor((known >>> 8) / MOVES) === key, 'a source of another key', key, known);
      check(known < 0 || (known & 0xff) === FDB_FLAG.learned, 'a source with other flags', key, known);
    }
    for (let i = 0; i < 10; i++) {
      const which = random(ADDRESSES);
      const held = acquire(remotes, which);
      if (held < 0) continue;
      seen.held++;
      check(remotes.address(held, 3) === address(which), 'another remote', which, remotes.address(held, 3));
      check(remotes.link(held) === LINK && remotes.isHeld(held), 'a remote that is forgotten', which, held);
      remotes.release(held);
    }
    rounds.end();
  }
  parentPort.postMessage(seen);
}

function changeEntry({ fdb }, random) {
  const key = random(KEYS);
  fdb.table.lock();
  const entry = fdb.find(LINK, MAC_HIGH, key + 1);
  const remote = remoteOf(key, random(MOVES));
  if (entry < 0) fdb.insert(LINK, MAC_HIGH, key + 1, remote, FDB_FLAG.learned, 0);
  else if (key < STAY || random(4) === 0) fdb.moveTo(entry, remote, 0);
  else fdb.remove(entry);
  fdb.table.unlock();
}

async function write([readers, seconds]) {
  const memory = Tables.allocate({ ...SIZES, workers: readers });
  const tables = new Tables(memory);
  const { remotes, rounds } = tables;
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const crowd = Array.from(
    { length: readers },
    (_, worker) => new Worker(new URL(import.meta.url), { workerData: { memory, worker, stop } }),
  );
  const random = randomNumbers(5);
  for (let key = 0; key < STAY; key++)
    tables.fdb.insert(LINK, MAC_HIGH, key + 1, remoteOf(key, 0), FDB_FLAG.learned, 0);
  await Promise.all(crowd.map((each) => once(each, 'online')));
  const end = Date.now() + 1000 * seconds;
  const done = { changes: 0, forgotten: 0 };
  for (let left = [], since = []; Date.now() < end; done.changes += 20) {
    for (let i = 0; i < 20; i++) changeEntry(tables, random);
    if (!rounds.havePassed(since)) continue;
    for (const remote of left) remotes.reuse(remote);
    left = [...remotes.all()].filter((remote) => remotes.forget(remote));
    since = rounds.now();
    done.forgotten += left.length;
  }
  const reports = crowd.map((each) => once(each, 'message'));
  Atomics.store(stop, 0, 1);
  const seen = (await Promise.all(reports)).map(([report]) => report);
  console.log(JSON.stringify({ violations: seen.flatMap((each) => each.violations), done, seen }));
  process.exit(0);
}

if (isMainThread) await write(process.argv.slice(2).map(Number));
else read(workerData);
