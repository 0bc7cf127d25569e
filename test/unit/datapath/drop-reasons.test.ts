/** Every reason for a drop: what makes it count, it alone, with nothing leaving on either side. */
import { describe, expect, it } from 'vitest';
import type { DropReason } from '../../../src/tables/counters.ts';
import type { VtepOptions } from '../../../src/vtep.ts';
import { RESERVED } from '../../../src/wire/vxlan.ts';
import { arp, BROADCAST, datagram, frame } from '../../support/frames.ts';
import { solicitation } from '../../support/nd.ts';
import { A, B, OTHER, OWN, OWN_MAC, REMOTE, type World, world } from '../../support/world.ts';

interface Case {
  options?: Partial<VtepOptions>;
  happens(w: World): void;
}

const ONE_REMOTE = { remotes: ['10.0.0.1'] };
const SUPERFRAME_TYPE = 1 << 8;

/** Tag behind tag, to the end. */
const TAGGED = frame(B, A, '000788a8'.repeat(12), '8100');

/** The underlay refuses the datagram, or the TAP the frame, with this errno. */
function refusedBy(side: 'udp' | 'tap', errno: number): Case {
  return {
    options: ONE_REMOTE,
    happens(w) {
      w[side].refusal = () => errno;
      if (side === 'udp') w.out(frame(BROADCAST, A));
      else w.back(datagram(42, frame(B, A)));
    },
  };
}
/** The underlay was full, and this packet cannot say so. */
function congestedBy(type: string, packet: string): Case {
  const bytes = datagram(42, frame(B, A, packet, type));
  return {
    happens(w) {
      w.back(bytes, REMOTE, 12_345, 0xb8 | 3);
    },
  };
}
const datagramOf = (bytes: Uint8Array, options?: Partial<VtepOptions>): Case => ({
  options,
  happens: (w) => w.back(bytes),
});
const frameOf = (bytes: Uint8Array, options: Partial<VtepOptions> = ONE_REMOTE): Case => ({
  options,
  happens: (w) => w.out(bytes),
});

/** Of trunks, which have a test of their own (`trunk.test.ts`). */
type TrunkReason = 'unknown-vlan' | 'no-vlan';
type Reason = Exclude<DropReason, TrunkReason>;

