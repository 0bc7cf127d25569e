/** The config key. What flannel makes of each text stands in its `pkg/subnet/config_test.go`, or was read in `config.go`. */
import { describe, expect, it } from 'vitest';
import {
  fits,
  formatNetwork,
  type Network,
  type Pool,
  parseNetwork,
} from '../../../src/flannel/contract/network.ts';
import { formatSubnet, parseSubnet, type Subnet } from '../../../src/flannel/contract/subnet.ts';

const VXLAN = '"Backend":{"Type":"vxlan"}';

function poolText({ network, first, last, length }: Pool) {
  return [network, first, last].map(formatSubnet).concat(String(length)).join(' ');
}

function texts({ ipv4, ipv6 }: Network) {
  return [ipv4 && poolText(ipv4), ipv6 && poolText(ipv6)].filter((text) => text !== undefined);
}

describe('a config', () => {
  it.each([
    // TestConfigDefaults: the key in lower case.
    [`{ "network": "10.3.0.0/16", ${VXLAN} }`, ['10.3.0.0/16 10.3.1.0/24 10.3.255.0/24 24']],
    // TestIPv6ConfigDefaults
    [
      `{ "enableIPv6": true, "ipv6Network": "fc00::/48", "enableIPv4": false, ${VXLAN} }`,
      ['fc00::/48 fc00:0:0:1::/64 fc00:0:0:ffff::/64 64'],
    ],
    // TestConfigOverrides
    [
      `{ "Network": "10.3.0.0/16", "SubnetMin": "10.3.5.0", "SubnetMax": "10.3.8.0", "SubnetLen": 28, ${VXLAN} }`,
      ['10.3.0.0/16 10.3.5.0/28 10.3.8.0/28 28'],
    ],
    // TestIPv6ConfigOverrides
    [
      `{ "EnableIPv6": true, "IPv6Network": "fc00::/48", "IPv6SubnetMin": "fc00:0:0:1::", "IPv6SubnetMax": "fc00:0:0:f::",
         "IPv6SubnetLen": 124, "enableIPv4": false, ${VXLAN} }`,
      ['fc00::/48 fc00:0:0:1::/124 fc00:0:0:f::/124 124'],
    ],
    // Both; bits behind the prefix are nothing; null and 0 of plain fields are as if unsaid.
    [
      `{ "Network": "10.5.7.7/16", "SubnetLen": null, "SubnetMin": "0.0.0.0", "EnableIPv6": true, "IPv6Network": "fc00::/62",
         "IPv6SubnetLen": 0, "IPv6SubnetMin": null, "EnableIPv4": null, "Other": [{"Network": 1}], ${VXLAN} }`,
      ['10.5.0.0/16 10.5.1.0/24 10.5.255.0/24 24', 'fc00::/62 fc00:0:0:1::/64 fc00:0:0:3::/64 64'],
    ],
    // The last of several keys that mean the same wins; the Kelvin sign is a k for Go, the long s an s.
    [`{ "networ\u212a": "10.4.0.0/16", ${VXLAN} }`, ['10.4.0.0/16 10.4.1.0/24 10.4.255.0/24 24']],
    [
      `{ "Network": "10.4.0.0/16", "NETWORK": "10.5.0.0/16", "Network": "10.6.0.0/16", "\u017fubnetLen": 20, ${VXLAN} }`,
      ['10.6.0.0/16 10.6.16.0/20 10.6.240.0/20 20'],
    ],
    // Networks that are too small for the usual subnets are cut into four.
    [`{ "Network": "10.3.0.0/22", ${VXLAN} }`, ['10.3.0.0/22 10.3.1.0/24 10.3.3.0/24 24']],
    [`{ "Network": "10.3.0.0/23", ${VXLAN} }`, ['10.3.0.0/23 10.3.0.128/25 10.3.1.128/25 25']],
    [`{ "Network": "10.3.0.0/28", ${VXLAN} }`, ['10.3.0.0/28 10.3.0.4/30 10.3.0.12/30 30']],
    [`{ "Network": "255.255.0.0/16", ${VXLAN} }`, ['255.255.0.0/16 255.255.1.0/24 255.255.255.0/24 24']],
    // The first subnet may be asked for.
    [
      `{ "Network": "10.3.0.0/16", "SubnetMin": "10.3.0.0", ${VXLAN} }`,
      ['10.3.0.0/16 10.3.0.0/24 10.3.255.0/24 24'],
    ],
  ])('%s', (text, pools) => {
    expect(texts(parseNetwork(text))).toEqual(pools);
  });

  it('has a backend with the defaults of flannel', () => {
    const backend = (text: string) => {
      const { ipv4, ...rest } = parseNetwork(`{"Network":"10.5.0.0/16","Backend":${text}}`);
      return rest;
    };
    expect(backend('{"Type":"vxlan"}')).toEqual({
      vni: 1,
      port: 8472,
      learning: false,
      directRouting: false,
    });
    expect(
      backend(
        '{"type":"VXLAN","vni":42,"PORT":4789,"mtu":9000,"gbp":false,"Learning":true,"directrouting":true}',
      ),
    ).toEqual({ vni: 42, port: 4789, mtu: 9000, learning: true, directRouting: true });
    expect(backend('{"Type":"vxlan","VNI":7,"VNI":null,"Port":0,"MTU":0,"MacPrefix":"0E-2A"}')).toMatchObject(
      {
        vni: 7,
        port: 8472,
      },
    );
    expect(backend('{"Type":"vxlan","MTU":0}')).not.toHaveProperty('mtu');
    expect(backend('{"Type":"vxlan","VNI":0}').vni).toBe(0);
  });

  it.each([
    ['', 'the network config is no JSON: ""'],
    ['{"Network":', 'the network config is no JSON'],
    ['[]', 'the network config is no JSON object: "[]"'],
    ['"x"', 'is no JSON object'],
    ['null', 'Network is missing, and should be a network such as 10.5.0.0/16'],
    ['{}', 'Network is missing'],
    ['{"Network":null}', 'Network is "null", and should be a network'],
    ['{"Network":7}', 'Network is "7"'],
    ['{"Network":"10.5.0.0"}', 'Network is "10.5.0.0", and should be a network such as 10.5.0.0/16'],
    ['{"Network":"fc00::/48"}', 'Network is "fc00::/48"'],
    ['{"Network":"10.5.0.0\\/16"}', 'Network is "10.5.0.0\\\\/16"'],
    ['{"Network":"10.5.0.0/29"}', 'Network 10.5.0.0/29 is too small: /28 is the longest prefix that works'],
    ['{"Network":"10.5.0.0/16","SubnetLen":31}', 'SubnetLen is 31, and should be 18 to 30'],
    ['{"Network":"10.5.0.0/16","SubnetLen":17}', 'SubnetLen is 17'],
    ['{"Network":"10.5.0.0/16","SubnetLen":24.0}', 'SubnetLen is "24.0", and should be a whole number'],
    ['{"Network":"10.5.0.0/16","SubnetLen":"24"}', 'SubnetLen is "\\"24\\""'],
    ['{"Network":"10.5.0.0/16","SubnetLen":-1}', 'SubnetLen is "-1"'],
    ['{"Network":"10.5.0.0/16","SubnetMin":null}', 'SubnetMin is "null"'],
    ['{"Network":"10.5.0.0/16","SubnetMin":"10.6.0.0"}', 'SubnetMin 10.6.0.0 is not in 10.5.0.0/16'],
    ['{"Network":"10.5.0.0/16","SubnetMin":"10.5.1.1"}', 'is not the beginning of a /24: 10.5.1.0 would be'],
    ['{"Network":"10.5.0.0/16","SubnetMax":"10.4.0.0"}', 'SubnetMax 10.4.0.0 is not in'],
    [
      '{"Network":"10.5.0.0/16","SubnetMin":"10.5.9.0","SubnetMax":"10.5.8.0"}',
      'SubnetMin 10.5.9.0 is behind SubnetMax',
    ],
    ['{"EnableIPv4":false}', 'EnableIPv4 and EnableIPv6 are both false'],
    ['{"EnableIPv4":0}', 'EnableIPv4 is "0", and should be true or false'],
    ['{"Network":"0.0.0.0/0"}', 'Network is missing'],
    ['{"Network":"10.5.0.0/16","IPv6Network":7}', 'IPv6Network is "7"'],
    [
      '{"Network":"10.5.0.0/16","IPv6SubnetMax":"x"}',
      'IPv6SubnetMax is "x", and should be an address such as 2001:db8::',
    ],
    ['{"EnableIPv4":false,"EnableIPv6":true}', 'IPv6Network is missing'],
    ['{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fc00::/125"}', 'too small: /124 is the longest'],
    ['{"Network":"10.5.0.0/16"}', 'Backend is missing, which means udp'],
    ['{"Network":"10.5.0.0/16","Backend":null}', `the Backend's Type is "", and only "vxlan"`],
    ['{"Network":"10.5.0.0/16","Backend":[]}', 'Backend is no JSON object'],
    ['{"Network":"10.5.0.0/16","Backend":{"Type":7}}', 'Type is "7", and should be a string'],
    [
      '{"Network":"10.5.0.0/16","Backend":{"Type":"host-gw"}}',
      `the Backend's Type is "host-gw", and only "vxlan"`,
    ],
    [
      '{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan","GBP":true}}',
      'group policies cannot be carried over a TAP',
    ],
    [
      '{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan","VNI":16777216}}',
      'VNI is "16777216", and should be',
    ],
    ['{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan","Port":65536}}', 'Port is "65536"'],
    ['{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan","MTU":1e3}}', 'MTU is "1e3"'],
  ])('%s is refused with a sentence', (text, sentence) => {
    expect(() => parseNetwork(text)).toThrow(sentence);
  });

  it('is written with the names of flannel, and no more than was said', () => {
    expect(formatNetwork({ network: '10.5.0.0/16' })).toBe(
      '{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}',
    );
    expect(
      formatNetwork({
        network: '10.5.0.0/16',
        ipv6Network: 'fc00::/48',
        subnetLength: 26,
        vni: 7,
        port: 4789,
        directRouting: true,
      }),
    ).toBe(
      '{"EnableIPv6":true,"Network":"10.5.0.0/16","IPv6Network":"fc00::/48","SubnetLen":26,' +
        '"Backend":{"Type":"vxlan","VNI":7,"Port":4789,"DirectRouting":true}}',
    );
    expect(texts(parseNetwork(formatNetwork({ ipv6Network: 'fc00::/48' })))).toHaveLength(1);
    expect(() => formatNetwork({ network: '10.5.0.0/29' })).toThrow('too small');
    expect(() => formatNetwork({})).toThrow('both false');
  });

  it('says which subnets are of it', () => {
    const pool = parseNetwork(`{"Network":"10.5.0.0/16","SubnetMax":"10.5.9.0",${VXLAN}}`).ipv4 as Pool;
    const answers = [
      '10.5.0.0/24',
      '10.5.1.0/24',
      '10.5.9.0/24',
      '10.5.10.0/24',
      '10.5.2.0/25',
      '10.6.1.0/24',
      'fc00::/24',
    ];
    expect(answers.filter((text) => fits(pool, parseSubnet(text) as Subnet))).toEqual([
      '10.5.1.0/24',
      '10.5.9.0/24',
    ]);
  });
});
