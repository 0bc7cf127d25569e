// memory.mjs: a million frames each way between two VTEPs on the LAN in memory, and what the heap grew by.
import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import v8 from 'node:v8';
import { MemoryLan } from '../../dist/index.js';

const lan = new MemoryLan();
const a = lan.host('192.0.2.1', { vni: 42, remotes: ['192.0.2.2'] });
const b = lan.host('192.0.2.2', { vni: 42, remotes: ['192.0.2.1'] });
const room = new Uint8Array(2048);
const frameOf = (to, from) => {
  const frame = new Uint8Array(60);
  frame.set([2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 0x88, 0xb5]);
  return frame;
};
const [there, back] = [frameOf(2, 1), frameOf(1, 2)];

function carry(frames) {
  let carried = 0;
  while (carried < frames) {
    for (let i = 0; i < 64; i++) {
      a.tap.send(there);
      b.tap.send(back);
    }
    while (a.vtep.turn() + b.vtep.turn() > 0);
    while (a.tap.takeInto(room) >= 0) carried++;
    while (b.tap.takeInto(room) >= 0) carried++;
  }
  return carried;
}

let collections = 0;
const count = (list) => {
  collections += list.length;
};
const observer = new PerformanceObserver((list) => count(list.getEntries()));
carry(500_000);
observer.observe({ entryTypes: ['gc'] });
const before = v8.getHeapStatistics().used_heap_size;
const frames = carry(1_000_000);
const grown = v8.getHeapStatistics().used_heap_size - before;
await turn();
count(observer.takeRecords());
console.log(JSON.stringify({ frames, grown, collections }));
await lan.close();
