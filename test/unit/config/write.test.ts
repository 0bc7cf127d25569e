/** What is written is read as what it was written of, whatever the names look like. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diff } from '../../../src/config/diff.ts';
import { readSound } from '../../../src/config/read.ts';
import { defaultEntries, type LinkState } from '../../../src/config/state.ts';
import { configLines } from '../../../src/config/write.ts';
import { isInterfaceName } from '../../../src/control/interface-name.ts';

function stateOf(name: string, id: number, words: Partial<LinkState>): LinkState {
  const args = { name, id, remotes: ['fd00::1', 'fd00::'], up: true, srcport: [1, 2] as [number, number] };
  const fdb = [
    ...defaultEntries(args),
    { dev: name, mac: '00:00:00:00:00:00', dst: '::1', port: 7 },
    { dev: name, mac: '11:22:33:44:55:56', dst: 'fd00::', flags: ['router' as const] },
  ];
  return { args, fdb, neigh: [{ dev: name, ip: '10.0.0.1', mac: '11:22:33:44:55:56' }], vnis: [], ...words };
}

const read = (states: LinkState[]) =>
  readSound(
    'f',
    [...configLines({ log: { level: 'warn' }, engine: { workers: 'auto' }, links: states })].join('\n'),
  );
const byName = (states: LinkState[]) => new Map(states.map((state) => [state.args.name, state]));

describe('a configuration that is written', () => {
  it('changes nothing when it is read', () => {
    const name = fc.stringMatching(/^[^\s/:%]{1,15}$/).filter(isInterfaceName);
    fc.assert(
      fc.property(fc.uniqueArray(name), (names) => {
        const states = names.map((each, at) => stateOf(each, at, {}));
        const { links } = read(states);
        expect([...links.keys()].sort()).toEqual([...names].sort());
        expect(diff(byName(states), links, new Map())).toEqual([]);
      }),
    );
  });

  it.each([
    'null',
    '007',
    '1e3',
    'yes',
    'a,',
    '#',
    '-',
    '*x',
    '&x',
    '!x',
    '{',
    "it's",
    '"',
    '<<',
    '~',
    '0x1f',
    '.inf',
    '\\',
  ])('keeps the name %s', (name) => expect([...read([stateOf(name, 1, {})]).links.keys()]).toEqual([name]));

  it('says what there is of the engine, the log and the default destinations', () => {
    const [first, ...rest] = defaultEntries({ name: 'vx0', remotes: ['fd00::1', 'fd00::'] });
    const config = read([stateOf('vx0', 1, { fdb: rest })]);
    expect(config).toMatchObject({ log: { level: 'warn' }, engine: { workers: 'auto' } });
    expect(config.links.get('vx0')?.args.remotes).toEqual(['fd00::']);
    expect(first.dst).toBe('fd00::1');
    expect([...configLines({ log: {}, engine: {}, links: [] })]).toEqual(['links: {}']);
  });
});
