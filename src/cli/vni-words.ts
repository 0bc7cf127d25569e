/** The words of `bridge vni`, and which VLAN of the TAP a VNI is. */

import type { VniArgs } from '../control/protocol.ts';
import { MAX_VNI } from '../wire/vxlan.ts';
import { eachOnce, Grammar, refused, UsageError } from './grammar.ts';
import { device, group, host, range, whole } from './values.ts';

interface VniReading extends Omit<VniArgs, 'vni'> {
  /** `100,200-299`: each of them is a request of its own. */
  vnis: [number, number][];
}

const LAST_VLAN = 4094;

const SAID_ONCE = eachOnce<VniReading>({
  vni: {
    form: 'VNI[-VNI]',
    take: (entry, next) => {
      entry.vnis = next()
        .split(',')
        .map((each) => range(each, 'vni', 1, MAX_VNI));
    },
    whole: true,
  },
  group: {
    form: 'IP',
    take: (entry, next) => {
      entry.group = group(next(), 'group');
    },
    whole: true,
  },
  remote: {
    form: 'IP',
    take: (entry, next) => {
      entry.remote = host(next(), 'remote');
    },
    whole: true,
  },
  vlan: {
    form: 'VLAN',
    take: (entry, next) => {
      entry.vlan = whole(next(), 'vlan', 0, LAST_VLAN);
    },
    whole: true,
  },
});

export const VNI_ENTRY = new Grammar<VniReading>({
  ...SAID_ONCE,
  dev: {
    form: 'DEV',
    take: (entry, next) => {
      entry.dev = device(next(), 'dev');
    },
    whole: true,
  },
});

function parseEntry(words: readonly string[]): VniReading {
  const entry: VniReading = { dev: '', vnis: [] };
  VNI_ENTRY.read(words, entry, (word) => {
    throw new UsageError(`the word "${word}" is not known`);
  });
  if (entry.vnis.length === 0) throw new UsageError('the VNI is missing: vni VNI, or vni FIRST-LAST');
  if (entry.dev === '') throw new UsageError('the link is missing: dev NAME');
  return entry;
}

/** One for each range; the VLANs go on from one to the next. */
export function parseVniAdd(words: readonly string[]): VniArgs[] {
  const { vnis, ...entry } = parseEntry(words);
  if (entry.group && entry.remote) {
    throw new UsageError(`group "${entry.group}" and remote "${entry.remote}" exclude each other`);
  }
  let vlan = entry.vlan;
  return vnis.map(([first, last]) => {
    const args: VniArgs = { ...entry, vni: [first, last] };
    if (vlan === undefined) return args;
    if (vlan + last - first > LAST_VLAN) {
      throw new UsageError(
        `vlan ${entry.vlan}: ${vnis.map((ends) => ends.join('-')).join(',')} are more VNIs than there are VLANs up to ${LAST_VLAN}`,
      );
    }
    args.vlan = vlan;
    vlan += last - first + 1;
    return args;
  });
}

export function parseVniDel(words: readonly string[]): VniArgs[] {
  const { vnis, dev } = parseEntry(words);
  return vnis.map((vni) => ({ dev, vni }));
}

export const VNI_SHOW = new Grammar<{ dev?: string }>({
  dev: {
    form: 'DEV',
    take: (filter, next) => {
      filter.dev = device(next(), 'dev');
    },
    whole: true,
  },
  ...refused('vni', 'all of a link are shown'),
});

export function parseVniShow(words: readonly string[]): { dev?: string } {
  return VNI_SHOW.read(words, {}, (word) => {
    throw new UsageError(`the word "${word}" is not known`);
  });
}
