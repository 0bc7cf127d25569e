/** The words of `vtep flannel`: flanneld's spellings, its environment, and what is refused. */
import { describe, expect, it } from 'vitest';
import { flannelHelp } from '../../../src/cli/flannel-help.ts';
import { readInit, readLeave, readNode, readStatus } from '../../../src/cli/flannel-reading.ts';
import { FormError } from '../../../src/cli/grammar.ts';

const node = (text: string, environment = {}) => readNode(text.split(' ').filter(Boolean), environment);
const why = (read: () => unknown): FormError => {
  try {
    read();
  } catch (error) {
    if (error instanceof FormError) return error;
    throw error;
  }
  throw new Error('it was understood');
};

describe('the options of a node', () => {
  it.each([
    '--etcd-endpoints http://192.0.2.1:2379,https://192.0.2.2:2379 --ip-masq --iface eth0 --iface 192.0.2.9',
    '-etcd-endpoints=http://192.0.2.1:2379,https://192.0.2.2:2379/ -ip-masq=true -iface=eth0 -iface=192.0.2.9',
    '--etcd=http://192.0.2.1:2379,https://192.0.2.2:2379 --ip-masq=1 -iface eth0 --iface=192.0.2.9 --v=10 -v 4',
  ])('are spelled as Go takes them: %s', (words) => {
    expect(node(words)).toMatchObject({
      endpoints: ['http://192.0.2.1:2379', 'https://192.0.2.2:2379'],
      ipMasq: true,
      ifaces: ['eth0', '192.0.2.9'],
    });
  });

  it('have the defaults of flanneld, and our own', () => {
    expect(node('')).toEqual({
      ifaces: [],
      ifaceRegexes: [],
      subnetFile: '/run/flannel/subnet.env',
      ipMasq: false,
      state: '/var/lib/vtep/flannel',
      leaseTtl: 86_400,
      renewMargin: 60,
      forceNew: false,
      logLevel: 'info',
    });
  });

  it('keep a value with an equals sign, or a dash at its front, whole', () => {
    expect(node('--etcd-password=a=b').password).toBe('a=b');
    expect(node('--etcd-password -5').password).toBe('-5');
    expect(node('--iface-regex ^(eth|ens)[0-9]=?$').ifaceRegexes[0].test('ens3')).toBe(true);
  });

  it('come from the environment as well, and the command line wins', () => {
    const environment = {
      FLANNELD_ETCD_ENDPOINTS: 'http://192.0.2.7:2379',
      FLANNELD_IFACE: 'eth7',
      FLANNELD_IP_MASQ: 'true',
      FLANNELD_ETCD_PASSWORD: 'secret',
      FLANNELD_BRIDGE: 'cni0',
      FLANNELD_SUBNET_FILE: '',
      FLANNELD_NONESUCH: 'x',
    };
    expect(node('', environment)).toMatchObject({
      endpoints: ['http://192.0.2.7:2379'],
      ifaces: ['eth7'],
      ipMasq: true,
      password: 'secret',
      bridge: 'cni0',
      subnetFile: '/run/flannel/subnet.env',
    });
    const words = '--etcd http://192.0.2.8:2379 --iface eth8 --ip-masq=false --etcd-password other';
    expect(node(words, environment)).toMatchObject({
      endpoints: ['http://192.0.2.8:2379'],
      ifaces: ['eth8'],
      ipMasq: false,
      password: 'other',
    });
  });

  it.each([
    ['--iface', 'the option "--iface" wants a value behind it'],
    ['--colour blue', 'the option "--colour" is not known'],
    ['eth0', 'the word "eth0" is not known'],
    ['--ip-masq false', 'the word "false" is not known'],
    ['--ip-masq=maybe', '--ip-masq "maybe" is neither true nor false'],
    ['--etcd 192.0.2.1:2379', '--etcd-endpoints "192.0.2.1:2379" is no URL such as http://192.0.2.1:2379'],
    ['--etcd-prefix coreos', '--etcd-prefix "coreos" does not begin with a slash'],
    ['--public-ip 2001:db8::1', '--public-ip "2001:db8::1" is no IPv4 address'],
    ['--public-ipv6 192.0.2.1', '--public-ipv6 "192.0.2.1" is no IPv6 address'],
    ['--iface-regex (', '--iface-regex "(" is no regular expression'],
    ['--subnet-lease-renew-margin 0', '--subnet-lease-renew-margin "0" is not a whole number from 1 to'],
    ['--bridge a/b', '--bridge "a/b" is no name for an interface'],
    ['--kube-subnet-mgr', '"--kube-subnet-mgr" is refused: this finds its peers in etcd'],
    ['--net-config-path /etc/x', '"--net-config-path" is refused: this finds its peers in etcd'],
    ['--healthz-port 8080', '"--healthz-port" is refused: `vtep flannel status` tells how it is'],
  ])('are refused with a sentence and the form: %s', (words, sentence) => {
    const { message, form } = why(() => node(words));
    expect(message).toContain(sentence);
    expect(form).toMatch(/^vtep flannel \[--etcd-endpoints URL,\.\.\.\]/);
  });

  it('say which variable it was', () => {
    const { message } = why(() => node('', { FLANNELD_IP_MASQ: 'yes' }));
    expect(message).toBe('--ip-masq "yes" is neither true nor false; the environment has FLANNELD_IP_MASQ');
    expect(node('--kube-subnet-mgr=false', { FLANNELD_KUBE_SUBNET_MGR: 'true' })).toBeDefined();
  });
});

describe('the words of the other verbs', () => {
  it('of init are what a config may say', () => {
    const words = '--network 10.5.0.0/16 --subnet-len=26 --vni 7 -port 8472 --direct-routing --force';
    expect(readInit(words.split(' '), {})).toEqual({
      network: '10.5.0.0/16',
      subnetLength: 26,
      vni: 7,
      port: 8472,
      directRouting: true,
      force: true,
    });
    expect(why(() => readInit(['--vni', '16777216'], {})).message).toContain('from 1 to 16777215');
  });

  it('of status and leave name the state, and leave the registry', () => {
    expect(readStatus(['-j', '--state=/tmp/x'], {})).toEqual({ json: true, state: '/tmp/x' });
    expect(readLeave(['--etcd', 'http://[::1]:2379'], { FLANNELD_STATE: '/tmp/y' })).toEqual({
      state: '/tmp/y',
      endpoints: ['http://[::1]:2379'],
    });
  });

  it('are told by their help, but for what is only taken', () => {
    expect(flannelHelp()).toContain('[--subnet-lease-renew-margin MINUTES]');
    expect(flannelHelp()).not.toContain('--kube');
    expect(flannelHelp('init')).toContain('[--network CIDR]');
    expect(flannelHelp('leave')).toContain('[--etcd-endpoints URL,...]');
  });
});
