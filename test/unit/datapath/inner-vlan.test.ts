/** VLAN tags inside the tunnel: carried, taken off, or not taken at all. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeEncap } from '../../../src/datapath/encap.ts';
import { Batch } from '../../../src/memory/batch.ts';
import { FramePool, HEADROOM } from '../../../src/memory/frame-pool.ts';
import { LINK_FLAG } from '../../../src/tables/links.ts';
import { DEFAULT_SIZES, Tables } from '../../../src/tables/tables.ts';
import { toHex } from '../../support/bytes.ts';
import { datagram, frame, ScriptedPort } from '../../support/frames.ts';
import { A, B, world } from '../../support/world.ts';

const plain = frame(B, A);
const tagged = frame(B, A, `000788b5${'00'.repeat(46)}`, '8100');
const twice = frame(B, A, `000781000009${'88b5'}${'00'.repeat(46)}`, '88a8');
const sentBy = (w: ReturnType<typeof world>) => w.udp.sent.map(({ bytes }) => toHex(bytes.subarray(8)));

describe('innervlan', () => {
  it('pass: tags are part of the frame', () => {
    const w = world({ remotes: ['10.0.0.1'] });
    w.out(tagged);
    w.back(datagram(42, twice));
    expect(sentBy(w)).toEqual([toHex(tagged)]);
    expect(w.tap.sent.map(({ bytes }) => toHex(bytes))).toEqual([toHex(twice)]);
  });

  it('strip: they are taken off, all of them, and the next frame in that slot is whole', () => {
    const w = world({ remotes: ['10.0.0.1'], innerVlan: 'strip' });
    for (const each of [tagged, plain, twice, plain]) w.out(each);
    expect(sentBy(w)).toEqual([plain, plain, plain, plain].map(toHex));
    expect(w.counts()['vlan-stripped']).toBe(2);
  });

  it('strip: the slot is received into at its beginning again', () => {
    const tables = new Tables(Tables.allocate(DEFAULT_SIZES));
    tables.links.set(1, { vni: 42, flags: LINK_FLAG.stripTags, port: 4789, ageing: 0, maxAddresses: 0 });
    const pool = new FramePool(1);
    const batch = Batch.receiving(pool, 0, 1);
    const port = new ScriptedPort();
    const path = {
      tables,
      outbound: new Batch(pool, 4),
      inbound: new Batch(pool, 4),
      udp: port,
      taps: [port, port],
    };
    port.incoming.push({ bytes: tagged });
    port.receive(batch);
    makeEncap(path, batch)(1, 0);
    expect([batch.length[0], batch.start[0]]).toEqual([plain.length, HEADROOM]);
  });

  it('strip: what the offload header says of places goes with the frame', () => {
    const w = world({ remotes: ['10.0.0.1'], innerVlan: 'strip' });
    // headers of 58 bytes and then segments of 1000, a checksum from byte 38 on
    w.out(frame(B, A, `00070800${'00'.repeat(3000)}`, '8100'), [0x3a0101, 0x2603e8, 16]);
    expect(w.udp.sent[0].vnet).toEqual([0x360101, 0x2203e8, 16]);
  });

  it('drop: neither way, and untagged frames pass', () => {
    const w = world({ remotes: ['10.0.0.1'], innerVlan: 'drop' });
    for (const each of [tagged, plain]) w.out(each);
    for (const each of [twice, plain]) w.back(datagram(42, each));
    expect([sentBy(w), w.tap.sent.length]).toEqual([[toHex(plain)], 1]);
    expect(w.drops()).toEqual({ 'inner-vlan': 2 });
  });

  it('a tagged datagram that is dropped teaches nothing', () => {
    const w = world({ innerVlan: 'strip' });
    w.back(datagram(42, tagged));
    expect([...w.vtep.fdb.list()]).toEqual([]);
  });

  it('strip: of any frame what is behind its tags leaves, or nothing', () => {
    const tags = fc.array(fc.tuple(fc.constantFrom('8100', '88a8'), fc.constantFrom('0007', '8100')), {
      maxLength: 6,
    });
    const property = fc.property(tags, fc.uint8Array({ maxLength: 40 }), (list, rest) => {
      const inside = list.map(([type, id]) => `${type}${id}`).join('');
      const w = world({ remotes: ['10.0.0.1'], innerVlan: 'strip' });
      w.out(Uint8Array.from([...Buffer.from(`${B}${A}${inside}`, 'hex'), 0x88, 0xb5, ...rest]));
      expect(sentBy(w)).toEqual([`${B}${A}88b5${toHex(rest)}`]);
    });
    fc.assert(property);
  });
});
