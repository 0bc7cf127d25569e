/** Arguments that other programs and files make up: each is taken or refused with a sentence, and means what it says. */
import { describe, expect, it } from 'vitest';
import { complaints, FDB_SHAPES, LINK_SHAPES, type Shapes, VNI_SHAPES } from '../../../src/control/shapes.ts';

const sentences = <T>(args: unknown, shapes: Shapes<T>) =>
  complaints(args, shapes, []).map(({ sentence }) => sentence);

describe('what is refused of a link', () => {
  it.each([
    [{ name: 'vx0\0of-another' }, /^name "vx0\\u0000of-another" is not the name of an interface/],
    [{ dev: 'lo\0' }, /^dev "lo\\u0000" is not a name of an interface/],
    [{ local: '224.0.0.1' }, /^local "224\.0\.0\.1" is not an IP address of one host/],
    [{ local: '::1%lo' }, /^local "::1%lo" is not an IP address of one host/],
    [{ local: '0.0.0.0' }, /^local "0\.0\.0\.0" is not an IP address of one host/],
    [{ group: '239.1.1.1%lo' }, /^group "239\.1\.1\.1%lo" is not the IP address of a multicast group/],
    [{ group: '192.0.2.1' }, /^group "192\.0\.2\.1" is not the IP address of a multicast group/],
    [{ remotes: ['239.1.1.1'] }, /is not a list of which each is an IP address of one host/],
    [{ remotes: ['::'] }, /is not a list of which each is an IP address of one host/],
    [{ remotes: ['fe80::1%lo%lo'] }, /is not a list of which each is an IP address of one host/],
    [{ remotes: ['fe80::1%'] }, /is not a list of which each is an IP address of one host/],
    [JSON.parse('{"__proto__": {"name": "vx0"}}'), /^"__proto__" is not known/],
    [{ constructor: 1 }, /^"constructor" is not known/],
  ])('%j', (args, sentence) => {
    expect(sentences(args, LINK_SHAPES)).toEqual([expect.stringMatching(sentence)]);
  });
});

it('takes the device of a remote where it stands with it', () => {
  expect(sentences({ remotes: ['fe80::1%eth0', '192.0.2.1'], local: 'fe80::2' }, LINK_SHAPES)).toEqual([]);
  expect(sentences({ dst: 'fe80::1%eth0' }, FDB_SHAPES)).toEqual([]);
  expect(sentences({ dst: '239.1.1.1' }, FDB_SHAPES)).toEqual([]);
  expect(sentences({ group: 'ff05::100', remote: '192.0.2.1' }, VNI_SHAPES)).toEqual([]);
});

it('quotes what is nested deeper than the stack, too', () => {
  const deep = JSON.parse(`${'['.repeat(500_000)}${']'.repeat(500_000)}`);
  expect(sentences(deep, LINK_SHAPES)).toEqual(['of such a depth is no object with ']);
  expect(sentences({ mtu: deep }, LINK_SHAPES)).toEqual([
    'mtu of such a depth is not a whole number from 68 to 65485',
  ]);
});
