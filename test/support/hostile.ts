/** Any bytes from either side: no crash, no growth, nothing in another VNI, and every frame accounted for. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { DROP_REASONS } from '../../src/tables/counters.ts';
import { Vtep, type VtepOptions } from '../../src/vtep.ts';
import { RESERVED } from '../../src/wire/vxlan.ts';
import { fromHex, toHex } from './bytes.ts';
import { arp, BROADCAST, datagram, frame, ScriptedPort } from './frames.ts';
import { advertisement, solicitation } from './nd.ts';

const VNI = 42;
const A = '020000000001';

/** What honest frames look like, to be broken. */
const MODELS: Uint8Array[] = [
  frame(BROADCAST, A),
  arp(1, A, '10.1.0.1', '000000000000', '10.1.0.2'),
  arp(2, A, '10.1.0.1', '020000000002', '10.1.0.2'),
  solicitation(A, 'fd00::1', 'fd00::2'),
  advertisement('020000000002', 'fd00::2', A, 'fd00::1'),
  // IPv4 and UDP; tagged IPv6 with a hop-by-hop header and TCP
  frame(
    '020000000002',
    A,
    `4500002e000140004011${'0000'}0a0000010a00000203e80009001a0000${'61'.repeat(18)}`,
    '0800',
  ),
  frame(
    '020000000002',
    A,
    `000186dd6000000000280040${'fd'.repeat(16)}${'fe'.repeat(16)}0600010400000000${'11'.repeat(32)}`,
    '8100',
  ),
];

const mutation = fc.record({
  model: fc.nat(MODELS.length - 1),
  flips: fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 6 }),
  cut: fc.option(fc.nat(120)),
  more: fc.uint8Array({ maxLength: 40 }),
});

/** Honest frames, frames with a few bytes changed, cut or longer, and any bytes at all. */
export const anyFrame: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  mutation.map(({ model, flips, cut, more }) => {
    const bytes = Uint8Array.from([...MODELS[model], ...more]);
    for (const [at, value] of flips) if (at < bytes.length) bytes[at] = value;
    return cut === null ? bytes : bytes.slice(0, cut);
  }),
);
export const anyDatagram: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc
    .tuple(anyFrame, fc.constantFrom('08', '08', '00', 'ff'), fc.constantFrom(VNI, VNI, 43, 0))
    .map(([inner, flags, vni]) => datagram(vni, inner, flags)),
  anyFrame.map((inner) => datagram(VNI, inner)),
);
const options: fc.Arbitrary<Partial<VtepOptions>> = fc.record({
  proxy: fc.boolean(),
  suppress: fc.boolean(),
  shortCircuit: fc.boolean(),
  innerVlan: fc.constantFrom('pass', 'strip', 'drop'),
  l2miss: fc.boolean(),
  l3miss: fc.boolean(),
  reservedBits: fc.constantFrom({ high: 0, low: 0 }, RESERVED),
  learning: fc.boolean(),
  maxAddresses: fc.nat(3),
  remotes: fc.constantFrom([], ['10.0.0.1'], ['10.0.0.1', '10.0.0.2', '10.0.0.3']),
});

const dropped = (vtep: Vtep) => {
  const counters = vtep.counters();
  return (Object.keys(DROP_REASONS) as (keyof typeof DROP_REASONS)[]).reduce(
    (sum, name) => sum + counters[name],
    0,
  );
};

function open(given: Partial<VtepOptions>) {
  const tap = new ScriptedPort();
  const udp = new ScriptedPort();
  return { tap, udp, vtep: new Vtep({ vni: VNI, tap, udp, fdbSize: 16, clock: () => 0, ...given }) };
}

/** Datagrams in: each is handed over as it was, or dropped with a reason. */
export const fromTheUnderlay = fc.property(
  fc.array(anyDatagram, { maxLength: 40 }),
  options,
  (datagrams, given) => {
    const { tap, udp, vtep } = open(given);
    udp.incoming.push(...datagrams.map((bytes) => ({ bytes })));
    while (vtep.turn() > 0);
    expect(tap.sent.length + dropped(vtep)).toBe(datagrams.length);
    expect(udp.sent).toEqual([]);
    const ours = new Set(
      datagrams
        .filter((bytes) => toHex(bytes).slice(8, 14) === '00002a')
        .map((bytes) => toHex(bytes.subarray(8))),
    );
    for (const { bytes } of tap.sent) expect(ours.has(toHex(bytes))).toBe(true);
    expect([...vtep.fdb.list()].length).toBeLessThanOrEqual(16 + 3);
  },
);

/** Frames in: each leaves for every remote that should have it, is answered, or is dropped with a reason. */
export const fromTheTap = fc.property(fc.array(anyFrame, { maxLength: 40 }), options, (frames, given) => {
  const { tap, udp, vtep } = open(given);
  vtep.neighbors.replace({ ip: '10.1.0.2', mac: '02:00:00:00:00:02' });
  vtep.neighbors.replace({ ip: 'fd00::2', mac: '02:00:00:00:00:02' });
  tap.incoming.push(...frames.map((bytes) => ({ bytes })));
  while (vtep.turn() > 0);
  const copies = Math.max(given.remotes?.length ?? 0, 1);
  expect(udp.sent.length / copies + tap.sent.length + dropped(vtep)).toBe(frames.length);
  const header = toHex(fromHex('0800000000002a00'));
  const known = new Set(frames.map(toHex));
  const unchanged = !given.shortCircuit && given.innerVlan !== 'strip';
  for (const { bytes } of udp.sent) {
    expect(toHex(bytes.subarray(0, 8))).toBe(header);
    if (unchanged) expect(known.has(toHex(bytes.subarray(8)))).toBe(true);
  }
});
