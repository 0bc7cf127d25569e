/** The values of leases, byte for byte, and what strangers put in their place. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatLease, parseLease, parsePublicIps } from '../../../src/flannel/contract/lease.ts';
import { Unusable } from '../../../src/flannel/contract/unusable.ts';

const MAC = 'c6:d2:32:6f:8f:44';
const V6_MAC = '0a:1b:2c:3d:4e:5f';

/** Of one family: as the flannel notes show it, an answer of etcdctl. */
const IPV4 =
  '{"PublicIP":"192.168.64.3","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}}';
/** Of both: the order of the fields of LeaseAttrs in `pkg/lease/lease.go`, vxlanLeaseAttrs in `vxlan_network.go`. */
const BOTH =
  '{"PublicIP":"192.168.64.3","PublicIPv6":"2001:db8:64::3","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":' +
  '"c6:d2:32:6f:8f:44"},"BackendV6Data":{"VNI":1,"VtepMAC":"0a:1b:2c:3d:4e:5f"}}';
/** Of IPv6 alone: PublicIP is no pointer there, so its zero is printed; BackendData has omitempty. */
const IPV6 =
  '{"PublicIP":"0.0.0.0","PublicIPv6":"2001:db8:64::3","BackendType":"vxlan","BackendV6Data":{"VNI":1,"VtepMAC":"0a:1b:2c:3d:4e:5f"}}';
/** Of `TestEtcdRegistry` in `pkg/subnet/etcd/registry_test.go`: a lease without a backend, as reservations are. */
const RESERVED = '{"PublicIP":"1.2.3.4","PublicIPv6":null}';

const ipv4 = { publicIp: '192.168.64.3', mac: MAC };
const ipv6 = { publicIp: '2001:db8:64::3', mac: V6_MAC };

describe('a lease', () => {
  it('is written as Go writes it', () => {
    expect(formatLease({ vni: 1, ipv4 })).toBe(IPV4);
    expect(formatLease({ vni: 1, ipv4, ipv6 })).toBe(BOTH);
    expect(formatLease({ vni: 1, ipv6 })).toBe(IPV6);
    // uint16(cfg.VNI) in `vxlan.go`
    expect(formatLease({ vni: 0x12345, ipv4 })).toContain('"VNI":9029,');
  });

  it('is read', () => {
    expect(parseLease(IPV4, ['ipv4'])).toEqual({ vni: 1, ipv4 });
    expect(parseLease(BOTH, ['ipv4', 'ipv6'])).toEqual({ vni: 1, ipv4, ipv6 });
    expect(parseLease(IPV6, ['ipv6'])).toEqual({ vni: 1, ipv6 });
  });

  it('is read as Go would', () => {
    const text = ` {"publicip":"192.168.64.3","BACKENDTYPE":"vx\\u006can","Other":{"PublicIP":1},
      "backenddata":{"vtepmac":"C6-D2-32-6F-8F-44","More":[]}} `;
    expect(parseLease(text, ['ipv4'])).toEqual({ ipv4 });
  });

  it('of another backend, or of none, is passed over', () => {
    expect(parseLease(RESERVED, ['ipv4'])).toBeUndefined();
    expect(parseLease(IPV4.replace('vxlan', 'host-gw'), ['ipv4'])).toBeUndefined();
    expect(parseLease('null', ['ipv4'])).toBeUndefined();
  });

  it('says whose it is, whatever else it says', () => {
    expect(parsePublicIps(RESERVED)).toEqual({ ipv4: '1.2.3.4' });
    expect(parsePublicIps(BOTH)).toEqual({ ipv4: '192.168.64.3', ipv6: '2001:db8:64::3' });
    expect(parsePublicIps('{"PublicIP":"fc00::1"}')).toEqual({});
    expect(parsePublicIps('{')).toEqual({});
  });
});

const lease = (text: string, by: string) => IPV4.replace(text, by);

