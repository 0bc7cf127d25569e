/** Packets and traffic by chance, for the offloads and their twin. */
import { headerLength, ipAt, type Packet, TCP_FLAG } from './offload-twin.ts';
import type { Random } from './random.ts';

/** Of the link that traffic goes to. */
export const MTU = 1450;
const NOTHING = new Uint8Array(0);
const EDGES_32 = [0, 2 ** 31 - 300, 2 ** 32 - 700];

/** Mostly few bytes, so that many cases pass; now and then as many as there can be. */
function randomLength(random: Random): number {
  if (random.oneIn(500)) return random.between(1, 65_000);
  return random.oneIn(20) ? random.between(1, 4000) : random.between(1, 300);
}

function randomWindow(random: Random, of: Uint8Array): Uint8Array {
  const length = randomLength(random);
  const from = random.below(of.length - length);
  return of.subarray(from, from + length);
}

export function randomPacket(random: Random, bytes: Uint8Array): Packet {
  const [ipv6, tcp] = [random.oneIn(2), !random.oneIn(3)];
  const plain = !random.oneIn(4);
  return {
    tags: random.oneIn(3) ? random.list(random.between(1, 2), () => random.below(65_536)) : [],
    tagType: random.pick([0x8100, 0x88a8] as const),
    station: random.below(256),
    ipv6,
    tcp,
    trafficClass: random.pick([0, 2, 0xb8, random.below(256)]),
    flowLabel: random.pick([0, random.below(2 ** 20)]),
    hopLimit: random.pick([64, 255, random.below(256)]),
    id: random.pick([0, 65_530, random.below(65_536)]),
    fragment: random.pick([0, 0x4000]),
    ipOptions: plain || ipv6 ? NOTHING : random.bytes(4 * random.below(11)),
    extensions:
      plain || !ipv6 ? [] : random.list(random.below(5), () => [random.pick([0, 43, 60]), random.below(3)]),
    source: random.below(256),
    destination: random.below(256),
    ports: [random.below(65_536), random.below(65_536)],
    sequence: random.pick([...EDGES_32, random.below(2 ** 32)]),
    ack: random.below(2 ** 32),
    flags: TCP_FLAG.ack | random.pick([0, TCP_FLAG.psh, TCP_FLAG.fin, TCP_FLAG.ece, random.below(256)]),
    window: random.below(65_536),
    urgent: random.oneIn(8) ? random.below(65_536) : 0,
    options: tcp ? random.bytes(4 * random.pick([0, 3, random.below(11)])) : NOTHING,
    checksum: 'right',
    payload: randomWindow(random, bytes),
    padding: random.oneIn(6) ? random.between(1, 46) : 0,
  };
}

/** What may happen to a flow: most of it ends the run that was open. */
const EVENTS: ((p: Packet, random: Random) => void)[] = [
  (p) => {
    p.sequence = (p.sequence + 9) >>> 0;
  },
  (p) => {
    p.flags |= TCP_FLAG.psh;
  },
  (p) => {
    p.flags |= TCP_FLAG.fin;
  },
  (p, random) => {
    p.flags ^= random.pick([TCP_FLAG.syn, TCP_FLAG.rst, TCP_FLAG.urg, TCP_FLAG.cwr, TCP_FLAG.ece]);
  },
  (p) => {
    p.window ^= 1;
  },
  (p) => {
    p.ack ^= 1;
  },
  (p) => {
    p.urgent ^= 1;
  },
  (p) => {
    p.hopLimit ^= 1;
  },
  (p) => {
    p.trafficClass ^= 1;
  },
  (p) => {
    p.flowLabel ^= 1;
  },
  (p) => {
    p.fragment ^= 0x4000;
  },
  (p, random) => {
    p.options = p.options.map((byte) => byte ^ random.below(2));
  },
  (p) => {
    p.options = p.options.subarray(4);
  },
  (p, random) => {
    p.payload = p.payload.subarray(0, random.below(p.payload.length + 1));
  },
  (p) => {
    p.payload = Uint8Array.from([...p.payload, 1]);
  },
  (p) => {
    p.checksum = 'wrong';
  },
  (p) => {
    p.checksum = 'unfinished';
  },
  (p) => {
    p.checksum = p.tcp ? 'right' : 'none';
  },
  (p, random) => {
    p.padding = random.below(30);
  },
];

