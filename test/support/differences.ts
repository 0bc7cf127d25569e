/**
 * What vtep means to do otherwise than the kernel, each with its reason. The differential tests take no other difference,
 * and want each of these to occur. The README's tables are made of it (`test/support/readme-tables.ts`).
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

export const LINK_DIFFERENCES = {
  port: {
    when: 'no `dstport`',
    kernel: '8472, as before there was a standard',
    ours: '4789; `vtep exec` takes 8472',
    reason: 'the port of RFC 7348',
  },
  dontFragment: {
    when: 'no `df`',
    kernel: 'outer packets may be cut on their way',
    ours: 'they may not; `df unset` lets them. This host never cuts them',
    reason: 'RFC 7348 section 4.3',
  },
  reservedBits: {
    when: 'reserved bits in a header',
    kernel: 'drops the datagram',
    ours: 'ignores and counts them; `reserved_bits kernel` drops',
    reason: 'RFC 7348 section 5',
  },
  mtu: {
    when: 'neither `dev` nor `mtu`',
    kernel: 'the MTU is 1500',
    ours: 'that of the route to the remote, less 50 (IPv4) or 70 (IPv6)',
    reason: 'what is larger would not arrive',
  },
  largerMtu: {
    when: '`ip link set NAME mtu` above what `dev` carries',
    kernel: 'EINVAL',
    ours: 'is taken, and senders of what does not fit are told',
    reason: 'the MTU of a TAP is a matter between `ip` and the kernel',
  },
  deviceGone: {
    when: '`dev` is deleted',
    kernel: 'the link goes with it',
    ours: 'it stays, and `link set NAME dev DEV` names another',
    reason: 'its entries and addresses are not lost with a cable',
  },
  occupiedPort: {
    when: 'a UDP port that another program has',
    kernel: 'the link is made, and EADDRINUSE is for who sets it up',
    ours: 'EADDRINUSE is for who makes it',
    reason: 'it is told at once; and to set a TAP up is a matter between `ip` and the kernel',
  },
  vniOfLink: {
    when: 'a VNI for a trunk that a link of one VNI has at the same port',
    kernel: 'is taken, and EADDRINUSE is for the second that is set up',
    ours: 'EEXIST; with other VNIs both share the port',
    reason: 'one of them would get nothing',
  },
  trunkEntries: {
    when: '`external vnifilter`, and an entry of the other family than `local`',
    kernel: 'EAFNOSUPPORT, though a VNI may have such a remote',
    ours: 'is taken',
    reason: 'what is sent of a trunk may be of either family',
  },
  ownLink: {
    when: 'an entry that leads to its own link: `dst` an address of this host',
    kernel: 'frames come back out of it',
    ours: 'they are dropped, and counted as `own-datagram`',
    reason: 'one list of all endpoints may be said on each of them',
  },
  ownGroup: {
    when: 'an entry that leads through the loopback (`nolocalbypass`, or of a trunk) to a link with a group',
    kernel: 'frames come out of that link',
    ours: 'they are dropped, and counted as `own-datagram`',
    reason: 'our copies for the group that the underlay brings back look the same',
  },
  nobodyHere: {
    when: '`localbypass`, and an entry that leads to this host, where no link has the VNI',
    kernel: 'frames are lost',
    ours: 'they go through the loopback',
    reason: 'another program of the host may be an endpoint, too',
  },
  sticky: {
    when: 'a `dynamic sticky` address sends from elsewhere',
    kernel: 'it moves',
    ours: 'it stays',
    reason: 'that is what sticky says, and what a bridge does',
  },
  groupSource: {
    when: 'frames from a group or the zero address, with `nolearning`',
    kernel: 'come out; with `learning` they do not',
    ours: 'are dropped and counted',
    reason: 'nobody has such an address',
  },
  lastSourcePort: {
    when: '`srcport MIN MAX`',
    kernel: 'MAX is never used',
    ours: 'up to 64 ports, MAX among them',
    reason: 'it was named',
  },
  oneSourcePort: {
    when: '`srcport PORT PORT`',
    kernel: 'takes the range of `ip_local_port_range` instead',
    ours: 'that port',
    reason: 'it was named',
  },
  zeroSourcePort: {
    when: '`srcport 0 MAX`',
    kernel: 'sends from port 0, too',
    ours: 'from 1 on',
    reason: 'a socket has no port 0, and who is sent something from there cannot answer',
  },
} as const satisfies Record<string, Difference>;

export const PATH_DIFFERENCES = {
  mayBeCut: {
    when: 'an IPv4 packet without DF that the path does not carry, from behind a bridge',
    kernel: 'nobody is told',
    ours: 'its sender is told',
    reason: 'nobody on an Ethernet cuts it, and who hears of the path cuts the next one',
  },
} as const satisfies Record<string, Difference>;

export interface Attribute {
  beside: 'same' | 'better' | 'refused' | 'ours';
  why: string;
  /** Words that a link is made with, and what they become as it runs. */
  made?: string;
  becomes?: string;
  /** Words that iproute2 does not know yet, or never will. */
  only?: string;
  /** Whether the kernel lets that be changed as the link runs. */
  kernelChanges?: boolean;
}

