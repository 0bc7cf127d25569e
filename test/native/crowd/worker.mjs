// One of the crowd: carries made-up datagrams and frames through the real data path, and looks at all that comes out.
import { parentPort, workerData } from 'node:worker_threads';
import { Carrier } from '../../../dist/engine/carrier.js';
import { endpoint } from '../../../dist/tables/links.js';
import { Tables } from '../../../dist/tables/tables.js';
import * as arp from '../../../dist/wire/arp.js';
import * as ethernet from '../../../dist/wire/ethernet.js';
import * as vxlan from '../../../dist/wire/vxlan.js';
import * as plan from './plan.mjs';

const { memory, worker, batches, seconds, clock } = workerData;
const tables = new Tables(memory, worker);
const random = plan.randomNumbers(worker * 7919 + 12_345);
const ARP_LENGTH = ethernet.HEADER_LENGTH + arp.LENGTH;
const seen = { datagrams: 0, frames: 0, delivered: 0, replies: 0, violations: [] };
let window = 0;

function violate(what, ...facts) {
  if (seen.violations.length < 5) seen.violations.push(`${what}: ${facts.join(' ')}`);
}

/** MACs in a window that wanders, so that entries age behind it. */
const someMac = () => (random(4) === 0 ? random(plan.MACS) : (window + random(100)) % plan.MACS);

function writeEthernet(view, at, to, from, type) {
  ethernet.writeDestination(
    view,
    at,
    to === undefined ? 0xffff : plan.MAC_HIGH,
    to === undefined ? -1 : plan.macLow(to),
  );
  ethernet.writeSource(view, at, plan.MAC_HIGH, plan.macLow(from));
  ethernet.writeType(view, at, type);
}

function writeArp(view, at, operation, senderHigh, senderLow, sender, target) {
  const words = [
    0x00010800,
    0x06040000 | operation,
    (senderHigh << 16) | (senderLow >>> 16),
    senderLow << 16,
  ];
  for (const [i, word] of words.entries()) view.setInt32(at + 4 * i, word);
  view.setInt32(at + 14, sender);
  view.setInt32(at + 18, 0);
  view.setInt16(at + 22, 0);
  view.setInt32(at + 24, target);
}

/** Writes a frame at `at`; its length. */
function writeFrame(view, at, to, from, inward) {
  const isArp = random(6) === 0;
  writeEthernet(view, at, isArp ? undefined : to, from, isArp ? ethernet.TYPE_ARP : ethernet.TYPE_IPV4);
  if (!isArp) return 64;
  const neighbor = random(plan.NEIGHBORS);
  const which = random(plan.MACS_A_NEIGHBOR);
  const [high, low] = [plan.neighborHigh(which), plan.neighborLow(neighbor, which)];
  const message = at + ethernet.HEADER_LENGTH;
  if (inward) writeArp(view, message, arp.REPLY, high, low, plan.neighborIp(neighbor), 0x0b0000ff);
  else writeArp(view, message, arp.REQUEST, plan.MAC_HIGH, 1, 0x0b0000fe, plan.neighborIp(neighbor));
  return ARP_LENGTH;
}

class Tap {
  failures = 0;
  failed = new Int32Array(2);

  receive(batch) {
    for (let i = 0; i < batch.slots; i++) {
      batch.length[i] = writeFrame(batch.pool.view, batch.offset(i), someMac(), someMac(), false);
      batch.vnet.fill(0, 3 * i, 3 * i + 3);
    }
    batch.count = batch.slots;
    seen.frames += batch.count;
    return batch.count;
  }

  /** An answer of the proxy has both halves of one MAC of the neighbour that was asked for. */
  transmit(batch, from, to) {
    const { view } = batch.pool;
    for (let i = from; i < to; i++) {
      const at = batch.offset(i);
      const message = at + ethernet.HEADER_LENGTH;
      const isReply =
        ethernet.readType(view, at) === ethernet.TYPE_ARP && arp.readTargetIp(view, message) === 0x0b0000fe;
      if (!isReply) {
        seen.delivered++;
        continue;
      }
      seen.replies++;
      const neighbor = arp.readSenderIp(view, message) & 0xffff;
      const [high, low] = [arp.readSenderMacHigh(view, message), arp.readSenderMacLow(view, message)];
      if (!plan.isMacOfNeighbor(neighbor, high, low)) violate('a MAC of no neighbour', neighbor, high, low);
    }
    return 0;
  }

  close() {}
}

class Underlay {
  failures = 0;
  failed = new Int32Array(2);
  sourcePorts = [];

  bind() {}

  receive(batch) {
    for (let i = 0; i < batch.slots; i++) {
      const at = batch.offset(i);
      const mac = someMac();
      vxlan.writeHeader(batch.pool.view, at, plan.VNI);
      const frame = writeFrame(batch.pool.view, at + vxlan.HEADER_LENGTH, 0, mac, true);
      batch.length[i] = vxlan.HEADER_LENGTH + frame;
      [batch.from0[i], batch.from1[i], batch.from2[i]] = plan.IPV4;
      // mostly where it was before, now and then behind another of its remotes
      const which =
        random(20) === 0 ? random(plan.REMOTES_A_GROUP) : (mac + (window >> 6)) % plan.REMOTES_A_GROUP;
      batch.from3[i] = plan.addressOf(mac, which);
      batch.fromPort[i] = 1234;
    }
    batch.count = batch.slots;
    seen.datagrams += batch.count;
    return batch.count;
  }

  /** Each datagram goes to a remote of its MAC's group, or a copy to each of one list of default destinations. */
  transmit(batch, from, to) {
    for (let i = from; i < to; ) i = this.look(batch, i, to);
    return 0;
  }

  look(batch, i, to) {
    const { remotes } = tables;
    const { view } = batch.pool;
    const frame = batch.offset(i) + vxlan.HEADER_LENGTH;
    let address = remotes.address(batch.target[i], 3);
    if (remotes.link(batch.target[i]) !== plan.LINK || remotes.port(batch.target[i]) !== plan.PORT) {
      violate('a remote that is none', batch.target[i], address);
    }
    if (!plan.isDefault(address)) {
      const mac = plan.macOf(ethernet.readDestinationLow(view, frame));
      if (!plan.isAddressOf(mac, address)) violate('a remote of another key', mac, address.toString(16));
      return i + 1;
    }
    if (address !== plan.ALWAYS) violate('a flood that does not begin', address.toString(16));
    const slot = batch.slot[i++];
    while (!plan.mayEnd(address) && i < to && batch.slot[i] === slot) {
      const next = remotes.address(batch.target[i++], 3);
      if (!plan.mayFollow(address, next)) violate('a mixed flood', address.toString(16), next.toString(16));
      address = next;
    }
    if (!plan.mayEnd(address)) violate('a flood that does not end', address.toString(16));
    return i;
  }

  close() {}
}

const udp = new Underlay();
const carrier = new Carrier(tables);
carrier.add(plan.LINK, new Tap(), udp);
parentPort.postMessage('here');
Atomics.wait(clock, 1, 0);
// until the other thread has had its turns as well, however the cores were shared out
for (let batch = 0; batch < batches || Atomics.load(clock, 0) < seconds; batch++) {
  if ((batch & 15) === 0) window++;
  const now = Atomics.load(clock, 0);
  tables.rounds.begin();
  carrier.back(udp, endpoint(false, plan.PORT), now);
  carrier.out(plan.LINK, now);
  tables.rounds.end();
}
parentPort.postMessage(seen);
