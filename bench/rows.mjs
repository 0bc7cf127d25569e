// The rows: each makes its world once and returns what is measured, a function that works on `frames` frames.

import { DEFAULT_SETTINGS, Link } from '../dist/control/link.js';
import { flushInbound, flushOutbound } from '../dist/datapath/datapath.js';
import { decap } from '../dist/datapath/decap.js';
import { encap } from '../dist/datapath/encap.js';
import { Batch } from '../dist/memory/batch.js';
import { FramePool, HEADROOM } from '../dist/memory/frame-pool.js';
import { FDB_FLAG } from '../dist/tables/fdb.js';
import { endpoint } from '../dist/tables/links.js';
import { DEFAULT_SIZES, Tables } from '../dist/tables/tables.js';
import { FRAME_BYTES, FRAMES } from './streams.mjs';

const BATCH = 64;
const QUEUE = 1024;
const LINK = 1;
const ENDPOINT = endpoint(false, 4789);
const SOURCE = [0, 0, 0xffff, 0x0a090001];
const VXLAN = [8, 0, 0, 0, 0, 0, 42, 0];
const LOOKUPS = 1024;

/** Swallows everything: what is measured is the way there. */
const nowhere = {
  failures: 0,
  failed: new Int32Array(2),
  sourcePorts: [],
  bind() {},
  receive: () => 0,
  transmit: () => 0,
  close() {},
};

function world({ order, frames }, settings = {}) {
  const tables = new Tables(Tables.allocate({ ...DEFAULT_SIZES }));
  const link = new Link(tables, LINK, { ...DEFAULT_SETTINGS, vni: 42, ...settings }, false, () => 0);
  const pool = new FramePool(FRAMES);
  const path = {
    tables,
    tap: nowhere,
    udp: nowhere,
    outbound: new Batch(pool, QUEUE),
    inbound: new Batch(pool, QUEUE),
  };
  const batch = Batch.receiving(pool, 0, BATCH);
  let position = 0;
  /** 64 of the 256 frames, as the stream has them. */
  const fill = (length) => {
    for (let i = 0; i < BATCH; i++) {
      batch.slot[i] = order[position];
      batch.length[i] = length;
      position = (position + 1) & (order.length - 1);
    }
    batch.count = BATCH;
  };
  for (let i = 0; i < FRAMES; i++) {
    const at = i * pool.slotBytes + HEADROOM;
    pool.bytes.set(frames.subarray(i * FRAME_BYTES, (i + 1) * FRAME_BYTES), at);
  }
  batch.from0.fill(SOURCE[0]);
  batch.from1.fill(SOURCE[1]);
  batch.from2.fill(SOURCE[2]);
  batch.from3.fill(SOURCE[3]);
  batch.fromPort.fill(50_000);
  return { tables, link, pool, path, batch, fill };
}

const missing = (i) => i >= FRAMES * 0.9;
const macOf = (i) => `02:00:00:00:${(i >> 8).toString(16)}:${(i & 255).toString(16)}`;

function encapRow(streams, entries, remotes = ['10.9.0.1']) {
  const { link, path, batch, fill } = world(streams);
  for (const dst of remotes) link.fdb.add('00:00:00:00:00:00', { dst });
  if (entries)
    for (let i = 0; i < FRAMES; i++) if (!missing(i)) link.fdb.add(macOf(i), { dst: `10.8.0.${i & 15}` });
  return {
    frames: BATCH,
    run() {
      fill(FRAME_BYTES);
      encap(path, batch, LINK, 1);
      flushOutbound(path);
      flushInbound(path);
    },
  };
}

/** Every slot holds a datagram; `vni` may be one that nobody has. */
function decapRow(streams, vni = 42) {
  const { pool, path, batch, fill } = world(streams);
  for (let i = 0; i < FRAMES; i++) {
    const at = i * pool.slotBytes + HEADROOM;
    pool.bytes.copyWithin(at + 8, at, at + FRAME_BYTES);
    pool.bytes.set(VXLAN, at);
    pool.bytes[at + 6] = vni;
  }
  return {
    frames: BATCH,
    run() {
      fill(FRAME_BYTES + 8);
      decap(path, batch, ENDPOINT, 1);
      flushInbound(path);
    },
  };
}

