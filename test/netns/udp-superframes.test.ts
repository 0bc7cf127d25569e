/**
 * Applications that hand the kernel many UDP datagrams at once, as QUIC does: each arrives as it was sent. Over a veth
 * as it comes a kernel peer sends them whole, one superframe in one VXLAN datagram.
 *
 *   a [ vx0 10.0.0.1 ] eth0 ──── eth0 [ vx0 10.0.0.2 ] b
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../support/netns.ts';
import { openTunnel, PEERS, type Tunnel, UNDERLAYS } from '../support/tunnel.ts';
import { datagramsOf, exchange } from '../support/udp-superframes.ts';

const SUPERFRAMES = { size: 1000, last: 993, each: 30, times: 20 };
const EXPECTED = datagramsOf(SUPERFRAMES);
const CASES = UNDERLAYS.flatMap((underlay) =>
  PEERS.flatMap((peer) => ['auto', 'off'].map((offload) => ({ underlay, peer, offload }))),
);

describe.each(CASES)('offloads $offload over a $underlay, against $peer', ({ underlay, peer, offload }) => {
  const lab = new Lab();
  let tunnel: Tunnel;
  beforeAll(async () => {
    tunnel = await openTunnel(lab, { underlay, peer, words: `--offload ${offload}` });
  });
  afterAll(() => lab.close());

  it.each([
    ['there', '10.0.0.2'],
    ['back', '10.0.0.1'],
    ['there', 'fd00::2'],
    ['back', 'fd00::1'],
  ])('%s to %s', async (direction, address) => {
    const { a, b, vteps } = tunnel;
    const [from, to] = direction === 'there' ? [a, b] : [b, a];
    expect(await exchange(from, to, address, SUPERFRAMES, EXPECTED.length)).toEqual(EXPECTED);
    const dump = await vteps[0].dump();
    for (const reason of ['unknown-vni', 'no-vni-flag', 'datagram-short'])
      expect(dump).not.toContain(`  ${reason}:`);
  });
});