/** A reason that is added without a case here does not compile. */
const CASES: Record<Reason, Record<string, Case>> = {
  'datagram-short': {
    'no byte': datagramOf(new Uint8Array(0)),
    'a header and no more': datagramOf(datagram(42, new Uint8Array(0))),
    'all but the last byte of an Ethernet header': datagramOf(datagram(42, new Uint8Array(13))),
  },
  'no-vni-flag': {
    'no flag': datagramOf(datagram(42, frame(B, A), '00')),
    'every other flag': datagramOf(datagram(42, frame(B, A), 'f7')),
  },
  'unknown-vni': {
    'the next VNI': datagramOf(datagram(43, frame(B, A))),
    'the VNI in other bytes': datagramOf(datagram(42 << 8, frame(B, A))),
    'VNI 0': datagramOf(datagram(0, frame(B, A))),
  },
  'reserved-bits': {
    'a flag': datagramOf(datagram(42, frame(B, A), '88'), { reservedBits: RESERVED }),
    'the last byte': datagramOf(datagram(42, frame(B, A), '08', '01'), { reservedBits: RESERVED }),
    'one of a mask': datagramOf(datagram(42, frame(B, A), '0a', '01'), {
      reservedBits: { high: 0x0200_0000, low: 0 },
    }),
  },
  'own-datagram': {
    'from our address and port': { happens: (w) => w.back(datagram(42, frame(B, A)), OWN, 50_000) },
  },
  'own-mac': { 'our MAC as its source': datagramOf(datagram(42, frame(B, OWN_MAC))) },
  congested: {
    'CE outside, inner IPv4 that knows no marks': congestedBy(
      '0800',
      `4500001400000000401166e7${'0a000001'.repeat(2)}`,
    ),
    'CE outside, inner IPv6 that knows no marks': congestedBy('86dd', `6000000000003b40${'fd'.repeat(32)}`),
  },
  'bad-source-mac': {
    'a group': datagramOf(datagram(42, frame(B, '010000000001'))),
    broadcast: datagramOf(datagram(42, frame(B, BROADCAST))),
    nobody: datagramOf(datagram(42, frame(B, '000000000000'))),
    'a group, where nothing is learned': datagramOf(datagram(42, frame(B, '330000000001')), {
      learning: false,
    }),
  },
  'static-mac-elsewhere': {
    'a permanent entry': {
      happens(w) {
        w.vtep.fdb.add({ mac: '02:00:00:00:00:01', dst: '10.0.0.1' });
        w.back(datagram(42, frame(B, A)), OTHER);
      },
    },
    'a static entry': {
      happens(w) {
        w.vtep.fdb.add({ mac: '02:00:00:00:00:01', dst: '10.0.0.1', state: 'static' });
        w.back(datagram(42, frame(B, A)), OTHER);
      },
    },
  },
  'frame-short': {
    'no byte': frameOf(new Uint8Array(0)),
    '13 bytes': frameOf(new Uint8Array(13)),
  },
  'frame-long': {
    'one byte more than a datagram carries': frameOf(frame(BROADCAST, A, '00'.repeat(65_500 - 14))),
  },
  'bad-offload': {
    'flags that ask for no superframe': {
      options: ONE_REMOTE,
      happens: (w) => w.out(frame(BROADCAST, A), [2, 0, 0]),
    },
    'a superframe that cannot be cut': {
      options: ONE_REMOTE,
      happens(w) {
        w.udp.refusal = () => 71;
        w.out(frame(BROADCAST, A), [SUPERFRAME_TYPE, 1400, 0]);
      },
    },
  },
  'no-destination': {
    'an unknown MAC': frameOf(frame(B, A), {}),
    'everybody, with no default destination': frameOf(frame(BROADCAST, A), {}),
    'an entry that was removed': {
      happens(w) {
        w.vtep.fdb.add({ mac: '02:00:00:00:00:02', dst: '10.0.0.1' });
        w.vtep.fdb.del({ mac: '02:00:00:00:00:02' });
        w.out(frame(B, A));
      },
    },
  },
  'inner-vlan': {
    'a tag on the way in': frameOf(TAGGED, { ...ONE_REMOTE, innerVlan: 'drop' }),
    'a tag on the way out': datagramOf(datagram(42, TAGGED), { innerVlan: 'drop' }),
    'a tag on the way out, where they are taken off on the way in': datagramOf(datagram(42, TAGGED), {
      innerVlan: 'strip',
    }),
    'tags and nothing else': frameOf(TAGGED.slice(0, 18 + 4 * 9), { ...ONE_REMOTE, innerVlan: 'strip' }),
  },
  'proxy-unanswered': {
    'an unknown neighbour': frameOf(arp(1, A, '10.1.0.1', '000000000000', '10.1.0.2'), {
      ...ONE_REMOTE,
      proxy: true,
    }),
    'an answer': frameOf(arp(2, A, '10.1.0.1', B, '10.1.0.2', B), { ...ONE_REMOTE, proxy: true }),
    'a loopback address': {
      options: { ...ONE_REMOTE, proxy: true },
      happens(w) {
        w.vtep.neighbors.replace({ ip: '127.0.0.1', mac: '02:00:00:00:00:02' });
        w.out(arp(1, A, '10.1.0.1', '000000000000', '127.0.0.1'));
      },
    },
    'a solicitation for an unknown neighbour': frameOf(solicitation(A, 'fd00::1', 'fd00::2'), {
      ...ONE_REMOTE,
      proxy: true,
    }),
    'a group address': {
      options: { ...ONE_REMOTE, proxy: true },
      happens(w) {
        w.vtep.neighbors.replace({ ip: '239.0.0.1', mac: '02:00:00:00:00:02' });
        w.out(arp(1, A, '10.1.0.1', '000000000000', '239.0.0.1'));
      },
    },
  },
  'too-big': {
    EMSGSIZE: refusedBy('udp', 90),
    'a frame for the path, of which nobody is told': {
      options: ONE_REMOTE,
      happens(w) {
        w.vtep.pathMtu = 1400;
        w.out(frame(B, A, '00'.repeat(1401)));
      },
    },
  },
  refused: { ECONNREFUSED: refusedBy('udp', 111) },
  unreachable: {
    EHOSTUNREACH: refusedBy('udp', 113),
    ENETUNREACH: refusedBy('udp', 101),
    EPERM: refusedBy('udp', 1),
  },
  'no-buffers': { ENOBUFS: refusedBy('udp', 105) },
  'send-failed': { EIO: refusedBy('udp', 5) },
  'tap-down': { EIO: refusedBy('tap', 5) },
  'tap-failed': { EINVAL: refusedBy('tap', 22), ENOBUFS: refusedBy('tap', 105) },
};

describe.each(Object.keys(CASES) as Reason[])('%s', (reason) => {
  it.each(Object.keys(CASES[reason]))('%s', (what) => {
    const { options, happens } = CASES[reason][what];
    const w = world(options);
    happens(w);
    w.expectDropped(reason);
    // and the VTEP goes on as if nothing had been
    Object.assign(w.tap, { refusal: () => 0 });
    Object.assign(w.udp, { refusal: () => 0 });
    w.back(datagram(42, frame(B, '020000000007')), OTHER);
    expect(w.tap.sent).toHaveLength(1);
  });
});
