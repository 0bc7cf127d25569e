/**
 * Datagrams that no honest peer sends, from any source: each is counted by its reason, and none reaches the TAP.
 *
 *   a [ vx0, vtep ] 192.0.2.1 ──── 192.0.2.2 b, which forges
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Capture } from '../support/capture.ts';
import { type Host, Lab } from '../support/netns.ts';
import { TRANSPORTS, VtepProcess } from '../support/vtep-process.ts';
import { waitFor } from '../support/wait-for.ts';

const FORGE = join(import.meta.dirname, '..', 'forge', 'forge.mjs');
const VXLAN = '0800000000002a00';
const MARK = 'f0f1f2f3'.repeat(12);
const HONEST = 'e0e1e2e3'.repeat(12);
const frame = (source: string) => `ffffffffffff${source}88b5${MARK}`;

interface Forged {
  payloadHex: string;
  from?: string;
  checksum?: string;
}

describe.each(TRANSPORTS)('forged datagrams, --transport %s', (transport) => {
  const lab = new Lab();
  let a: Host;
  let b: Host;
  let vtep: VtepProcess;
  const forge = (datagrams: Forged[]) => {
    const orders = datagrams.map((datagram) =>
      JSON.stringify({
        from: '192.0.2.2',
        to: '192.0.2.1',
        sourcePort: 50_000,
        destinationPort: 4789,
        checksum: 'right',
        ...datagram,
      }),
    );
    execFileSync('ip', ['netns', 'exec', b.netns, process.execPath, FORGE], { input: orders.join('\n') });
  };
  /** Sends each datagram five times, and an honest one behind them: when that is through, the others have been judged. */
  const judge = async (datagram: Forged, reason: string) => {
    const before = await vtep.counter(reason);
    const capture = await Capture.start(a, 'vx0', 'ether proto 0x88b5');
    const honest = { payloadHex: VXLAN + frame('020000000099').replace(MARK, HONEST) };
    forge([...Array<Forged>(5).fill(datagram), honest]);
    await waitFor(() => capture.bytes().includes(HONEST), 'the honest datagram at the TAP');
    await capture.stop();
    const reached = capture.bytes().includes(MARK);
    return { counted: (await vtep.counter(reason)) - before, reached };
  };

  beforeAll(async () => {
    a = lab.host('a');
    b = lab.host('b');
    lab.cable(a, ['192.0.2.1/24'], b, ['192.0.2.2/24']);
    vtep = await VtepProcess.start(
      a,
      `vx0 id 42 remote 192.0.2.2 --transport ${transport} up address 02:00:00:00:00:42`,
    );
  });
  afterAll(() => lab.close());

  it.each([
    ['another VNI', `0800000000002b00${frame('020000000001')}`, 'unknown-vni'],
    ['no I flag', `0000000000002a00${frame('020000000001')}`, 'no-vni-flag'],
    ['nothing but a header', VXLAN, 'datagram-short'],
    ['less than a header', '0800', 'datagram-short'],
    ['half an Ethernet header', `${VXLAN}ffffffffffff0200`, 'datagram-short'],
    ['a group as its source', VXLAN + frame('010000000001'), 'bad-source-mac'],
    ['no source', VXLAN + frame('000000000000'), 'bad-source-mac'],
    ["the link's own address as its source", VXLAN + frame('020000000042'), 'own-mac'],
  ])('%s', async (_, payloadHex, reason) => {
    expect(await judge({ payloadHex }, reason)).toEqual({ counted: 5, reached: false });
  });

  it('a wrong UDP checksum never gets to us', async () => {
    const datagram = { payloadHex: VXLAN + frame('020000000001'), checksum: 'wrong' };
    expect(await judge(datagram, 'unknown-vni')).toEqual({ counted: 0, reached: false });
  });

  it.each([
    ['reserved bits', `ff00000000002a01${frame('020000000001')}`, {}, 'reserved-bits-ignored', 5],
    ['no UDP checksum', VXLAN + frame('020000000001'), { checksum: 'zero' }, 'reserved-bits-ignored', 0],
    [
      'a source nobody knows',
      VXLAN + frame('020000000001'),
      { from: '198.51.100.66' },
      'reserved-bits-ignored',
      0,
    ],
  ])('%s: taken, as RFC 7348 says', async (_, payloadHex, rest, note, times) => {
    expect(await judge({ payloadHex, ...rest }, note)).toEqual({ counted: times, reached: true });
  });

  it('reserved bits with `reserved_bits kernel`: dropped, as the kernel does', async () => {
    await vtep.stop();
    vtep = await VtepProcess.start(
      a,
      `vx0 id 42 remote 192.0.2.2 --transport ${transport} up reserved_bits kernel`,
    );
    const datagram = { payloadHex: `0880000000002a00${frame('020000000001')}` };
    expect(await judge(datagram, 'reserved-bits')).toEqual({ counted: 5, reached: false });
  });

  it('thousands of sources neither grow it nor stop it', async () => {
    const many = Array.from({ length: 6000 }, (_, i) => ({
      from: `198.18.${i >> 8}.${i & 255}`,
      payloadHex: VXLAN + frame(`0202${i.toString(16).padStart(8, '0')}`),
    }));
    const before = await vtep.counter('rxFrames');
    forge(many);
    await waitFor(async () => (await vtep.counter('rxFrames')) >= before + 5000, 'the flood to be taken');
    expect(await vtep.counter('learn-table-full')).toBeGreaterThan(0); // 4096 remotes
    expect(await judge({ payloadHex: VXLAN }, 'datagram-short')).toEqual({ counted: 5, reached: false });
  });
});