/** One flow: parts of equal length that follow each other, but for what happens. */
function randomFlow(random: Random, bytes: Uint8Array, count: number, station: number): Packet[] {
  const first: Packet = { ...randomPacket(random, bytes), station };
  first.payload = first.payload.subarray(0, Math.ceil(30_000 / count)); // two such flows may be one
  if (!random.oneIn(10)) Object.assign(first, { flags: TCP_FLAG.ack, ipOptions: NOTHING, extensions: [] });
  if (random.oneIn(12)) {
    first.checksum = 'unfinished';
    const fits = MTU - (headerLength(first) - ipAt(first));
    if (random.oneIn(2)) first.payload = bytes.subarray(0, fits + random.between(-1, 1));
  }
  const events = random.oneIn(3) ? 0 : random.between(2, 12);
  const flow: Packet[] = [];
  for (let next = first; flow.length < count; ) {
    const part: Packet = { ...next, padding: 0 };
    if (events > 0 && random.oneIn(events)) random.pick(EVENTS)(part, random);
    flow.push(part);
    const sequence = (part.sequence + part.payload.length) >>> 0;
    next = { ...next, id: (next.id + 1) & 0xffff, sequence };
  }
  return flow;
}

/** Several flows, their packets interleaved but each flow's in order; what has the same station may be one flow twice. */
export function randomTraffic(random: Random, bytes: Uint8Array): Packet[] {
  const flows = random.list(random.between(1, 5), (i) => {
    const count = random.oneIn(30) ? random.between(60, 140) : random.between(1, 16);
    return randomFlow(random, bytes, count, i);
  });
  if (random.oneIn(4)) flows.push(twin(random, random.pick(flows)));
  const traffic: Packet[] = [];
  while (flows.some((flow) => flow.length > 0)) {
    const flow = random.pick(flows.filter((each) => each.length > 0));
    traffic.push(...flow.splice(0, random.between(1, 4)));
  }
  return traffic;
}

/** A flow that differs from another in one of the things that make a flow. */
function twin(random: Random, flow: readonly Packet[]): Packet[] {
  const change = random.pick<(p: Packet) => Partial<Packet>>([
    (p) => ({ source: p.source ^ 1 }),
    (p) => ({ destination: p.destination ^ 1 }),
    (p) => ({ ports: [p.ports[0] ^ 1, p.ports[1]] }),
    (p) => ({ ports: [p.ports[0], p.ports[1] ^ 1] }),
    (p) => ({ tags: p.tags.map((tag) => tag ^ 1) }),
    (p) => ({ tagType: p.tagType === 0x8100 ? 0x88a8 : 0x8100 }),
    (p) => ({ tcp: !p.tcp, options: NOTHING, checksum: 'right' }),
    (p) => ({ station: p.station ^ 1 }),
  ]);
  return flow.map((p) => ({ ...p, ...change(p) }));
}

/** The frame with a few of its bytes changed, most of them in its headers, or cut off. */
export function damaged(random: Random, frame: Uint8Array): Uint8Array {
  const bytes = frame.slice(0, random.oneIn(8) ? random.between(14, frame.length) : frame.length);
  for (let i = random.below(4); i > 0; i--)
    bytes[random.below(Math.min(bytes.length, 90))] = random.below(256);
  return bytes;
}

/** Payloads are windows of these, as making them anew would take most of the time. */
export function randomBytes(random: Random): Uint8Array {
  return random.bytes(80_000);
}
