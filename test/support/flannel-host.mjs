/**
 * A host's part of a flannel node, in the namespace that it is started in: a line of JSON says what to do, a line comes
 * back when it was done.
 *
 *   node flannel-host.mjs SOCKET        {"become": settings}  {"want": [family, peers]}  {"soon": 1}  {"report": 1}  ...
 */
import { createInterface } from 'node:readline';
import { Client } from '../../dist/control/client.js';
import { MONOTONIC } from '../../dist/flannel/clock.js';
import { Host, takeDown } from '../../dist/flannel/host/host.js';

const connect = () => Client.connect(process.argv[2]);
const said = [];
let ahead = 0;
const clock = { ...MONOTONIC, now: () => MONOTONIC.now() + ahead };
const host = new Host({
  connect,
  clock,
  say: (level, sentence) => said.push(`${level}: ${sentence}`),
});

const ORDERS = {
  become: (settings) => host.become(settings),
  want: async ([family, peers]) => {
    const began = performance.now();
    host.want(family, new Map(peers.map((peer) => [peer.subnet, peer])));
    await host.idle();
    return performance.now() - began;
  },
  /** Is answered at once. */
  begin: ([family, peers]) => host.want(family, new Map(peers.map((peer) => [peer.subnet, peer]))),
  soon: async () => {
    const began = performance.now();
    host.soon();
    await host.idle();
    return performance.now() - began;
  },
  report: () => host.report(),
  said: () => said.splice(0),
  bridge: () => host.ensureBridge(),
  masquerade: () => host.ensureMasquerade(),
  leave: async () => {
    await host.stop();
    await takeDown(connect, MONOTONIC);
  },
  later: (milliseconds) => {
    ahead += milliseconds;
  },
  memory: () => process.memoryUsage().rss,
};

for await (const line of createInterface({ input: process.stdin })) {
  const [[order, words]] = Object.entries(JSON.parse(line));
  try {
    console.log(JSON.stringify({ ok: (await ORDERS[order](words)) ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ error: error.message }));
  }
}
process.exit(0);
