/** What is said of a link as an interface, before `type vxlan` or without it. */

import { isIP, isIPv6 } from 'node:net';
import { refused, UsageError, type Words } from './grammar.ts';
import { device, mac, oneOf, whole } from './values.ts';
import type { LinkReading } from './vxlan-words.ts';

/** A MAC of its own, or an address of the host on it. */
function address({ args }: LinkReading, next: () => string): void {
  const word = next();
  const [ip, prefix, rest] = word.split('/');
  const bits = isIPv6(ip) ? 128 : 32;
  if (/^[0-9a-f]{1,2}(:[0-9a-f]{1,2}){5}$/i.test(word)) {
    args.address = mac(word, 'address');
    if (Number.parseInt(args.address.slice(0, 2), 16) & 1) {
      throw new UsageError(`address "${word}" is a group address; a link needs a unicast one`);
    }
  } else if (isIP(ip) !== 0 && /^\d+$/.test(prefix ?? '') && Number(prefix) <= bits && rest === undefined) {
    args.addresses = [...(args.addresses ?? []), word];
  } else {
    throw new UsageError(
      `address "${word}" is neither a MAC (02:00:00:00:00:01) nor an IP with prefix (10.0.0.1/24)`,
    );
  }
}

const AS_ANY = 'the TAP is an interface as any other: say it to';
const BY_IP = `${AS_ANY} \`ip link set\``;

export const INTERFACE_WORDS: Words<LinkReading> = {
  up: {
    form: '',
    take: ({ args }) => {
      args.up = true;
    },
    whole: true,
  },
  down: {
    form: '',
    take: ({ args }) => {
      args.up = false;
    },
    whole: true,
  },
  mtu: {
    form: 'MTU',
    take: ({ args }, next) => {
      args.mtu = whole(next(), 'mtu', 68, 65_485);
    },
    whole: true,
  },
  index: {
    form: 'N',
    take: ({ args }, next) => {
      args.index = whole(next(), 'index', 1, 2 ** 31 - 1);
    },
    whole: true,
  },
  address: { form: 'MAC|IP/PREFIX', take: address, whole: true },
  name: {
    form: 'NAME',
    take: ({ args }, next) => {
      if (args.name !== '')
        throw new UsageError(`"name" is refused: ${AS_ANY} \`ip link set NAME name NEW\`; vtep follows`);
      args.name = device(next(), 'NAME');
    },
    whole: true,
    hidden: true,
  },
  type: {
    form: 'vxlan',
    take: (reading, next) => {
      oneOf(next(), 'type', ['vxlan']);
      reading.typed = true;
    },
    whole: true,
    hidden: true,
  },
  ...Object.fromEntries(
    ['master', 'nomaster', 'netns', 'alias', 'txqueuelen', 'broadcast', 'arp', 'multicast', 'promisc', 'vrf']
      .map((name) => refused<LinkReading>(name, BY_IP))
      .flatMap((words) => Object.entries(words))
      .map(([name, word]) => [name, { ...word, whole: true }]),
  ),
};
