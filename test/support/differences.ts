/**
 * What vtep means to do otherwise than the kernel, each with its reason. The differential tests take no other difference,
 * and want each of these to occur.
 */

export interface Difference {
  /** What is done. */
  when: string;
  kernel: string;
  ours: string;
  reason: string;
}

const ONE_DESTINATION = 'what was asked for was not done';

export const FDB_DIFFERENCES = {
  appendUnicast: {
    when: '`append` to a unicast address that has another destination',
    kernel: 'succeeds, ignores the destination, and gives the entry the new state',
    ours: 'EOPNOTSUPP',
    reason: ONE_DESTINATION,
  },
  delElsewhere: {
    when: '`del` of a destination that the entry does not have',
    kernel: 'succeeds, and changes nothing',
    ours: 'ENOENT, or EAFNOSUPPORT where it could not have it',
    reason: ONE_DESTINATION,
  },
  delWithoutDst: {
    when: '`del` with `port`, `vni` or `via`, but without `dst`',
    kernel: 'deletes the entry with all destinations, whatever their ports and VNIs',
    ours: 'EINVAL',
    reason: 'more would go than was named',
  },
  replaceGroup: {
    when: '`replace` of a group address that has an entry',
    kernel: 'EOPNOTSUPP, but the entry has the new state',
    ours: 'EOPNOTSUPP, and nothing changes',
    reason: 'what is refused has no effect',
  },
  anyDestination: {
    when: '`dst 0.0.0.0` or `dst ::`',
    kernel: 'makes an entry that leads nowhere',
    ours: 'EINVAL',
    reason: 'frames would vanish without a trace',
  },
  sourceVni: {
    when: '`src_vni` on a link of one VNI',
    kernel: 'makes an entry that no frame ever finds, beside others of the same address',
    ours: 'EOPNOTSUPP',
    reason: 'it means something on a trunk only',
  },
  flushSticky: {
    when: '`flush ... sticky` and `flush ... nosticky`',
    kernel: 'EINVAL',
    ours: 'flushes those',
    reason: 'such entries can be made, so they can be flushed',
  },
} as const satisfies Record<string, Difference>;