const NO_METADATA = 'a TAP hands over frames without metadata';

/** Those of `ip link add ... type vxlan`, and ours. */
export const ATTRIBUTES: Record<string, Attribute> = {
  id: { beside: 'better', why: '', made: 'id 42', becomes: 'id 43' },
  remote: {
    beside: 'better',
    why: 'several may be named',
    made: 'remote 192.0.2.2',
    becomes: 'remote 192.0.2.3',
    kernelChanges: true,
  },
  group: {
    beside: 'same',
    why: 'joined on `dev`, with a TTL of 1',
    made: 'group 239.1.1.1 dev eth0',
    becomes: 'group 239.1.1.2 dev eth0',
    kernelChanges: true,
  },
  local: {
    beside: 'better',
    why: 'by `vtep run` nothing is received at other addresses',
    made: 'local 192.0.2.1',
    becomes: 'local 192.0.2.11',
    kernelChanges: true,
  },
  dev: {
    beside: 'same',
    why: 'where datagrams leave, and the MTU; not where they may arrive',
    made: 'dev eth0',
    becomes: 'dev lo',
    kernelChanges: true,
  },
  dstport: { beside: 'better', why: '', made: 'dstport 4789', becomes: 'dstport 4790' },
  srcport: {
    beside: 'better',
    why: `64 of 49152-65535 unless said, which is RFC 7348's range`,
    made: 'srcport 50000 50100',
    becomes: 'srcport 60000 60100',
  },
  ttl: {
    beside: 'better',
    why: '`inherit`: what is no IP goes to a group with a TTL of 1; that changes as the link runs, too',
    made: 'ttl 5',
    becomes: 'ttl 6',
    kernelChanges: true,
  },
  tos: {
    beside: 'better',
    why: 'marks go through the tunnel both ways (RFC 6040), behind VLAN tags too',
    made: 'tos 10',
    becomes: 'tos inherit',
    kernelChanges: true,
  },
  df: { beside: 'same', why: '', made: 'df set', becomes: 'df inherit', kernelChanges: true },
  flowlabel: {
    beside: 'same',
    why: '`inherit` too',
    made: 'flowlabel 5 local 2001:db8::1',
    becomes: 'flowlabel 6',
    kernelChanges: true,
  },
  learning: { beside: 'same', why: '', made: 'learning', becomes: 'nolearning', kernelChanges: true },
  proxy: {
    beside: 'better',
    why: `a host that looks whether its address is free is answered`,
    made: 'noproxy',
    becomes: 'proxy',
  },
  rsc: { beside: 'better', why: '', made: 'norsc', becomes: 'rsc' },
  l2miss: { beside: 'better', why: '', made: 'nol2miss', becomes: 'l2miss' },
  l3miss: { beside: 'better', why: '', made: 'nol3miss', becomes: 'l3miss' },
  udpcsum: { beside: 'better', why: '', made: 'udpcsum', becomes: 'noudpcsum' },
  udp6zerocsumtx: { beside: 'better', why: '', made: 'noudp6zerocsumtx', becomes: 'udp6zerocsumtx' },
  udp6zerocsumrx: {
    beside: 'better',
    why: `it holds for all links of a port, where the kernel refuses links that differ`,
    made: 'noudp6zerocsumrx',
    becomes: 'udp6zerocsumrx',
  },
  ageing: { beside: 'same', why: '', made: 'ageing 200', becomes: 'ageing 100', kernelChanges: true },
  maxaddress: { beside: 'better', why: '', made: 'maxaddress 100', becomes: 'maxaddress 200' },
  'external, vnifilter': {
    beside: 'better',
    why: 'together only: one TAP, a VLAN for each VNI, by `vtep vni add`',
  },
  external: { beside: 'refused', why: `without vnifilter: ${NO_METADATA}`, made: 'external' },
  gbp: { beside: 'refused', why: NO_METADATA, made: 'gbp' },
  gpe: { beside: 'refused', why: `${NO_METADATA}, and takes nothing but frames`, made: 'gpe' },
  'remcsumtx, remcsumrx': {
    beside: 'refused',
    why: 'no checksum is left out for a remote to fill in',
    made: 'remcsumtx',
  },
  localbypass: {
    beside: 'same',
    why: 'frames for another link of this host come out of it at once; with `nolocalbypass` they go through the loopback',
    only: 'nolocalbypass',
  },
  reserved_bits: {
    beside: 'better',
    why: '`ignore`, `kernel`, or the bits that datagrams are dropped for, as the kernel takes them',
    only: 'reserved_bits kernel',
  },
  suppress: {
    beside: 'ours',
    why: 'answers ARP and neighbour solicitations it knows, forwards the rest; the kernel has it for ports of bridges',
    only: 'suppress',
  },
  innervlan: {
    beside: 'ours',
    why: '`strip` takes VLAN tags off what goes in and drops what comes out with one, as RFC 7348 asks; `drop` takes none either way; by default they pass, as with the kernel',
    only: 'innervlan strip',
  },
  sources: { beside: 'ours', why: '`any`', only: 'sources any' },
};
