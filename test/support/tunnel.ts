/** Two hosts on a cable with a tunnel between them: vtep at the one end, vtep or the kernel at the other. */
import type { Host, Lab } from './netns.ts';
import { VtepProcess } from './vtep-process.ts';
import { waitFor } from './wait-for.ts';

export const UNDERLAYS = ['veth', 'wire'] as const;
export const PEERS = ['the kernel', 'itself'] as const;

export interface TunnelOptions {
  /** A veth as it comes, or one that does what a cable does. */
  underlay: (typeof UNDERLAYS)[number];
  family?: 'IPv4' | 'IPv6';
  peer: (typeof PEERS)[number];
  /** Further words of `vtep run`. */
  words: string;
}

export interface Tunnel {
  /** 10.0.0.1 and fd00::1, vtep. */
  a: Host;
  /** 10.0.0.2 and fd00::2 */
  b: Host;
  /** Of `a`, and of `b` where it is one. */
  vteps: VtepProcess[];
}

const ADDRESSES = { IPv4: ['192.0.2.1', '192.0.2.2'], IPv6: ['2001:db8::1', '2001:db8::2'] };

export async function openTunnel(lab: Lab, options: TunnelOptions): Promise<Tunnel> {
  const { underlay, family = 'IPv4', peer, words } = options;
  const [local, remote] = ADDRESSES[family];
  const length = family === 'IPv4' ? 24 : 64;
  const [a, b] = [lab.host('a'), lab.host('b')];
  lab.cable(a, [`${local}/${length}`], b, [`${remote}/${length}`]);
  if (underlay === 'wire') await lab.wire(a, b);
  await a.settled('eth0');
  await b.settled('eth0');
  const run = (host: Host, to: string, number: number) =>
    VtepProcess.start(
      host,
      `vx0 id 42 ${words} up remote ${to} address 10.0.0.${number}/24 address fd00::${number}/64`,
    );
  const vteps = [await run(a, remote, 1)];
  if (peer === 'itself') vteps.push(await run(b, local, 2));
  else {
    b.ip(`link add vx0 type vxlan id 42 remote ${local} dstport 4789 dev eth0`);
    b.ip('address add 10.0.0.2/24 dev vx0', 'address add fd00::2/64 dev vx0', 'link set vx0 up');
  }
  await a.settled('vx0');
  await b.settled('vx0');
  for (const address of ['10.0.0.2', 'fd00::2']) {
    await waitFor(async () => (await a.ping(address)) === 2, `${address} to answer`);
  }
  return { a, b, vteps };
}
