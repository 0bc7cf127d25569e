// The rows: each makes its world once and returns how a round of it runs, and how many frames that is.

import { DEFAULT_SETTINGS, Link } from '../dist/control/link.js';
import { flushInbound, flushOutbound } from '../dist/datapath/datapath.js';
import { makeDecap } from '../dist/datapath/decap.js';
import { makeEncap } from '../dist/datapath/encap.js';
import { Batch } from '../dist/memory/batch.js';
import { FramePool, HEADROOM } from '../dist/memory/frame-pool.js';
import { FDB_FLAG } from '../dist/tables/fdb.js';
import { endpoint } from '../dist/tables/links.js';
import { DEFAULT_SIZES, Tables } from '../dist/tables/tables.js';
import { NullPort } from './null-port.mjs';
import { FRAME_BYTES, FRAMES, isMissing } from './streams.mjs';

/** As the worker has them. */
const BATCH = 64;
const QUEUE = 1024;

const LINK = 1;
const NOW = 1;
const ENDPOINT = endpoint(false, 4789);
const VXLAN = 8;
const LOOKUPS = 1024;
const ARP_REQUEST = Buffer.from(
  'ffffffffffff 020000000001 0806 0001080006040001 020000000001 0a000009 000000000000 00000000 0000'.replaceAll(
    ' ',
    '',
  ),
  'hex',
);

const macOf = (i) => `02:00:00:00:${(i >> 8).toString(16)}:${(i & 255).toString(16)}`;

/** One link with its tables, a pool with the stream's frames, and ports that lead nowhere. */
function world({ order, frames }, settings = {}) {
  const tables = new Tables(Tables.allocate({ ...DEFAULT_SIZES }));
  const link = new Link(tables, LINK, { ...DEFAULT_SETTINGS, vni: 42, ...settings }, false, () => 0);
  const pool = new FramePool(FRAMES);
  const port = new NullPort();
  const [outbound, inbound] = [new Batch(pool, QUEUE), new Batch(pool, QUEUE)];
  link.appear();
  const path = { tables, taps: [port, port], udp: port, outbound, inbound };
  const batch = Batch.receiving(pool, 0, BATCH);
  for (let i = 0; i < FRAMES; i++)
    pool.bytes.set(frames.subarray(i * FRAME_BYTES, (i + 1) * FRAME_BYTES), slotAt(pool, i));
  [0, 0, 0xffff, 0x0a090001].forEach((word, k) => {
    batch[`from${k}`].fill(word);
  });
  batch.fromPort.fill(50_000);
  return { tables, link, pool, port, path, batch, order };
}

const slotAt = (pool, slot) => slot * pool.slotBytes + HEADROOM;

function flush(path) {
  flushOutbound(path);
  flushInbound(path);
}

/** Receives for it: 64 of the 256 frames, as the stream has them. */
function receiver({ batch, order }, length) {
  let position = 0;
  return () => {
    for (let i = 0; i < BATCH; i++) {
      batch.slot[i] = order[position];
      batch.length[i] = length;
      position = (position + 1) & (order.length - 1);
    }
    batch.count = BATCH;
  };
}

function encapRow(streams, { entries = false, copies = 1 }) {
  const made = world(streams);
  const { link, port, path, batch } = made;
  for (let i = 1; i <= copies; i++) link.fdb.append({ mac: '00:00:00:00:00:00', dst: `10.9.0.${i}` });
  for (let i = 0; entries && !isMissing(i); i++) link.fdb.add({ mac: macOf(i), dst: `10.8.0.${i & 15}` });
  const receive = receiver(made, FRAME_BYTES);
  const carry = makeEncap(path, batch);
  const run = () => {
    receive();
    carry(LINK, NOW);
    flush(path);
  };
  return { frames: BATCH, port, run };
}

/** Every slot of the pool holds a datagram. */
function putHeaders({ pool }, vni) {
  for (let i = 0; i < FRAMES; i++) {
    const at = slotAt(pool, i);
    pool.bytes.copyWithin(at + VXLAN, at, at + FRAME_BYTES);
    pool.bytes.set([8, 0, 0, 0, 0, 0, vni, 0], at);
  }
}

function decapRow(streams, vni) {
  const made = world(streams);
  const { port, path, batch } = made;
  putHeaders(made, vni);
  const receive = receiver(made, FRAME_BYTES + VXLAN);
  const carry = makeDecap(path, batch);
  const run = () => {
    receive();
    carry(ENDPOINT, NOW);
    flush(path);
  };
  return { frames: BATCH, port, run };
}

