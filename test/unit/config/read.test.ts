/** What `vtep check` says of a file: each mistake with its place, and nothing but sentences of hostile ones. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { mistakeLines, readConfig } from '../../../src/config/read.ts';
import { configSchema } from '../../../src/config/shapes.ts';

function mistakes(text: string): string[] {
  const reading = readConfig(text);
  return 'config' in reading ? [] : mistakeLines('f', reading.mistakes);
}

const GOOD = `
log: {level: info}
engine:
  workers: 2
  fdb-size: 1000
links:
  vx0:
    id: 42
    remotes: &all
      - 192.0.2.2
      - 192.0.2.3
    up: true
    fdb:
      - {mac: 02:00:00:00:00:01, dst: 192.0.2.2, state: static}
      - {mac: 01:00:5e:00:00:01, dst: 192.0.2.2}
      - {mac: 01:00:5e:00:00:01, dst: 192.0.2.3, port: 8472, vni: 7}
    neigh: [{ip: 10.0.0.2, mac: 02:00:00:00:00:01, flags: [router]}]
  '007': {id: 43, remotes: *all, ttl: inherit, srcport: [50000, 50010]}
`;

it('is told of a mistake in a sentence, however long what it quotes', () => {
  expect(mistakes(`links: {a: *${'x'.repeat(1_000_000)}}`).join().length).toBeLessThan(1100);
});

it('is told of a mistake once', () => {
  expect(mistakes('links: {vx0: {id: 5').map((line) => line.slice(0, 7))).toEqual(['f:1:20:']);
});

describe('a configuration', () => {
  it('is read with all that it says', () => {
    const reading = readConfig(GOOD);
    if (!('config' in reading)) throw new Error(mistakes(GOOD).join());
    const { links, engine, log, place } = reading.config;
    expect([...links.keys()]).toEqual(['vx0', '007']);
    expect(links.get('007')?.args).toEqual({
      name: '007',
      id: 43,
      remotes: ['192.0.2.2', '192.0.2.3'],
      ttl: 'inherit',
      srcport: [50000, 50010],
    });
    const vx0 = links.get('vx0');
    expect(vx0?.fdb[2]).toEqual({
      dev: 'vx0',
      mac: '01:00:5e:00:00:01',
      dst: '192.0.2.3',
      port: 8472,
      vni: 7,
    });
    expect(place(vx0?.fdb[2] as object)).toEqual({ line: 16, column: 9 });
    expect(place(vx0?.neigh[0] as object)).toEqual({ line: 17, column: 13 });
    expect([engine, log]).toMatchObject([{ workers: 2, 'fdb-size': 1000 }, { level: 'info' }]);
  });

  it.each([
    ['', 'f:1:1: the file is empty; `links: {}` says that there are no links'],
    ['# nothing\n', 'f:1:1: the file is empty; `links: {}` says that there are no links'],
    ['- a\n', 'f:1:1: a configuration is a map with links, engine, log'],
    ['links:\n\tvx0: {id: 1}\n', 'f:2:1: a tab stands where spaces must: YAML is indented by spaces'],
    ['links: {}\n---\nlinks: {}\n', 'f:2:1: a second document begins here: a file is one'],
    ['lonks: {}\n', 'f:1:1: "lonks" is not known; there are links, engine, log'],
    ['links: [1]\n', 'f:1:8: links is a map by name: `links: {vx0: {id: 42}}`'],
    ['links:\n  vx0:\n', 'f:2:7: vx0 is a map with its words, such as {id: 42, remotes: [192.0.2.2]}'],
    ['links: {a: {id: 1, colour: red}}', 'addresses, up, fdb, neigh, vnis'],
    ['links:\n  vx0: {up: true}\n', 'f:2:8: id is missing: it is a whole number from 0 to 16777215'],
    ['links:\n  vx0: {id: "1"}\n', 'f:2:13: id "1" is not a whole number from 0 to 16777215'],
    ['links: {vx0: {id: .nan}}', 'f:1:19: id NaN is not a whole number'],
    ['links: {vx0: {id: -.inf}}', 'f:1:19: id -Infinity is not a whole number'],
    ['links: !!binary aGVsbG8=', 'f:1:8: unresolved tag: tag:yaml.org,2002:binary'],
    ['links: !!set {a, b}', 'f:1:8: unresolved tag: tag:yaml.org,2002:set'],
    ['links: {vx0: {id: 1, "a\\nb\\e[31m\\u2028": 1}}', 'f:1:22: "a\\u000ab\\u001b[31m\\u2028" is not known'],
    ['links: {vx0: {id: 1, dstport: 0}}', 'f:1:31: dstport 0 is not a whole number from 1 to 65535'],
    [
      'links: {a b: {id: 1}}',
      'f:1:9: "a b" is not the name of an interface: 1 to 15 bytes, no space, slash, colon or percent sign, not all or default',
    ],
    ['links: {vx0: {id: 1}, vx0: {id: 2}}', 'f:1:23: "vx0" stands at line 1 already'],
    ['links: {vx0: {id: 1, id: 2}}', 'f:1:22: "id" stands at line 1 already'],
    ['links:\n  a: {id: 1}\n  b: {id: 1}\n', 'f:3:6: b: a has VNI 1 at port 4789 already (EEXIST)'],
    [
      'links: {a: {id: 1, remotes: [192.0.2.1, fd00::1]}}',
      'f:1:12: a: "fd00::1" is IPv6 and others are IPv4',
    ],
    ['links: {a: {id: 1, fdb: 5}}', 'f:1:25: fdb is a list of maps with mac, dst'],
    ['links: {a: {id: 1, fdb: [{mac: 02:00:00:00:00:01}]}}', 'f:1:26: dst is missing: it is an IP address'],
    [
      'links:\n  a:\n    id: 1\n    fdb:\n      - {mac: 02:00:00:00:00:01, dst: 192.0.2.1}\n      - {mac: 02:00:00:00:00:01, dst: 192.0.2.2}\n',
      'f:6:9: 02:00:00:00:00:01 stands at line 5 already (EEXIST)',
    ],
    [
      'links: {a: {id: 1, remotes: [192.0.2.1], fdb: [{mac: 00:00:00:00:00:00, dst: 192.0.2.2, state: static}]}}',
      'f:1:48: the destinations of 00:00:00:00:00:00 must have the same state and flags',
    ],
    ['links: {a: {id: 1, vnis: [{vni: [1, 2]}]}}', 'f:1:27: a has one VNI; vnis go with external'],
    [
      'links: {a: {external: true, vnifilter: true, vnis: [{vni: [9, 1]}]}}',
      'f:1:53: vni [9, 1] is no range',
    ],
    [
      'links: {a: {external: true, vnifilter: true, vnis: [{vni: [1, 9]}, {vni: [5, 5]}]}}',
      'f:1:68: VNI 5 is in a range before already (EEXIST)',
    ],
    ['links: {a: {id: 1, vnis: [{vni: 5}]}}', 'f:1:33: vni 5 is not a list of 2, of which each is'],
    [
      'links: {a: {external: true, vnifilter: true, vnis: [{vni: [1, 4], vlan: 10}, {vni: [7, 8], vlan: 12}]}}',
      'f:1:78: VLAN 12 is VNI 3 already (EEXIST)',
    ],
    [
      'links: {a: {external: true, vnifilter: true, vnis: [{vni: [1, 4], vlan: 4092}]}}',
      'f:1:53: vlan 4092 and those behind it are too few',
    ],
    [
      'links: {a: {external: true, vnifilter: true, vnis: [{vni: [1, 1], group: 239.1.1.1}]}}',
      'f:1:53: group 239.1.1.1 needs an interface to join it on: dev of a (EINVAL)',
    ],
    [
      'links: {a: {external: true, vnifilter: true, dev: lo, vnis: [{vni: [1, 1], group: 239.1.1.1, remote: 192.0.2.1}]}}',
      'f:1:62: group 239.1.1.1 and remote 192.0.2.1 exclude each other (EINVAL)',
    ],
    [
      'links: {a: {external: true, vnifilter: true, fdb: [{mac: 02:00:00:00:00:01, dst: 192.0.2.1}]}}',
      'f:1:52: src_vni is missing: a has many VNIs (EINVAL)',
    ],
    [
      'links: {a: {id: 1, fdb: [{mac: 02:00:00:00:00:01, dst: 192.0.2.1, src_vni: 1}]}}',
      'f:1:26: src_vni 1: a has one VNI, and is no trunk (EOPNOTSUPP)',
    ],
    [
      'links: {a: {id: 1, local: fd00::1, fdb: [{mac: 02:00:00:00:00:01, dst: 192.0.2.1}]}}',
      'f:1:42: dst 192.0.2.1 is of IPv4, the remotes of a are of IPv6 (EAFNOSUPPORT)',
    ],
    [
      'links: {a: {id: 1, fdb: [{mac: 02:00:00:00:00:01, dst: 0.0.0.0}]}}',
      "f:1:26: dst 0.0.0.0 is no host's address, nor a group's (EINVAL)",
    ],
    [
      'links: {a: {id: 1, addresses: [fd00::1/64, fd00:0::1/64]}}',
      'f:1:12: a: addresses has fd00:0::1/64 twice (EEXIST)',
    ],
    [
      'links: {a: {id: 1, address: 01:00:5e:00:00:01}}',
      'f:1:29: address "01:00:5e:00:00:01" is not a MAC address of one host',
    ],
    ['links: {all: {id: 1}}', 'f:1:9: "all" is not the name of an interface'],
    ['links: {a: {external: true}}', 'f:1:12: a: external goes with vnifilter only'],
    ['log: {level: loud}', 'f:1:14: level "loud" is not error or warn or info or debug'],
    ['engine: {threads: 2}', 'f:1:10: "threads" is not known; there are workers, links,'],
    ['engine: {offload: all}', 'f:1:19: offload "all" is not auto, off, or some of'],
    ['links: *x', 'f:1:8: the alias *x has no anchor &x before it'],
    ['links: &x {a: *x}', 'deep'],
    ['links: {? [a] : 1}', 'f:1:11: a key must be a word'],
    ['links: !!thing {}', 'f:1:8: unresolved tag'],
    ['links: {a: {id: 1', 'end with a }'],
    ['%YAML 1.1\n---\nlinks: {a: {id: 1, address: 11:22:33:44:55:56}}', 'f:3:29: address '],
    [`links: ${'['.repeat(50_000)}`, 'this is nested more than 16 deep'],
    [`a: ${'x'.repeat(100)}\n`.repeat(3000), 'f:2:1: "a" stands at line 1 already'],
  ])('is refused: %#', (text, sentence) => {
    expect(mistakes(text)[0]).toContain(sentence);
    expect(mistakes(text).join('\n')).not.toMatch(/undefined|\[object|\bat \w+ \(/);
  });

  it('says all of its mistakes, in their order, but no more than anyone reads', () => {
    const lines = mistakes('links:\n  a: {id: x}\n  b: {id: 2, fdb: [{mac: 1}]}\nlog: {level: 7}\n');
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['f:2:11:', 'f:3:20:', 'f:3:26:', 'f:4:14:']);
    expect(
      mistakes(`links:\n${Array.from({ length: 500 }, (_, i) => `  a${i}: {}\n`).join('')}`).length,
    ).toBe(20);
  });

  it('may not multiply by aliases', () => {
    const levels = Array.from({ length: 12 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]`);
    const [line] = mistakes(['a0: &a0 [1]', ...levels].join('\n'));
    expect(line).toContain('aliases of aliases multiply here: they stand for more than 100000 values');
  });
});

describe('the example of the README', () => {
  const readme = readFileSync(join(import.meta.dirname, '..', '..', '..', 'README.md'), 'utf8');
  const [, example = ''] = readme.match(/```yaml\n(.*?)```/s) ?? [];

  it('has no mistake', () => {
    expect(example).toContain('links:');
    expect(mistakes(example)).toEqual([]);
  });
});

describe('the schema', () => {
  const accepts = new Ajv({ strict: false }).compile(configSchema());

  it('takes what is read without a mistake', () => {
    expect(accepts(parse(GOOD)), JSON.stringify(accepts.errors)).toBe(true);
  });

  it.each([
    { lonks: {} },
    { links: { vx0: { id: 'x' } } },
    { links: { vx0: { id: 1, colour: 'red' } } },
    { links: { 'a b': { id: 1 } } },
    { links: { vx0: { id: 1, fdb: [{ mac: '02:00:00:00:00:01' }] } } },
    { links: { vx0: { id: 1, srcport: [1] } } },
    { engine: { workers: 'many' } },
    { log: { level: 'loud' } },
  ])('objects to %j, as check does', (value) => {
    expect(accepts(value)).toBe(false);
    expect(mistakes(JSON.stringify(value))).not.toEqual([]);
  });
});