describe('what is no lease', () => {
  it.each([
    ['json', '', 'its value is no JSON: ""'],
    ['json', 'x'.repeat(100_000), `its value is no JSON: "${'x'.repeat(60)}..."`],
    ['json', '[1]', 'its value is no JSON object'],
    ['json', '7', 'its value is no JSON object'],
    ['json', '{"BackendType":7}', 'BackendType is "7", and should be a string'],
    [
      'json',
      lease('{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}', '"x"'),
      'BackendData is no JSON object: "\\"x\\""',
    ],
    ['json', lease('"VNI":1', '"VNI":"1"'), 'VNI is "\\"1\\"", and should be a whole number of 0 to 65535'],
    ['json', lease('"VNI":1', '"VNI":65536'), 'VNI is "65536"'],
    [
      'address',
      '{"BackendType":"vxlan"}',
      'PublicIP is missing, and should be an address of a node over IPv4',
    ],
    ['address', lease('"192.168.64.3"', 'null'), 'PublicIP is missing'],
    ['address', lease('"192.168.64.3"', '7'), 'PublicIP is "7"'],
    ['address', lease('192.168.64.3', '192.168.64.3\\n'), 'PublicIP is'],
    ['address', lease('192.168.64.3', 'fc00::1'), 'PublicIP is "fc00::1"'],
    ['address', lease('192.168.64.3', '0.0.0.0'), 'PublicIP is "0.0.0.0"'],
    ['address', lease('192.168.64.3', '127.0.0.1'), 'PublicIP is "127.0.0.1"'],
    ['address', lease('192.168.64.3', '224.0.0.1'), 'PublicIP is "224.0.0.1"'],
    ['address', lease('192.168.64.3', '255.255.255.255'), 'PublicIP is "255.255.255.255"'],
    ['mac', lease('"c6:d2:32:6f:8f:44"', 'null'), 'VtepMAC is missing'],
    ['mac', lease('{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}', 'null'), 'VtepMAC is missing'],
    [
      'mac',
      lease(MAC, '00:00:00:00:00:00'),
      'VtepMAC is "00:00:00:00:00:00", and should be the MAC of one device',
    ],
    ['mac', lease(MAC, '01:00:5e:00:00:01'), 'VtepMAC is "01:00:5e:00:00:01"'],
    ['mac', lease(MAC, 'ff:ff:ff:ff:ff:ff'), 'VtepMAC is "ff:ff:ff:ff:ff:ff"'],
    ['mac', lease(MAC, 'c6:d2:32:6f:8f'), 'VtepMAC is "c6:d2:32:6f:8f"'],
    ['mac', lease(`"${MAC}"`, '12'), 'VtepMAC is "12"'],
  ])('for its %s: %s', (reason, value, sentence) => {
    const read = () => parseLease(value, ['ipv4']);
    expect(read).toThrow(sentence);
    expect(read).toThrow(expect.objectContaining({ reason }));
  });

  it.each(['::', '::1', 'ff02::1', 'fe80::1', '::ffff:1.2.3.4', '1.2.3.4'])('over IPv6: %s', (ip) => {
    const read = () => parseLease(BOTH.replace('2001:db8:64::3', ip), ['ipv4', 'ipv6']);
    expect(read).toThrow('an address of a node over IPv6');
    expect(parseLease(BOTH.replace('2001:db8:64::3', ip), ['ipv4'])).toEqual({ vni: 1, ipv4 });
  });

  it('whatever it is, ends in a sentence', () => {
    const hostile = fc.oneof(
      fc.json(),
      fc.string(),
      fc
        .tuple(fc.nat(IPV4.length), fc.string({ unit: 'binary' }))
        .map(([at, text]) => IPV4.slice(0, at) + text + IPV4.slice(at)),
      fc.tuple(fc.jsonValue(), fc.jsonValue(), fc.jsonValue()).map(([PublicIP, BackendData, VtepMAC]) =>
        JSON.stringify({
          PublicIP,
          BackendType: 'vxlan',
          BackendData: VtepMAC ? { VtepMAC } : BackendData,
        }),
      ),
    );
    fc.assert(
      fc.property(hostile, (value) => {
        try {
          parseLease(value, ['ipv4']);
        } catch (error) {
          expect(error).toBeInstanceOf(Unusable);
          expect((error as Error).message).not.toMatch(/[\n\r]/);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('of a megabyte, or very deep, costs no more than its reading', () => {
    const deep = `{"PublicIP":"1.2.3.4","X":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    expect(parsePublicIps(deep)).toEqual({ ipv4: '1.2.3.4' });
    const long = `{"X":"${'\\n'.repeat(500_000)}","PublicIP":"1.2.3.4"}`;
    expect(parsePublicIps(long)).toEqual({ ipv4: '1.2.3.4' });
    const many = `{${'"X":{},'.repeat(100_000)}"PublicIP":"1.2.3.4"}`;
    expect(parsePublicIps(many)).toEqual({ ipv4: '1.2.3.4' });
  });
});
