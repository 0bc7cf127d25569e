/**
 * Random sequences of `bridge fdb` to a vxlan link of the kernel, and the same to ours: the same answers and the same
 * tables after each step, but for the differences that are meant (`test/support/differences.ts`). What fails is shrunk.
 *
 *   kernel [ vx0 ]       ours: in this process
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FDB_DIFFERENCES } from '../support/differences.ts';
import { ADDRESSES_MOST, FdbTwin, type Step, step } from '../support/fdb-twin.ts';
import { Lab } from '../support/netns.ts';
import { FIRST_SEED } from '../support/random.ts';

const lab = new Lab();
let twin: FdbTwin;

beforeAll(() => {
  const host = lab.host('kernel');
  host.ip(`link add vx0 type vxlan id 42 dstport 4789 local 127.0.0.1 maxaddress ${ADDRESSES_MOST}`);
  host.ip('link set vx0 up');
  twin = new FdbTwin(host);
});
afterAll(() => lab.close());

describe('the verbs of the forwarding table', () => {
  it('do what the kernel does', () => {
    const sequences = fc.array(step, { minLength: 1, maxLength: 60, size: 'max' });
    fc.assert(
      fc.property(sequences, (steps) => twin.compare(steps)),
      { numRuns: 60, seed: FIRST_SEED },
    );
    expect(twin.met.size).toBeGreaterThan(3);
  });

  it('differ where it is meant, each of these', () => {
    const [unicast, group] = ['02:00:00:00:00:01', '01:00:5e:00:00:01'];
    const [dst, other] = ['192.0.2.1', '192.0.2.2'];
    const both: Step[] = [
      { verb: 'add', change: { mac: unicast, dst } },
      { verb: 'add', change: { mac: group, dst } },
    ];
    const different: Step[] = [
      { verb: 'append', change: { mac: unicast, dst: other } },
      { verb: 'del', change: { mac: unicast, dst: other } },
      { verb: 'replace', change: { mac: group, dst, state: 'static' } },
      { verb: 'del', change: { mac: unicast, port: 8472 } },
      { verb: 'add', change: { mac: '02:00:00:00:00:02', dst: '0.0.0.0' } },
      { verb: 'add', change: { mac: unicast, dst, src_vni: 77 } },
      { verb: 'flush', words: ['sticky'] },
    ];
    twin.met.clear();
    for (const step of different) twin.compare([...both, step]);
    expect([...twin.met].sort()).toEqual(Object.keys(FDB_DIFFERENCES).sort());
  });
});
