import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as address from '../../../src/wire/address.ts';

const words = (text: string) => address.parseIp(text)?.join(' ');

function roundTrip(text: string): string | undefined {
  const ip = address.parseIp(text);
  return ip && address.formatIp(ip[0], ip[1], ip[2], ip[3]);
}

const is = (test: typeof address.isMulticast, text: string) => {
  const [a, b, c, d] = address.parseIp(text) as Int32Array;
  return test(a, b, c, d);
};

describe('MAC text', () => {
  it('parses', () => {
    expect(address.parseMac('82:a3:B4:c5:d6:e7')).toEqual({ high: 0x82a3, low: 0xb4c5d6e7 | 0 });
    expect(address.parseMac('2:0:0:0:0:1')).toEqual({ high: 0x0200, low: 1 });
  });

  it('refuses what is no MAC', () => {
    const wrong = ['', '02:00:00:00:00', '02:00:00:00:00:01:02', '02-00-00-00-00-01', '0g:0:0:0:0:0'];
    for (const text of [...wrong, '020000000001', '002:0:0:0:0:1', ' 2:0:0:0:0:1', '2:0:0:0:0:1\n']) {
      expect(address.parseMac(text)).toBeUndefined();
    }
  });

  it('is what six numbers of one or two digits between colons are, and nothing else', () => {
    const near = fc.stringMatching(/^([0-9a-fA-FgG@`/]{1,2}:?){5,7}$/);
    fc.assert(
      fc.property(near, (text) => {
        const isOne = /^[0-9a-f]{1,2}(:[0-9a-f]{1,2}){5}$/i.test(text);
        expect(address.parseMac(text) !== undefined).toBe(isOne);
      }),
      { numRuns: 5000 },
    );
  });

  it('comes back as it was', () => {
    const byte = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(fc.array(byte, { minLength: 6, maxLength: 6 }), (bytes) => {
        const text = bytes.map((b) => b.toString(16).padStart(2, '0')).join(':');
        const mac = address.parseMac(text) as address.Mac;
        return address.formatMac(mac.high, mac.low) === text;
      }),
    );
  });
});

describe('IP text', () => {
  it('parses IPv4 into a mapped address', () => {
    expect(words('192.168.0.1')).toBe(`0 0 65535 ${0xc0a80001 | 0}`);
    expect(words('::ffff:192.168.0.1')).toBe(words('192.168.0.1'));
    expect(words('::ffff:c0a8:1')).toBe(words('192.168.0.1'));
  });

  it('parses IPv6', () => {
    expect(words('::')).toBe('0 0 0 0');
    expect(words('2001:db8::8000:1')).toBe(`${0x20010db8} 0 0 ${0x80000001 | 0}`);
    expect(words('1:2:3:4:5:6:7:8')).toBe(`${0x10002} ${0x30004} ${0x50006} ${0x70008}`);
    expect(words('64:ff9b::1.2.3.4')).toBe(`${0x64ff9b} 0 0 ${0x01020304}`);
    expect(words('1::')).toBe(`${0x10000} 0 0 0`);
  });

  it('refuses what is no address, and zones', () => {
    for (const text of ['', '1.2.3', '1.2.3.256', '01.2.3.4', ':::', '1:2', 'fe80::1%eth0', 'host', '::/0']) {
      expect(address.parseIp(text)).toBeUndefined();
    }
  });

  it('is one where it is one to Node', () => {
    const near = fc.stringMatching(/^((0|1|9|2[0-7]{1,2}|[0-9]{1,4})[./ ]?){3,5}$/);
    fc.assert(
      fc.property(fc.oneof(near, fc.ipV4(), fc.ipV6(), fc.string()), (text) => {
        expect(address.isIp(text)).toBe(isIP(text) !== 0);
        expect(address.parseDotted(text) !== undefined).toBe(isIP(text) === 4);
      }),
      { numRuns: 5000 },
    );
  });

  it('prints as RFC 5952 wants it', () => {
    expect(roundTrip('2001:DB8:0:0:1:0:0:1')).toBe('2001:db8::1:0:0:1');
    expect(roundTrip('2001:0db8:0:1:1:1:1:1')).toBe('2001:db8:0:1:1:1:1:1');
    expect(roundTrip('2001:0:0:1:0:0:0:1')).toBe('2001:0:0:1::1');
    expect(roundTrip('0:0:0:0:0:0:0:0')).toBe('::');
    expect(roundTrip('::1')).toBe('::1');
    expect(roundTrip('fe80::')).toBe('fe80::');
    expect(roundTrip('::ffff:10.0.0.255')).toBe('10.0.0.255');
  });

  it('comes back as the same words, and is an address to others', () => {
    const word = fc.oneof(fc.constantFrom(0, 1, 0xffff, -1), fc.integer());
    fc.assert(
      fc.property(fc.tuple(word, word, word, word), ([a, b, c, d]) => {
        const text = address.formatIp(a, b, c, d);
        expect(isIP(text)).toBe(address.isIpv4Mapped(a, b, c) ? 4 : 6);
        expect(words(text)).toBe([a, b, c, d].join(' '));
      }),
      { numRuns: 1000 },
    );
  });

  it('agrees with the URL parser of the platform about the shortest form', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const short = new URL(`http://[${text}]`).hostname.slice(1, -1);
        const ours = roundTrip(text) as string;
        return ours.includes('.') ? short.startsWith('::ffff:') : ours === short;
      }),
    );
  });

  it('tells multicast and unspecified addresses', () => {
    const texts = ['224.0.0.1', '239.255.255.255', 'ff02::1', '223.1.1.1', '240.0.0.1', 'fe80::1'];
    expect(texts.map((text) => is(address.isMulticast, text))).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
    const unspecified = ['0.0.0.0', '::', '::1', '0.0.0.1', '1::'];
    expect(unspecified.map((text) => is(address.isUnspecified, text))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
