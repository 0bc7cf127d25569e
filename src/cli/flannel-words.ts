/** The words of `vtep flannel`: flanneld's own, with its spellings and its environment, and a few of ours. */

import { LOG_LEVELS, type LogLevel } from '../control/log.ts';
import type { NetworkWords } from '../flannel/contract/network.ts';
import { GoFlags, truth } from './go-flags.ts';
import { refused, UsageError, type Word, type Words } from './grammar.ts';
import { host, newDevice, oneOf, whole } from './values.ts';

/** Where etcd is, and who we are there. */
export interface EtcdReading {
  endpoints?: string[];
  prefix?: string;
  keyfile?: string;
  certfile?: string;
  cafile?: string;
  username?: string;
  password?: string;
  passwordFile?: string;
}

/** Where the node's process keeps what it must know again. */
export interface StateReading {
  state: string;
}

export interface NodeReading extends EtcdReading, StateReading {
  ifaces: string[];
  ifaceRegexes: RegExp[];
  canReach?: string;
  publicIp?: string;
  publicIpv6?: string;
  subnetFile: string;
  ipMasq: boolean;
  bridge?: string;
  /** Seconds. */
  leaseTtl: number;
  /** Minutes. */
  renewMargin: number;
  forceNew: boolean;
  /** Of the daemon. */
  socket?: string;
  logLevel: LogLevel;
}

/** Of the variables, as flanneld has them: FLANNELD_ETCD_ENDPOINTS. */
const ENVIRONMENT = 'FLANNELD';
const YEAR_S = 365 * 86_400;

function text<T>(form: string, key: keyof T & string): Word<T> {
  return {
    form,
    take: (reading, next) => {
      const value = next();
      if (value === '') throw new UsageError(`"${form}" may not be empty`);
      Object.assign(reading as object, { [key]: value });
    },
  };
}

function flag<T>(name: string, key: keyof T & string): Word<T> {
  return {
    form: '',
    take: (reading, next) => void Object.assign(reading as object, { [key]: truth(next(), name) }),
  };
}

function number<T>(name: string, form: string, key: keyof T & string, least: number, most: number): Word<T> {
  return {
    form,
    take: (reading, next) =>
      void Object.assign(reading as object, { [key]: whole(next(), name, least, most) }),
  };
}

const ETCD_WORDS: Words<EtcdReading> = {
  '--etcd-endpoints|--etcd': {
    form: 'URL,...',
    take: (reading, next) => {
      reading.endpoints = next().split(',').map(endpoint);
    },
  },
  '--etcd-prefix': {
    form: 'KEY',
    take: (reading, next) => {
      reading.prefix = prefix(next());
    },
  },
  '--etcd-cafile': text('FILE', 'cafile'),
  '--etcd-certfile': text('FILE', 'certfile'),
  '--etcd-keyfile': text('FILE', 'keyfile'),
  '--etcd-username': text('NAME', 'username'),
  '--etcd-password': text('PASSWORD', 'password'),
  '--etcd-password-file': text('FILE', 'passwordFile'),
};

export function endpoint(word: string): string {
  const url = URL.canParse(word) ? new URL(word) : undefined;
  if (url && /^https?:$/.test(url.protocol) && /^\/?$/.test(url.pathname) && url.username === '') {
    return url.origin;
  }
  throw new UsageError(`--etcd-endpoints "${word}" is no URL such as http://192.0.2.1:2379`);
}

function prefix(word: string): string {
  if (/^\/[^\s]*$/.test(word)) return word.replace(/\/+$/, '');
  throw new UsageError(`--etcd-prefix "${word}" does not begin with a slash, as /coreos.com/network does`);
}

const STATE_WORDS: Words<StateReading> = { '--state': text('DIR', 'state') };

const KUBERNETES = 'this finds its peers in etcd, and does not speak with Kubernetes';
const KUBERNETES_WORDS = [
  '--net-config-path',
  '--kube-api-url',
  '--kube-annotation-prefix',
  '--kubeconfig-file',
];
const HEALTH = '`vtep flannel status` tells how it is';

/** flanneld's own, which change nothing here. */
function ignored<T>(form: string): Word<T> {
  return { form, take: (_, next) => void next(), hidden: true };
}

/** A switch that may be off, but not on. */
function never<T>(name: string, why: string): Word<T> {
  const take = (_: T, next: () => string) => {
    if (truth(next(), name)) throw new UsageError(`"${name}" is refused: ${why}`);
  };
  return { form: '', take, hidden: true };
}

