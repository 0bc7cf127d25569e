/** One suite over the ports that need no root. Those of the native transport are asked in `native/` and `netns/`. */
import { MemoryNetwork } from '../../src/io/memory-network.ts';
import { DgramUdpPort } from '../../src/io/udp-dgram.ts';
import { describePort } from '../support/port-contract.ts';
import { recordsOf } from '../support/underlay-ports.ts';

describePort('a network in memory', async () => {
  const network = new MemoryNetwork();
  const [from, to] = [network.attach('192.0.2.1'), network.attach('192.0.2.2')];
  from.bind(recordsOf([['192.0.2.2', 4789]]));
  return { from, to, close: () => [from, to].forEach((port) => void port.close()) };
});

describePort('node:dgram over IPv4', async () => {
  const [from, to] = await Promise.all([
    DgramUdpPort.open({ local: '127.0.11.1', port: 14_789 }),
    DgramUdpPort.open({ local: '127.0.11.2', port: 14_789 }),
  ]);
  from.bind(recordsOf([['127.0.11.2', 14_789]]));
  return { from, to, close: () => [from, to].forEach((port) => void port.close()) };
});

describePort('node:dgram over IPv6', async () => {
  const [from, to] = await Promise.all([
    DgramUdpPort.open({ local: '::1', port: 14_790 }),
    DgramUdpPort.open({ local: '::1', port: 14_791 }),
  ]);
  from.bind(recordsOf([['::1', 14_791]]));
  return { from, to, close: () => [from, to].forEach((port) => void port.close()) };
});
