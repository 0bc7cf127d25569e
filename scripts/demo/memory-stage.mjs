// The same story without root: three VTEPs on the in-memory LAN, and hosts that answer ARP and ping.
import { MemoryLan, MemoryNetwork, MemoryTap, Vtep } from '../../dist/index.js';
import { answer, arpRequest, describeDatagram, echoRequest, isEchoReply } from './frames.mjs';

const VNI = 42;
const SECONDS = 1;
const BURST = 64;
const FRAME = 1400;

export class MemoryStage {
  segment = 'a network in memory';
  meter = `frames of ${FRAME} bytes through memory, ${SECONDS} s each, both VTEPs and both hosts in one thread`;
  hosts = ['red', 'green', 'blue'].map((name, i) => ({
    name,
    address: `10.0.0.${i + 1}`,
    underlay: `192.0.2.${i + 1}`,
    mac: `02:00:00:00:00:0${i + 1}`,
    runs: 'vtep',
    shows: 'vtep.fdb.list()',
  }));
  #lan = new MemoryLan();
  #aborted = false;

  async open() {
    for (const host of this.hosts) {
      const remotes = this.hosts.filter((other) => other !== host).map(({ underlay }) => underlay);
      const { vtep, tap } = this.#lan.host(host.underlay, { vni: VNI, remotes, mac: host.mac });
      Object.assign(host, { vtep, tap });
    }
  }

  async ping(from, to) {
    const times = [];
    from.tap.send(arpRequest(from, to));
    this.#settle(from);
    for (let i = 0; i < 3; i++) {
      const began = performance.now();
      from.tap.send(echoRequest(from, to));
      const arrived = this.#settle(from);
      if (arrived.some((frame) => isEchoReply(frame, to, from))) times.push(performance.now() - began);
    }
    // breathe: signals are heard between two pings
    await new Promise(setImmediate);
    this.check();
    return times.length > 0 ? Math.min(...times) : undefined;
  }

  async table({ vtep }) {
    const line = ({ mac, dst, state }) => `${mac} dst ${dst} self${state === 'learned' ? '' : ` ${state}`}`;
    return Array.from(vtep.fdb.list(), line).sort();
  }

  async speed(from, to) {
    const frame = echoRequest(from, to, FRAME);
    const room = new Uint8Array(FRAME);
    let frames = 0;
    const began = performance.now();
    while (performance.now() - began < 1000 * SECONDS) {
      for (let i = 0; i < BURST; i++) from.tap.send(frame);
      this.#lan.settle();
      while (to.tap.takeInto(room) >= 0) frames++;
      await new Promise(setImmediate);
      this.check();
    }
    const perSecond = frames / ((performance.now() - began) / 1000);
    if (frames === 0) throw new Error('no frame arrived');
    return `${Math.round(perSecond / 1000)} k frames/s, ${((perSecond * FRAME * 8) / 1e9).toFixed(2)} Gbit/s`;
  }

  /** The bytes that a VTEP puts on the network: its peer here is a port that keeps what arrives. */
  async datagram() {
    const [red, green] = this.hosts;
    const network = new MemoryNetwork();
    const tap = new MemoryTap();
    const vtep = new Vtep({ vni: VNI, tap, udp: network.attach(red.underlay), remotes: [green.underlay] });
    const peer = keeping(network.attach(green.underlay));
    const other = new Vtep({ vni: VNI, tap: new MemoryTap(), udp: peer.port });
    tap.send(echoRequest(red, green));
    vtep.turn();
    other.turn();
    await Promise.all([vtep.close(), other.close()]);
    const { datagram, fromPort } = peer;
    return describeDatagram(datagram, red.underlay, fromPort, green.underlay);
  }

  check() {
    if (this.#aborted) throw new Error('told to end');
  }

  abort() {
    this.#aborted = true;
  }

  close() {
    return this.#lan.close();
  }

  /** Every host takes what came for it and answers what it is asked, until all is quiet. Returns what `to` got. */
  #settle(to) {
    const arrived = [];
    for (let busy = true; busy; ) {
      busy = false;
      this.#lan.settle();
      for (const host of this.hosts) {
        for (let bytes = host.tap.take(); bytes; bytes = host.tap.take()) {
          busy = true;
          const frame = Buffer.from(bytes);
          if (host === to) arrived.push(frame);
          const reply = answer(frame, host);
          if (reply) host.tap.send(reply);
        }
      }
    }
    return arrived;
  }
}

/** A port that is watched: what it received last stays to be seen. */
function keeping(port) {
  const kept = { port, datagram: undefined, fromPort: 0 };
  const receive = port.receive.bind(port);
  port.receive = (batch) => {
    const count = receive(batch);
    if (count > 0) {
      const at = batch.offset(count - 1);
      kept.datagram = Buffer.from(batch.pool.bytes.subarray(at, at + batch.length[count - 1]));
      kept.fromPort = batch.fromPort[count - 1];
    }
    return count;
  };
  return kept;
}