/** Each batch brings 64 addresses that nobody knew; they are forgotten again, which is measured too. */
function learnRow(streams) {
  const { tables, pool, path, batch } = world(streams);
  const { fdb, links, remotes } = tables;
  for (let i = 0; i < BATCH; i++) {
    const at = i * pool.slotBytes + HEADROOM;
    pool.bytes.copyWithin(at + 8, at, at + FRAME_BYTES);
    pool.bytes.set(VXLAN, at);
    batch.slot[i] = i;
    batch.length[i] = FRAME_BYTES + 8;
  }
  return {
    frames: BATCH,
    run() {
      batch.count = BATCH;
      decap(path, batch, ENDPOINT, 1);
      flushInbound(path);
      for (let i = 0; i < BATCH; i++) {
        const entry = fdb.find(LINK, 0x0200, (0x0001 << 16) | i);
        remotes.release(fdb.remote(entry));
        fdb.remove(entry);
        links.returnAddress(LINK);
      }
    },
  };
}

function proxyRow(streams) {
  const { link, pool, path, batch } = world(streams, { proxy: true });
  const request = Uint8Array.of(
    255,
    255,
    255,
    255,
    255,
    255,
    2,
    0,
    0,
    0,
    0,
    1,
    8,
    6,
    0,
    1,
    8,
    0,
    6,
    4,
    0,
    1,
    2,
    0,
    0,
    0,
    0,
    1,
    10,
    0,
    0,
    9,
    0,
    0,
    0,
    0,
    0,
    0,
  );
  for (let i = 0; i < BATCH; i++) link.setNeighbor(`10.0.0.${i}`, macOf(i));
  return {
    frames: BATCH,
    run() {
      for (let i = 0; i < BATCH; i++) {
        const at = i * pool.slotBytes + HEADROOM;
        pool.bytes.set(request, at);
        pool.view.setInt32(at + 38, 0x0a000000 | i);
        batch.length[i] = 60;
      }
      batch.count = BATCH;
      encap(path, batch, LINK, 1);
      flushInbound(path);
    },
  };
}

/** A table of `size` entries, asked by the stream; `dependent`: where to look next stands in what was found. */
function lookupRow({ keys }, size, dependent) {
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  const tables = new Tables(Tables.allocate({ ...DEFAULT_SIZES, fdb: size }));
  const { fdb } = tables;
  for (let i = 0; i < size; i++)
    fdb.insert(LINK, 0x0200, Math.imul(i, 0x9e3779b1), i & 1023, FDB_FLAG.learned, 0);
  const megabytes = (process.memoryUsage().rss - before) / 1e6;
  const mask = keys.length - 1;
  let position = 0;
  let sum = 0;
  const look = (at) => {
    const key = keys[at & mask];
    const entry = fdb.find(
      LINK,
      key & 0x80000000 ? 0x0300 : 0x0200,
      Math.imul((key & 0x7fffffff) % size, 0x9e3779b1),
    );
    return entry < 0 ? 1 : fdb.remote(entry);
  };
  return {
    frames: LOOKUPS,
    megabytes,
    run() {
      if (dependent) for (let i = 0; i < LOOKUPS; i++) position = (position + 1 + look(position)) | 0;
      else for (let i = 0; i < LOOKUPS; i++) sum = (sum + look(position++)) | 0;
      return sum;
    },
  };
}

export const ROWS = {
  encap: (streams) => encapRow(streams, false),
  'encap-lookup': (streams) => encapRow(streams, true),
  decap: (streams) => decapRow(streams),
  'learn-and-forget': learnRow,
  'lookup-1k': (streams) => lookupRow(streams, 1000, false),
  'lookup-100k': (streams) => lookupRow(streams, 100_000, false),
  'lookup-1m': (streams) => lookupRow(streams, 1_000_000, false),
  'lookup-1k-dependent': (streams) => lookupRow(streams, 1000, true),
  'lookup-100k-dependent': (streams) => lookupRow(streams, 100_000, true),
  'lookup-1m-dependent': (streams) => lookupRow(streams, 1_000_000, true),
  'proxy-answer': proxyRow,
  'flood-8': (streams) =>
    encapRow(
      streams,
      false,
      Array.from({ length: 8 }, (_, i) => `10.9.0.${i + 1}`),
    ),
  'parse-and-drop': (streams) => decapRow(streams, 43),
};
