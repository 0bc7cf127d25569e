// circulation.mjs BATCH WASTE: frames that go round for ever, through real system calls in a worker, and the bytes that
// the heap grew by for each. Runs in a namespace of its own, as root.
//
//   tap0 ──▶ encap ──▶ UDP over lo ──▶ decap ──▶ tap1
//     └──────────── br0, the kernel's bridge ◀────┘
//
// WASTE 1 allocates 16 bytes a frame on purpose: the measuring must show it.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import v8 from 'node:v8';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { DEFAULT_SETTINGS, Link } from '../../dist/control/link.js';
import { ALL_OFFLOADS, OffloadReport, turnOnTap } from '../../dist/control/offloads.js';
import { Carrier } from '../../dist/engine/carrier.js';
import { native } from '../../dist/io/native.js';
import { TapPort } from '../../dist/io/tap.js';
import { UdpReceiver, UdpSender } from '../../dist/io/udp-native.js';
import { endpoint } from '../../dist/tables/links.js';
import { DEFAULT_SIZES, Tables } from '../../dist/tables/tables.js';
import { parseIp } from '../../dist/wire/address.js';

const WARM_UP = 300_000;
const MEASURED = 1_000_000;
const SECONDS_MOST = 150;
const IN_FLIGHT = 64;

/** A VTEP whose TAP and socket are real; `remote` is the other one. */
function openVtep(tapName, local, remote, batch) {
  const addon = native();
  const tables = new Tables(Tables.allocate({ ...DEFAULT_SIZES, fdb: 1024 }));
  const link = new Link(tables, 1, { ...DEFAULT_SETTINGS, vni: 42 }, false, () => 0);
  link.fdb.append({ mac: '00:00:00:00:00:00', dst: remote });
  tables.links.setMtu(1, 1450);
  const counts = tables.offloads.row(0);
  const fd = addon.tapOpen(tapName);
  turnOnTap(fd, new OffloadReport(ALL_OFFLOADS));
  const receiving = addon.udpOpen(parseIp(local), 4789, 0, 0, 1 << 22);
  addon.udpTrains(receiving);
  const any = Int32Array.of(0, 0, 0xffff, 0);
  const sending = Int32Array.from({ length: 4 }, () => addon.udpOpen(any, 0, 0, 8, 1 << 22));
  const sender = new UdpSender({ sending, envelopes: new Uint8Array(256), trains: true }, counts);
  sender.bind(tables.remotes.records);
  const carrier = new Carrier(tables, batch);
  carrier.add(1, new TapPort({ fd, mtu: tables.links.mtuWord(1), merge: true, counts }), sender);
  link.appear();
  const receiver = new UdpReceiver(receiving, counts);
  return {
    out: (now) => carrier.out(1, now),
    back: (now) => carrier.back(receiver, endpoint(false, 4789), now),
    link,
  };
}

/** Inner UDP datagrams and TCP segments to everybody, so that the bridge passes them on: two flows of each, with their checksums. */
function inject() {
  const script = `
from scapy.all import *
def transport(i):
    flow, at = divmod(i, ${IN_FLIGHT / 4})
    return UDP(sport=1000 + flow, dport=9) if flow % 2 else TCP(sport=1000 + flow, dport=9, flags="A", seq=1 + 200 * at)
below = Ether(dst="ff:ff:ff:ff:ff:ff", src="02:00:00:00:00:aa") / IP(src="10.0.0.9", dst="10.0.0.255", ttl=64)
frames = [below / transport(i) / (b"x" * 200) for i in range(${IN_FLIGHT})]
sendp(frames, iface="tap0", verbose=False)
`;
  execFileSync('/usr/bin/python3', ['-c', script], { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** An array of anything: a fraction stored there is 16 bytes on the heap. */
const kept = [undefined, 'anything'];
function circulate(out, back, frames, waste) {
  const end = Date.now() + SECONDS_MOST * 1000;
  let carried = 0;
  let rounds = 0;
  while (carried < frames) {
    out.out(1);
    const got = back.back(1);
    if (waste) for (let i = 0; i < got; i++) kept[0] = i + 0.5;
    carried += got;
    if ((++rounds & 0xffff) === 0 && Date.now() > end) break;
  }
  return carried;
}

async function measure({ batch, waste }) {
  const a = openVtep('tap0', '127.0.0.1', '127.0.0.2', batch);
  const b = openVtep('tap1', '127.0.0.2', '127.0.0.1', batch);
  parentPort.postMessage('open');
  await once(parentPort, 'message');
  let collections = 0;
  const count = (list) => {
    collections += list.length;
  };
  const observer = new PerformanceObserver((list) => count(list.getEntries()));
  circulate(a, b, WARM_UP, waste);
  observer.observe({ entryTypes: ['gc'] });
  const before = v8.getHeapStatistics().used_heap_size;
  const frames = circulate(a, b, MEASURED, waste);
  const grown = v8.getHeapStatistics().used_heap_size - before;
  await turn();
  count(observer.takeRecords());
  parentPort.postMessage({ frames, grown, collections, offloads: [a.link.offloads(), b.link.offloads()] });
}

if (isMainThread) {
  const ip = (line) => execFileSync('ip', line.split(' '));
  const [batch, waste] = process.argv.slice(2).map(Number);
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { batch, waste: waste === 1 },
  });
  await once(worker, 'message');
  ip('link set lo up');
  ip('link add br0 type bridge mcast_snooping 0');
  for (const name of ['tap0', 'tap1', 'br0']) {
    if (name !== 'br0') ip(`link set ${name} master br0`);
    ip(`link set ${name} addrgenmode none up`); // so that nothing goes round but what is put in
  }
  inject();
  worker.postMessage('go');
  const [result] = await once(worker, 'message');
  console.log(JSON.stringify(result));
  process.exit(0);
} else {
  await measure(workerData);
}
