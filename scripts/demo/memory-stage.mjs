// The same story without root: three VTEPs on the in-memory LAN, and hosts that answer ARP and ping.
import { MemoryLan } from '../../dist/index.js';
import { answer, arpRequest, describeDatagram, echoRequest, isEchoReply, MAC } from './frames.mjs';

const MEASURED_MS = 1500;
const BURST = 64;

export function memoryStage() {
  const lan = new MemoryLan({ seed: 42 });
  const hosts = ['red', 'green', 'blue'].map((name, i) => ({
    name,
    number: i + 1,
    address: `10.0.0.${i + 1}`,
    underlay: `192.0.2.${i + 1}`,
    how: 'vtep in memory',
  }));
  let aborted = false;

  /** Every host takes what came for it and answers what it is asked, until all is quiet. */
  const settle = (onFrame = () => {}) => {
    for (let busy = true; busy; ) {
      busy = false;
      lan.settle();
      for (const host of hosts) {
        for (let frame = host.tap.take(); frame; frame = host.tap.take()) {
          busy = true;
          onFrame(host, frame);
          const reply = answer(frame, host);
          if (reply) host.tap.send(reply);
        }
      }
    }
  };

  return {
    hosts,
    topology: [
      '    red              green            blue',
      '    10.0.0.1         10.0.0.2         10.0.0.3',
      '  [ vtep ]         [ vtep ]         [ vtep ]',
      '    192.0.2.1        192.0.2.2        192.0.2.3',
      '       └───────────────┴── memory ──────┘',
    ].join('\n'),
    async open() {
      for (const host of hosts) {
        const remotes = hosts.filter((other) => other !== host).map(({ underlay }) => underlay);
        Object.assign(host, lan.host(host.underlay, { vni: 42, remotes, mac: MAC(host) }), {
          address: host.address,
        });
        host.fdb = async () =>
          host.vtep.fdb
            .list()
            .map(({ mac, dst, state }) => `${mac} dst ${dst} self${state === 'learned' ? '' : ` ${state}`}`);
      }
    },
    async ping(from, to) {
      const began = process.hrtime.bigint();
      let answered = false;
      from.tap.send(arpRequest(from, to));
      settle();
      from.tap.send(echoRequest(from, to));
      settle((host, frame) => {
        if (host === from && isEchoReply(frame, to)) answered = true;
      });
      return answered ? Number(process.hrtime.bigint() - began) / 1e6 : undefined;
    },
    async throughput() {
      const [from, to] = hosts;
      const frame = echoRequest(from, to, 1400);
      const room = new Uint8Array(2048);
      let frames = 0;
      const began = process.hrtime.bigint();
      const elapsed = () => Number(process.hrtime.bigint() - began) / 1e6;
      while (elapsed() < MEASURED_MS && !aborted) {
        for (let i = 0; i < BURST; i++) from.tap.send(frame);
        lan.settle();
        while (to.tap.takeInto(room) >= 0) frames++;
      }
      const perSecond = frames / (elapsed() / 1000);
      const bits = (perSecond * frame.length * 8) / 1e9;
      const text = `${from.name.padEnd(5)} -> ${to.name.padEnd(5)}  ${Math.round(perSecond / 1000)} thousand frames/s of ${frame.length} bytes, ${bits.toFixed(2)} Gbit/s, through memory`;
      return [{ text, failed: frames === 0 && !aborted }];
    },
    async packet() {
      const [from, to] = hosts;
      return describeDatagram(from, to, echoRequest(from, to));
    },
    abort() {
      aborted = true;
    },
    close: () => lan.close(),
  };
}
