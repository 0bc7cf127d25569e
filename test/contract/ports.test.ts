/** The suites of ports over those that need no root and no addon. The others are asked in `native/` and `netns/`. */
import { MemoryNetwork } from '../../src/io/memory-network.ts';
import { MemoryTap } from '../../src/io/memory-tap.ts';
import { type DgramOptions, DgramUdpPort } from '../../src/io/udp-dgram.ts';
import type { Batch } from '../../src/memory/batch.ts';
import { describePort } from '../support/port-contract.ts';
import { describeUnderlay, type UnderlayPair } from '../support/underlay-contract.ts';
import { recordsOf } from '../support/underlay-ports.ts';

/** A TAP whose host sends everything on by another one. */
class Bridged extends MemoryTap {
  private readonly other: MemoryTap;

  constructor(other: MemoryTap) {
    super();
    this.other = other;
  }

  override transmit(batch: Batch, from: number, to: number): number {
    const left = super.transmit(batch, from, to);
    for (let frame = this.take(); frame; frame = this.take()) this.other.send(frame);
    return left;
  }
}

describePort('a TAP in memory', async () => {
  const to = new MemoryTap();
  const from = new Bridged(to);
  return { from, to, close: () => [from, to].forEach((port) => void port.close()) };
});

async function inMemory(): Promise<UnderlayPair> {
  const network = new MemoryNetwork();
  const [from, to] = [network.attach('192.0.2.1'), network.attach('192.0.2.2')];
  from.bind(
    recordsOf([
      ['192.0.2.2', 4789],
      ['192.0.2.3', 4789],
    ]),
  );
  return { from, to, close: () => [from, to].forEach((port) => void port.close()) };
}

async function dgram(there: DgramOptions, here: DgramOptions): Promise<UnderlayPair> {
  const [from, to] = await Promise.all([DgramUdpPort.open(here), DgramUdpPort.open(there)]);
  const { local, port } = there as Required<DgramOptions>;
  from.bind(
    recordsOf([
      [local, port],
      [local, port + 9],
    ]),
  );
  return { from, to, close: () => [from, to].forEach((each) => void each.close()) };
}
const overIpv4 = () => dgram({ local: '127.0.11.2', port: 14_789 }, { local: '127.0.11.1', port: 14_789 });
const overIpv6 = () => dgram({ local: '::1', port: 14_791 }, { local: '::1', port: 14_790 });

describePort('a network in memory', inMemory);
describePort('node:dgram over IPv4', overIpv4);
describePort('node:dgram over IPv6', overIpv6);
describeUnderlay('a network in memory', inMemory, false);
describeUnderlay('node:dgram over IPv4', overIpv4);
describeUnderlay('node:dgram over IPv6', overIpv6);
