// crowd.mjs WORKERS BATCHES SECONDS: worker threads that learn, move, look up, flood, snoop and answer over the same tables,
// while this thread ages, forgets, sets, removes and tells. What they found wrong, and what is wrong in the end, is
// printed as JSON.
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { DEFAULT_SETTINGS, Link } from '../../../dist/control/link.js';
import { Housekeeping } from '../../../dist/engine/housekeeping.js';
import { EVENT, Events } from '../../../dist/tables/events.js';
import { FDB_FLAG } from '../../../dist/tables/fdb.js';
import { Tables } from '../../../dist/tables/tables.js';
import { formatIp, formatMac } from '../../../dist/wire/address.js';
import * as plan from './plan.mjs';

const [workers, batches, seconds] = process.argv.slice(2).map(Number);
const { LINK } = plan;
// every event is kept until it is read: what they tell must add up to what is there
const memory = { ...Tables.allocate({ ...plan.SIZES, workers }), events: Events.allocate(1 << 20) };
const tables = new Tables(memory);
const { fdb, remotes, floods, links, counters, neighbors, events } = tables;
const clock = new Int32Array(new SharedArrayBuffer(8));
const settings = {
  ...DEFAULT_SETTINGS,
  vni: plan.VNI,
  suppress: true,
  ageing: 2,
  maxAddresses: plan.ADDRESSES_MOST,
};
const link = new Link(tables, LINK, settings, false, () => clock[0]);
link.appear();
const housekeeping = new Housekeeping(tables);
const random = plan.randomNumbers(99);
const violations = [];
const done = { ticks: 0, learn: 0, move: 0, expire: 0, statics: 0, floods: 0, byHand: 0 };

function check(holds, what, ...facts) {
  if (!holds && violations.length < 20) violations.push(`${what}: ${facts.join(' ')}`);
}

const ALLOWED = /EEXIST|ENOENT|ENOSPC|no room/;
/** MAC -> remote, as the events tell it. */
const told = new Map();
function hear() {
  events.drain((words, at) => {
    const mac = plan.macOf(words[at + 3]);
    const [kind, remote] = [words[at], words[at + 4]];
    if (kind === EVENT.learn) done.learn++;
    else if (kind === EVENT.move) done.move++;
    else if (kind === EVENT.expire) done.expire++;
    else return;
    // one that is made static now and then also comes and goes by this thread's hand
    if (mac >= plan.LEARNED) return;
    check(told.has(mac) === (kind !== EVENT.learn), 'an event out of order', kind, mac);
    if (kind === EVENT.expire) check(told.get(mac) === remote, 'expired elsewhere', mac, remote);
    if (kind === EVENT.move) check(told.get(mac) !== remote, 'moved to where it was', mac, remote);
    if (kind === EVENT.expire) told.delete(mac);
    else told.set(mac, remote);
  });
}

let defaults = [];
function changeFlood(list) {
  const acquired = [];
  for (const address of list) {
    const remote = remotes.acquire(LINK, ...plan.IPV4, address, plan.PORT, plan.VNI);
    if (remote >= 0) acquired.push(remote);
  }
  // no room among those that were learned, a worker was writing, or reads all the old lists: the list stays
  const whole = acquired.length === list.length && floods.set(LINK, acquired);
  if (whole) done.floods++;
  for (const remote of whole ? defaults : acquired) remotes.release(remote);
  if (whole) defaults = acquired;
}

function attempt(verb) {
  try {
    verb();
    return true;
  } catch (error) {
    check(ALLOWED.test(error.message), 'a verb failed', error.message);
    return false;
  }
}

const staticMac = () => plan.LEARNED + random(plan.MACS - plan.LEARNED);
const text = (mac) => formatMac(plan.MAC_HIGH, plan.macLow(mac));
function changeStatics() {
  const [coming, going] = [staticMac(), staticMac()];
  if (
    attempt(() => link.fdb.add({ mac: text(coming), dst: formatIp(...plan.IPV4, plan.addressOf(coming, 0)) }))
  )
    done.statics++;
  attempt(() => link.fdb.del({ mac: text(going) }));
}

const setByHand = new Set();
function changeNeighbors() {
  const neighbor = random(plan.BY_HAND);
  const ip = plan.neighborIp(neighbor);
  const address = Int32Array.of(...plan.IPV4, ip);
  const which = plan.MACS_A_NEIGHBOR - 1;
  if (setByHand.has(neighbor)) {
    check(neighbors.get(LINK, address), 'a neighbour set by hand has gone', neighbor);
    check(
      neighbors.flags === 0 && neighbors.macLow === plan.neighborLow(neighbor, which),
      'snooped over',
      neighbor,
    );
    setByHand.delete(neighbor);
    return void neighbors.remove(LINK, address);
  }
  if (!neighbors.set(LINK, address, plan.neighborHigh(which), plan.neighborLow(neighbor, which), 0, clock[0]))
    return;
  setByHand.add(neighbor);
  done.byHand++;
}