/** Each frame brings an address that nobody knew. A table that is full is wiped: a small part of what is measured. */
function learnRow(streams) {
  const made = world(streams);
  const { tables, pool, port, path, batch } = made;
  const { table } = tables.fdb;
  putHeaders(made, 42);
  const words = new Int32Array(pool.bytes.buffer);
  const carry = makeDecap(path, batch);
  let learned = 0;
  const run = () => {
    if (learned % table.capacity === 0) wipe(table);
    for (let i = 0; i < BATCH; i++) {
      words[(slotAt(pool, i) + VXLAN + 8) >> 2] = ++learned;
      batch.length[i] = FRAME_BYTES + VXLAN;
    }
    batch.count = BATCH;
    carry(ENDPOINT, NOW);
    flush(path);
    tables.events.drain(nobody);
  };
  return { frames: BATCH, port, run };
}

function nobody() {}

function wipe(table) {
  const COUNT = 2; // in the header, which `words` leaves out
  table.words.fill(0);
  table.memory.words[COUNT] = 0;
  if (table.count !== 0) throw new Error('the table keeps its count in another place now');
}

/** Requests for 256 addresses, of which nine in ten are known; the answer is written into the request. */
function proxyRow(streams) {
  const { tables, link, pool, port, path, batch, order } = world(streams, { proxy: true });
  for (let i = 0; !isMissing(i); i++) link.neighbors.replace({ ip: `10.0.0.${i}`, mac: macOf(i) });
  const request = new Int32Array(new Uint8Array(ARP_REQUEST).buffer);
  const words = new Int32Array(pool.bytes.buffer);
  const carry = makeEncap(path, batch);
  let position = 0;
  const run = () => {
    for (let i = 0; i < BATCH; i++) {
      const at = slotAt(pool, i);
      for (let k = 0; k < request.length; k++) words[(at >> 2) + k] = request[k];
      pool.view.setInt32(at + 38, 0x0a000000 | order[position]);
      position = (position + 1) & (order.length - 1);
      batch.length[i] = 60;
    }
    batch.count = BATCH;
    carry(LINK, NOW);
    flush(path);
    tables.events.drain(nobody);
  };
  return { frames: BATCH, port, run };
}

/** A table of `size` entries, asked by the stream; `dependent`: where to look next stands in what was found. */
function lookupRow({ keys }, size, dependent) {
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  const { fdb } = new Tables(Tables.allocate({ ...DEFAULT_SIZES, fdb: size }));
  for (let i = 0; i < size; i++)
    fdb.insert(LINK, 0x0200, Math.imul(i, 0x9e3779b1), i & 1023, FDB_FLAG.learned, 0);
  const megabytes = (process.memoryUsage().rss - before) / 1e6;
  const mask = keys.length - 1;
  const look = (at) => {
    const key = keys[at & mask];
    const low = Math.imul((key & 0x7fffffff) % size, 0x9e3779b1);
    const entry = fdb.find(LINK, key & 0x80000000 ? 0x0300 : 0x0200, low);
    return entry < 0 ? 1 : fdb.remote(entry);
  };
  const port = { digest: 0 };
  let position = 0;
  const runIndependent = () => {
    let sum = 0;
    for (let i = 0; i < LOOKUPS; i++) sum = (sum + look(position++)) | 0;
    port.digest = (port.digest + sum) | 0;
  };
  const runDependent = () => {
    for (let i = 0; i < LOOKUPS; i++) position = (position + 1 + look(position)) | 0;
    port.digest = position;
  };
  return { frames: LOOKUPS, port, megabytes, run: dependent ? runDependent : runIndependent };
}

/** What the columns say is explained in `README.md`. */
export const ROWS = {
  encap: (streams) => encapRow(streams, {}),
  'encap-lookup': (streams) => encapRow(streams, { entries: true }),
  decap: (streams) => decapRow(streams, 42),
  learn: learnRow,
  'lookup-1k': (streams) => lookupRow(streams, 1000, false),
  'lookup-100k': (streams) => lookupRow(streams, 100_000, false),
  'lookup-1m': (streams) => lookupRow(streams, 1_000_000, false),
  'lookup-1k-dependent': (streams) => lookupRow(streams, 1000, true),
  'lookup-100k-dependent': (streams) => lookupRow(streams, 100_000, true),
  'lookup-1m-dependent': (streams) => lookupRow(streams, 1_000_000, true),
  'proxy-answer': proxyRow,
  'flood-8': (streams) => encapRow(streams, { copies: 8 }),
  'parse-and-drop': (streams) => decapRow(streams, 43),
};