const NODE_WORDS: Words<NodeReading> = {
  ...ETCD_WORDS,
  '--iface': {
    form: 'DEV|IP|REGEX',
    take: (reading, next) => void reading.ifaces.push(next()),
  },
  '--iface-regex': {
    form: 'REGEX',
    take: (reading, next) => void reading.ifaceRegexes.push(regex(next())),
  },
  '--iface-can-reach': {
    form: 'IP',
    take: (reading, next) => {
      reading.canReach = host(next(), '--iface-can-reach');
    },
  },
  '--public-ip': {
    form: 'IP',
    take: (reading, next) => {
      reading.publicIp = ofFamily(next(), '--public-ip', 4);
    },
  },
  '--public-ipv6': {
    form: 'IP',
    take: (reading, next) => {
      reading.publicIpv6 = ofFamily(next(), '--public-ipv6', 6);
    },
  },
  '--subnet-file': text('FILE', 'subnetFile'),
  '--ip-masq': flag('--ip-masq', 'ipMasq'),
  '--bridge': {
    form: 'DEV',
    take: (reading, next) => {
      reading.bridge = newDevice(next(), '--bridge');
    },
  },
  ...STATE_WORDS,
  '--lease-ttl': number('--lease-ttl', 'SECONDS', 'leaseTtl', 2, YEAR_S),
  '--subnet-lease-renew-margin': number(
    '--subnet-lease-renew-margin',
    'MINUTES',
    'renewMargin',
    1,
    YEAR_S / 60,
  ),
  '--force-new': flag('--force-new', 'forceNew'),
  '--socket': text('PATH', 'socket'),
  '--log-level': {
    form: LOG_LEVELS.join('|'),
    take: (reading, next) => {
      reading.logLevel = oneOf(next(), '--log-level', LOG_LEVELS);
    },
  },
  '--kube-subnet-mgr': never('--kube-subnet-mgr', KUBERNETES),
  ...Object.assign({}, ...KUBERNETES_WORDS.map((name) => refused(name, KUBERNETES, 'VALUE'))),
  ...refused('--healthz-ip', HEALTH, 'IP'),
  ...refused('--healthz-port', HEALTH, 'PORT'),
  '--blackhole-route': never('--blackhole-route', 'no blackhole route is made'),
  '--set-node-network-unavailable': ignored(''),
  '--iptables-resync': ignored('SECONDS'),
  '--iptables-forward-rules': ignored(''),
  '--v': ignored('LEVEL'),
  '--vmodule': ignored('LEVELS'),
  '--log_backtrace_at': ignored('WHERE'),
  '--logtostderr': ignored(''),
  '--alsologtostderr': ignored(''),
};

function ofFamily(word: string, name: string, family: 4 | 6): string {
  const ip = host(word, name);
  if (ip.includes(':') === (family === 6)) return ip;
  throw new UsageError(`${name} "${word}" is no IPv${family} address`);
}

function regex(word: string): RegExp {
  try {
    return new RegExp(word);
  } catch {
    throw new UsageError(`--iface-regex "${word}" is no regular expression`);
  }
}

export interface InitReading extends EtcdReading, NetworkWords {
  force: boolean;
}

const INIT_WORDS: Words<InitReading> = {
  '--network': text('CIDR', 'network'),
  '--subnet-len': number('--subnet-len', 'BITS', 'subnetLength', 1, 30),
  '--subnet-min': text('IP', 'subnetMin'),
  '--subnet-max': text('IP', 'subnetMax'),
  '--ipv6-network': text('CIDR', 'ipv6Network'),
  '--ipv6-subnet-len': number('--ipv6-subnet-len', 'BITS', 'ipv6SubnetLength', 1, 126),
  '--ipv6-subnet-min': text('IP', 'ipv6SubnetMin'),
  '--ipv6-subnet-max': text('IP', 'ipv6SubnetMax'),
  '--vni': number('--vni', 'VNI', 'vni', 1, 2 ** 24 - 1),
  '--port': number('--port', 'PORT', 'port', 1, 65_535),
  '--mtu': number('--mtu', 'BYTES', 'mtu', 68, 65_535),
  '--direct-routing': flag('--direct-routing', 'directRouting'),
  '--force': flag('--force', 'force'),
  ...ETCD_WORDS,
};

export interface StatusReading extends StateReading {
  json: boolean;
}

const STATUS_WORDS: Words<StatusReading> = { ...STATE_WORDS, '--json|--j': flag('--json', 'json') };

export interface LeaveReading extends EtcdReading, StateReading {
  socket?: string;
}

const LEAVE_WORDS: Words<LeaveReading> = {
  ...STATE_WORDS,
  ...ETCD_WORDS,
  '--socket': text('PATH', 'socket'),
};

/** By verb; without one it is the node itself. */
export const FLANNEL_WORDS = {
  '': new GoFlags(NODE_WORDS, ENVIRONMENT),
  init: new GoFlags(INIT_WORDS, ENVIRONMENT),
  status: new GoFlags(STATUS_WORDS, ENVIRONMENT),
  leave: new GoFlags(LEAVE_WORDS, ENVIRONMENT),
} as const;
export type FlannelVerb = keyof typeof FLANNEL_WORDS;

export function flannelForm(verb: FlannelVerb): string {
  return ['vtep flannel', verb, FLANNEL_WORDS[verb].form()].filter((part) => part !== '').join(' ');
}