/** Nobody else is at the tables any more: all of it must fit together. */
function checkAll() {
  const holders = new Map(defaults.map((remote) => [remote, 1]));
  const keys = new Set();
  for (const entry of fdb.entries()) {
    const [high, low, remote] = [fdb.macHigh(entry), fdb.macLow(entry), fdb.remote(entry)];
    const mac = plan.macOf(low);
    check(fdb.find(fdb.link(entry), high, low) === entry, 'an entry that is not found', mac);
    check(!keys.has(mac), 'a key twice', mac);
    keys.add(mac);
    const learned = (fdb.flags(entry) & FDB_FLAG.learned) !== 0;
    const where = remotes.address(remote, 3);
    check(
      fdb.link(entry) === LINK && high === plan.MAC_HIGH && mac >= 0 && mac < plan.MACS,
      'a key that nobody has',
      mac,
    );
    check(
      remotes.link(remote) === LINK && plan.isAddressOf(mac, where),
      'an entry with another remote',
      mac,
      where,
    );
    check(learned || where === plan.addressOf(mac, 0), 'a static entry was moved', mac);
    if (mac < plan.LEARNED) check(told.get(mac) === remote, 'not what was told', mac, remote, told.get(mac));
    holders.set(remote, (holders.get(remote) ?? 0) + 1);
  }
  for (const mac of told.keys()) check(keys.has(mac), 'told, and not there', mac);
  check(fdb.table.count === keys.size, 'the count of entries', fdb.table.count, keys.size);
  check(links.addresses(LINK) === keys.size, 'the count of addresses', links.addresses(LINK), keys.size);
  const found = new Set();
  for (const remote of remotes.all()) {
    const held = memory.remotes.references[remote];
    check(
      held === (holders.get(remote) ?? 0) || held < 0,
      'held by others',
      remote,
      held,
      holders.get(remote),
    );
    if (held < 0) continue;
    const address = remotes.address(remote, 3);
    check(!found.has(address), 'a remote twice', address.toString(16));
    found.add(address);
    const known = remotes.find(LINK, ...plan.IPV4, address, plan.PORT, plan.VNI);
    check(known === remote, 'a remote that is not found', remote, known);
  }
  for (const remote of holders.keys())
    check(found.has(remotes.address(remote, 3)), 'held, and not there', remote);
}

function checkCounters(seen) {
  const sum = (name) => seen.reduce((total, each) => total + each[name], 0);
  const counted = counters.read(LINK);
  check(
    counted.rxFrames + counted['static-mac-elsewhere'] === sum('datagrams'),
    'datagrams',
    sum('datagrams'),
  );
  check(counted.rxFrames === sum('delivered'), 'delivered', counted.rxFrames, sum('delivered'));
  check(counted.txFrames === sum('frames'), 'frames', counted.txFrames, sum('frames'));
  check(counted['proxy-answered'] === sum('replies'), 'replies', counted['proxy-answered'], sum('replies'));
  check(
    remotes.counter(defaults[0], 0) === counted.flooded,
    'floods',
    remotes.counter(defaults[0], 0),
    counted.flooded,
  );
  check(events.lost === 0, 'events lost', events.lost);
  return counted;
}

/** All that was held is given back: every table is empty. */
function checkEmptied() {
  for (let mac = plan.LEARNED; mac < plan.MACS; mac++) attempt(() => link.fdb.del({ mac: text(mac) }));
  floods.set(LINK, []);
  for (const remote of defaults) remotes.release(remote);
  for (let tick = 0; tick < 3; tick++) housekeeping.tick(clock[0] + 10_000);
  check([...fdb.entries()].length === 0 && fdb.table.count === 0, 'entries are left', fdb.table.count);
  check(links.addresses(LINK) === 0, 'addresses are left', links.addresses(LINK));
  check([...remotes.all()].length === 0, 'remotes are left', [...remotes.all()].length);
  check(neighbors.count === setByHand.size, 'neighbours are left', neighbors.count, setByHand.size);
}

const crowd = Array.from({ length: workers }, (_, worker) => {
  return new Worker(new URL('./worker.mjs', import.meta.url), {
    workerData: { memory, worker, batches, seconds, clock },
  });
});
await Promise.all(crowd.map((each) => once(each, 'message')));
changeFlood(plan.floodList(0));
const reports = Promise.all(crowd.map(async (each) => (await once(each, 'message'))[0]));
let seen;
reports.then((all) => {
  seen = all;
});
Atomics.store(clock, 1, 1);
Atomics.notify(clock, 1);
while (!seen) {
  // a second for some milliseconds of theirs
  if (done.ticks % 4 === 0) Atomics.add(clock, 0, 1);
  housekeeping.tick(clock[0]);
  changeFlood(plan.floodList(random(plan.LISTS)));
  for (let i = 0; i < 4; i++) changeStatics();
  // often: there is seldom room among those that were snooped
  for (let i = 0; i < 8; i++) changeNeighbors();
  hear();
  check(fdb.table.count <= plan.ADDRESSES_MOST, 'more than maxaddress', fdb.table.count);
  done.ticks++;
  await turn();
}
hear();
checkAll();
const counted = checkCounters(seen);
violations.push(...seen.flatMap((each) => each.violations));
if (violations.length === 0) checkEmptied();
console.log(JSON.stringify({ violations, done, counted }));
process.exit(0);
