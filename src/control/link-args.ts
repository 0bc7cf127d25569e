/** What was said of a link, with the defaults for what was not, and what cannot go together. */

import { isIPv6 } from 'node:net';
import { DEFAULT_RANGE } from '../io/source-ports.ts';
import { isLinkLocal, parseMac } from '../wire/address.ts';
import { type HeaderBits, RESERVED } from '../wire/vxlan.ts';
import { DEFAULT_SETTINGS, NO_VNI } from './link.ts';
import type { LinkOptions } from './link-options.ts';
import type { LinkArgs } from './protocol.ts';
import { Refusal } from './refusal.ts';

export function linkOptions(args: LinkArgs): LinkOptions {
  checkFamilies(args);
  checkTrunk(args);
  // each by its name: what is added to a copy of other settings costs V8 four hundred times as much
  return {
    name: args.name,
    vni: args.external ? NO_VNI : (args.id ?? 0),
    port: args.dstport ?? DEFAULT_SETTINGS.port,
    learning: args.learning ?? DEFAULT_SETTINGS.learning,
    ageing: args.ageing || DEFAULT_SETTINGS.ageing, // at creation the kernel takes 0 for its default
    maxAddresses: args.maxaddress ?? DEFAULT_SETTINGS.maxAddresses,
    proxy: args.proxy ?? DEFAULT_SETTINGS.proxy,
    suppress: args.suppress ?? DEFAULT_SETTINGS.suppress,
    shortCircuit: args.rsc ?? DEFAULT_SETTINGS.shortCircuit,
    l2miss: args.l2miss ?? false,
    l3miss: args.l3miss ?? false,
    innerVlan: args.innervlan ?? DEFAULT_SETTINGS.innerVlan,
    reservedBits: reservedBits(args.reserved_bits),
    localBypass: args.localbypass ?? DEFAULT_SETTINGS.localBypass,
    refusesOwn: DEFAULT_SETTINGS.refusesOwn,
    isTagged: DEFAULT_SETTINGS.isTagged,
    remotes: args.remotes ?? [],
    group: args.group ?? undefined,
    local: args.local ?? undefined,
    dev: args.dev ?? undefined,
    sourcePorts: sourcePorts(args),
    ttl: args.ttl ?? 0,
    tos: args.tos ?? 0,
    flowLabel: args.flowlabel ?? 0,
    df: args.df,
    ifindex: args.index,
    mtu: args.mtu,
    mac: args.address === undefined ? undefined : parseMac(args.address),
    addresses: args.addresses ?? [],
    checksum: args.udpcsum ?? true,
    zeroChecksumTx: args.udp6zerocsumtx ?? false,
    zeroChecksumRx: args.udp6zerocsumrx ?? false,
    up: args.up ?? false,
  };
}

/** 0 0 asks for nothing; and no socket sends from port 0. */
function sourcePorts({ srcport: [low, high] = [0, 0] }: LinkArgs): [number, number] {
  if (high < low) {
    throw new Refusal('EINVAL', `srcport ${low} ${high}: the second must not be smaller than the first`);
  }
  return high > 0 ? [Math.max(low, 1), high] : [...DEFAULT_RANGE];
}

function checkTrunk({ name, id, external, vnifilter }: LinkArgs): void {
  if (external && !vnifilter) {
    throw new Refusal(
      'EOPNOTSUPP',
      `${name}: external goes with vnifilter only, as a TAP has no tunnel metadata: VLANs say the VNI`,
    );
  }
  if (vnifilter && !external) throw new Refusal('EINVAL', `${name}: vnifilter goes with external only`);
  if (external && id)
    throw new Refusal(
      'EINVAL',
      `${name}: external and id ${id} exclude each other: the VNIs are added to it`,
    );
}

function checkFamilies({ remotes = [], group, local, dev, udpcsum }: LinkArgs): void {
  const all = [...remotes, ...(group ? [group] : []), ...(local ? [local] : [])];
  const v6 = all.filter((each) => isIPv6(each));
  if (v6.length > 0 && v6.length < all.length) {
    throw new Error(
      `"${v6[0]}" is IPv6 and others are IPv4: local and all remotes must be of one family (EINVAL)`,
    );
  }
  const linkLocal = remotes.find(isLinkLocal);
  if (linkLocal && !dev) throw new Error(`remote "${linkLocal}" is link-local: it needs dev (EINVAL)`);
  if (group && !dev) throw new Error(`group "${group}" needs dev: the interface to join on (EINVAL)`);
  if (v6.length > 0 && udpcsum === false) {
    throw new Error('noudpcsum concerns IPv4; over IPv6 a datagram without checksum is not sent (EINVAL)');
  }
}

function reservedBits(said: LinkArgs['reserved_bits'] = 'ignore'): HeaderBits {
  if (said === 'kernel') return RESERVED;
  if (said === 'ignore') return DEFAULT_SETTINGS.reservedBits;
  const bits = BigInt(said);
  const high = Number(bits >> 32n) | 0;
  const low = Number(bits & 0xffff_ffffn) | 0;
  if ((high & ~RESERVED.high) | (low & ~RESERVED.low)) {
    throw new Refusal(
      'EINVAL',
      `reserved_bits ${said} are not all reserved: those of 0x08000000ffffff00 are I and the VNI`,
    );
  }
  return { high, low };
}
