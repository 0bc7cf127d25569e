// npm run bench:flannel [-- --json]: what the leases of a flannel network cost one node, by their number: over a registry in
// memory, with the tables of the host as maps. Each trial is a process of its own; of all trials and rounds the fastest
// counts, as what others do on the machine only ever adds.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { MONOTONIC } from '../dist/flannel/clock.js';
import { pickSubnets, takenOf } from '../dist/flannel/contract/free-subnets.js';
import { formatLease } from '../dist/flannel/contract/lease.js';
import { parseNetwork } from '../dist/flannel/contract/network.js';
import { parseKey } from '../dist/flannel/contract/subnet.js';
import { nothingProgrammed, tunnelEntries } from '../dist/flannel/host/programmer.js';
import { Reconciler } from '../dist/flannel/host/reconcile.js';
import { Leases } from '../dist/flannel/leases/leases.js';
import { MemoryStore } from '../dist/flannel/registry/memory-registry.js';

const SIZES = [100, 1000, 3000, 10_000];
const TTL = 86_400;
const TRIALS = 3;
const ROUNDS = 20;
const NETWORK = parseNetwork('{"Network":"10.0.0.0/8","Backend":{"Type":"vxlan"}}');
const OWN = { publicIp: '172.16.0.1', mac: '02:ff:00:00:00:01' };
const SELF = { network: NETWORK, ends: { ipv4: OWN }, subnets: parseKey('10.255.255.0-24') };

const bytes = (n) => [n >> 8, n & 255];
const hex = (n) => bytes(n).map((byte) => byte.toString(16).padStart(2, '0'));
const keyOf = (n) => `10.${bytes(n + 1).join('.')}.0-24`;
const valueBy = (n, generation = 0) => {
  const mac = `02:00:00:${hex(generation)[1]}:${hex(n).join(':')}`;
  return formatLease({ vni: 1, ipv4: { publicIp: `172.20.${bytes(n + 1).join('.')}`, mac } });
};

/** The host's tables, in memory. */
function tables() {
  const now = nothingProgrammed();
  return {
    programmed: async () => ({
      neighbor: new Map(now.neighbor),
      fdb: new Map(now.fdb),
      route: new Map(now.route),
    }),
    entriesOf: (peer) => tunnelEntries(peer, 'flannel.1'),
    put: async ({ table, key, value }) => void now[table].set(key, value),
    remove: async ({ table, key }) => void now[table].delete(key),
    size: () => now.route.size,
  };
}

async function timed(work) {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** The fastest of some, each with a change of its own. */
async function fastest(work) {
  const times = [];
  for (let round = 0; round < ROUNDS; round++) times.push(await timed(() => work(round)));
  return Math.min(...times);
}

function heapMegabytes() {
  globalThis.gc();
  return process.memoryUsage().heapUsed / 1e6;
}

/** `number` other nodes have their leases before ours is asked about. */
async function trial(number) {
  const store = new MemoryStore({ now: () => 0 });
  for (let n = 0; n < number; n++) store.put(keyOf(n), valueBy(n), TTL, 0);
  const registry = store.registry();
  const programmer = tables();
  const snapshot = await registry.read();
  const empty = heapMegabytes();
  const leases = new Leases(() => {});
  const reconciler = new Reconciler({ programmer, clock: MONOTONIC });
  leases.judgeBy(SELF);
  const judged = await timed(() => leases.replace(snapshot));
  const megabytes = heapMegabytes() - empty;
  const program = async () => {
    reconciler.want(leases.peers('ipv4'));
    await reconciler.idle();
  };
  const programmed = await timed(program);
  if (programmer.size() !== number) throw new Error(`${programmer.size()} peers were programmed`);
  let revision = snapshot.revision;
  const put = (n, generation) => ({
    what: 'put',
    entry: { key: keyOf(n), value: valueBy(n, generation), revision: ++revision },
  });
  const someone = (round) => (round * 7919) % number;
  const results = {
    leases: number,
    judgedMs: judged,
    programmedMs: programmed,
    megabytes,
    pickMs: await timed(() => pickSubnets(NETWORK, takenOf(snapshot.entries, NETWORK), Math.random)),
    renewalUs: 1000 * (await fastest((round) => leases.apply([put(someone(round), 0)]))),
    changeUs: 1000 * (await fastest((round) => leases.apply([put(someone(round), 1 + round)]))),
    readAgainMs: await fastest(() => leases.replace(snapshot)),
    reconciledMs: await fastest(async (round) => {
      leases.apply([put(someone(round), 1 + round)]);
      await program();
    }),
  };
  await reconciler.stop();
  return results;
}

const COLUMNS = {
  leases: 'leases',
  judgedMs: 'judged, ms',
  programmedMs: 'programmed, ms',
  megabytes: 'heap, MB',
  pickMs: 'pick, ms',
  renewalUs: 'renewal, us',
  changeUs: 'change, us',
  readAgainMs: 'read again, ms',
  reconciledMs: 'reconciled, ms',
};

function print(results) {
  const line = (cells) => console.log(`| ${cells.join(' | ')} |`);
  line(Object.values(COLUMNS));
  line(Object.keys(COLUMNS).map(() => '---'));
  for (const result of results) {
    line(
      Object.keys(COLUMNS).map((name) =>
        name === 'leases' ? result[name] : Number(result[name].toPrecision(2)),
      ),
    );
  }
}

function best(size) {
  const words = ['--expose-gc', fileURLToPath(import.meta.url), String(size)];
  const trial = () => JSON.parse(execFileSync(process.execPath, words, { encoding: 'utf8' }));
  const trials = Array.from({ length: TRIALS }, trial);
  return Object.fromEntries(
    Object.keys(COLUMNS).map((name) => [name, Math.min(...trials.map((one) => one[name]))]),
  );
}

const [first] = process.argv.slice(2);
if (first !== undefined && first !== '--json') console.log(JSON.stringify(await trial(Number(first))));
else {
  const results = SIZES.map(best);
  if (first === '--json') for (const result of results) console.log(JSON.stringify(result));
  else print(results);
}
