// crowd.mjs URL PREFIX FIRST COUNT: so many nodes of a flannel network in one process, numbered from FIRST, each with a
// client of etcd of its own. They all want a subnet when a line comes on stdin, and stay until stdin ends. Prints one
// JSON object: the keys of their leases, what was said that was no news, and how long it took.
import { once } from 'node:events';
import { MONOTONIC } from '../../dist/flannel/clock.js';
import { parseNetwork } from '../../dist/flannel/contract/network.js';
import { OwnLease } from '../../dist/flannel/leases/own-lease.js';
import { EtcdRegistry } from '../../dist/flannel/registry/etcd/registry.js';

const [url, prefix, first, count] = process.argv.slice(2);
const complaints = [];

function nodeOf(number) {
  const registry = new EtcdRegistry({ endpoints: [url], prefix });
  const own = new OwnLease({
    registry,
    clock: MONOTONIC,
    log: (level, sentence) => level !== 'info' && complaints.push(sentence),
    ttl: 86_400,
    margin: 3600,
    previous: {},
    forceNew: false,
  });
  const end = (publicIp) => ({ publicIp, mac: `02:00:00:00:00:${number.toString(16).padStart(2, '0')}` });
  return {
    registry,
    own,
    ends: { ipv4: end(`192.0.2.${number}`), ipv6: end(`2001:db8::${number.toString(16)}`) },
  };
}

async function join({ registry, own, ends }) {
  const snapshot = await registry.read();
  await own.settle(snapshot, { network: parseNetwork(snapshot.config ?? ''), ends });
}

const nodes = Array.from({ length: Number(count) }, (_, at) => nodeOf(Number(first) + at));
console.log('ready');
await once(process.stdin, 'data');
const began = performance.now();
await Promise.all(nodes.map(join));
const keys = nodes.map(({ own }) => own.status().key);
console.log(JSON.stringify({ keys, complaints, milliseconds: performance.now() - began }));
await once(process.stdin, 'end');
for (const { own, registry } of nodes) {
  own.stop();
  registry.close();
}
