/**
 * A trunk: one TAP, many VNIs. Each VNI is a link of its own, which knows nothing of tags: on the TAP its frames have
 * the 802.1Q tag of its VLAN, in the tunnel they have none (RFC 7348 section 6.1).
 */

import type { Transmitter } from '../io/port.ts';
import type { Batch } from '../memory/batch.ts';
import { COUNTER } from '../tables/counters.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as vlan from '../wire/vlan.ts';
import { type Datapath, NO_VLAN } from './datapath.ts';
import type { Encap } from './encap.ts';
import { takeOff } from './inner-vlan.ts';

const { HEADER_LENGTH, TYPE_OFFSET, TYPE_VLAN } = ethernet;
const { TAG_LENGTH, readId, writeTag } = vlan;
const UNKNOWN_VLAN = COUNTER['unknown-vlan'];

/**
 * The way out: `links` says which link a VLAN is, 0 is none; VLAN 0 has the frames without a tag, and those whose tag
 * has only a priority. Frames of one VLAN that follow each other leave together.
 */
export function encapTagged(
  encap: Encap,
  path: Datapath,
  batch: Batch,
  trunk: number,
  links: Int32Array,
  now: number,
): void {
  const { count } = batch;
  for (let from = 0, next = links[takeVlan(batch, 0)]; from < count; ) {
    const link = next;
    let to = from + 1;
    for (; to < count; to++) {
      next = links[takeVlan(batch, to)];
      if (next !== link) break;
    }
    if (link === 0) path.tables.counters.add(trunk, UNKNOWN_VLAN, to - from);
    else encap(link, now, from, to);
    from = to;
  }
  batch.rewind(0, count);
}

/** The VLAN of the frame, which has its tag no more. */
function takeVlan(batch: Batch, i: number): number {
  const { view } = batch.pool;
  const type = batch.offset(i) + TYPE_OFFSET;
  if (batch.length[i] < HEADER_LENGTH + TAG_LENGTH || view.getUint16(type) !== TYPE_VLAN) return 0;
  const id = readId(view, type);
  takeOff(batch, i, TAG_LENGTH);
  return id;
}

/** The way back for one VNI: the trunk's TAP, to which its frames go with the tag of its VLAN. */
export class TaggedTap implements Transmitter {
  private readonly taps: readonly Transmitter[];
  private readonly trunk: number;
  private readonly vlan: number;

  /** `taps`: by link, as that of the trunk may become another; `vlan` 0: without a tag, -1: it has none yet. */
  constructor(taps: readonly Transmitter[], trunk: number, vlan: number) {
    this.taps = taps;
    this.trunk = trunk;
    this.vlan = vlan;
  }

  get failures(): number {
    return this.taps[this.trunk].failures;
  }

  set failures(count: number) {
    this.taps[this.trunk].failures = count;
  }

  get failed(): Int32Array {
    return this.taps[this.trunk].failed;
  }

  transmit(batch: Batch, from: number, to: number): number {
    if (this.vlan < 0) return this.refuse(batch, from, to);
    if (this.vlan > 0) for (let i = from; i < to; i++) putOn(batch, i, this.vlan);
    return this.taps[this.trunk].transmit(batch, from, to);
  }

  private refuse(batch: Batch, from: number, to: number): number {
    for (let i = from; i < to; i++) {
      this.failed[2 * this.failures] = batch.target[i];
      this.failed[2 * this.failures + 1] = NO_VLAN;
      this.failures++;
    }
    return 0;
  }
}

/** The MACs move down into what was the VXLAN header. Of the offload header the TAP reads nothing that says a place. */
function putOn(batch: Batch, i: number, id: number): void {
  const { view } = batch.pool;
  const at = batch.offset(i) - TAG_LENGTH;
  for (let to = at; to < at + TYPE_OFFSET; to += 4) view.setInt32(to, view.getInt32(to + TAG_LENGTH));
  writeTag(view, at + TYPE_OFFSET, id);
  batch.start[i] -= TAG_LENGTH;
  batch.length[i] += TAG_LENGTH;
}
