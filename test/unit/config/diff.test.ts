/** Steps from one configuration to another, carried out on a model of the daemon. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diff, type Order, type Step } from '../../../src/config/diff.ts';
import {
  defaultEntries,
  destination,
  fdbState,
  identity,
  isList,
  type LinkState,
  type States,
} from '../../../src/config/state.ts';
import type { FdbArgs, LinkArgs } from '../../../src/control/protocol.ts';

/** A link with VNI and port of its own, in a daemon that refuses as the real one does. */
class Model {
  readonly links = new Map<string, LinkState>();

  constructor(states: States) {
    for (const { args, fdb, neigh, vnis } of states.values()) {
      const all = [...defaultEntries(args), ...fdb];
      this.links.set(args.name, structuredClone({ args, fdb: all, neigh, vnis }));
    }
  }

  carry({ verb, args }: Order): void {
    if (verb === 'link add') {
      if (this.links.has(args.name)) throw new Error(`EEXIST ${args.name}`);
      this.links.set(args.name, { args: this.free(args), fdb: defaultEntries(args), neigh: [], vnis: [] });
      return;
    }
    const name = 'dev' in args ? args.dev : args.name;
    const link = this.links.get(name as string);
    if (!link) throw new Error(`ENODEV ${JSON.stringify(args)}`);
    if (verb === 'link put') this.put(link, this.free(args));
    if (verb === 'link del') this.links.delete(link.args.name);
    if (verb === 'fdb append' || verb === 'fdb replace') place(link, args, verb);
    if (verb === 'fdb del') {
      if (!link.fdb.some((each) => isOne(each, args))) throw new Error(`ENOENT ${JSON.stringify(args)}`);
      link.fdb = link.fdb.filter((each) => !isOne(each, args));
    }
    if (verb === 'neigh replace' || verb === 'neigh del') {
      link.neigh = link.neigh.filter(({ ip }) => ip !== args.ip);
      if (verb === 'neigh replace') link.neigh.push(args);
    }
  }

  private put(link: LinkState, args: LinkArgs): void {
    const [before, after] = [defaultEntries(link.args), defaultEntries(args)];
    link.fdb = link.fdb.filter((each) => !before.some((one) => isOne(one, each)));
    for (const entry of after) place(link, entry, 'fdb append');
    link.args = args;
  }

  private free(args: LinkArgs): LinkArgs {
    for (const other of this.links.values()) {
      if (other.args.name === args.name || identity(other.args) !== identity(args)) continue;
      throw new Error(`EEXIST ${args.name} has what ${other.args.name} has`);
    }
    return args;
  }

  /** In an order of its own. */
  get content(): object {
    const sorted = (list: object[]) => list.map((each) => JSON.stringify(Object.entries(each).sort())).sort();
    const all = [...this.links.values()].sort((a, b) => (a.args.name < b.args.name ? -1 : 1));
    return all.map(({ args, fdb, neigh }) => ({
      args: JSON.stringify(Object.entries({ up: false, ...args }).sort()),
      fdb: sorted(fdb),
      neigh: sorted(neigh),
    }));
  }
}

function isOne(a: FdbArgs, b: FdbArgs): boolean {
  return a.mac === b.mac && destination(a) === destination(b);
}

function place(link: LinkState, entry: FdbArgs, verb: string): void {
  const same = link.fdb.filter(({ mac }) => mac === entry.mac);
  if (verb === 'fdb append' && !isList(entry.mac) && same.some((each) => !isOne(each, entry))) {
    throw new Error(`EOPNOTSUPP ${entry.mac}`);
  }
  const others = link.fdb.filter((each) =>
    isList(entry.mac) ? !isOne(each, entry) : each.mac !== entry.mac,
  );
  const { state, flags } = entry;
  const told = others.map(({ state: _, flags: __, ...each }) =>
    each.mac === entry.mac
      ? { ...each, ...(state && { state }), ...(flags && { flags }) }
      : { ...each, ...(_ && { state: _ }), ...(__ && { flags: __ }) },
  );
  link.fdb = [...told, entry];
}

const NAMES = ['vx0', 'vx1', 'vx2', 'vx3'];
const IPS = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
const MACS = ['02:00:00:00:00:01', '02:00:00:00:00:02', '01:00:5e:00:00:01'];

const link = fc.record({
  remotes: fc.subarray(IPS),
  ttl: fc.option(fc.constantFrom(1, 7), { nil: undefined }),
  proxy: fc.constantFrom(true, undefined),
  states: fc.array(fc.constantFrom('static', 'dynamic', undefined), { minLength: 3, maxLength: 3 }),
  destinations: fc.array(fc.subarray(IPS, { minLength: 0 }), { minLength: 3, maxLength: 3 }),
  neighbors: fc.subarray(['10.0.0.1', '10.0.0.2', 'fd00::1']),
  mac: fc.constantFrom(...MACS.slice(0, 2)),
});

function stateOf(name: string, id: number, made: Generated): LinkState {
  const { remotes, ttl, proxy, states, destinations, neighbors, mac } = made;
  const args = { name, id, remotes, up: true, ...(ttl && { ttl }), ...(proxy !== undefined && { proxy }) };
  const fdb = MACS.flatMap((address, at) =>
    destinations[at].slice(0, isList(address) ? 3 : 1).map((dst) => {
      const entry = { dev: name, mac: address, dst, state: states[at] as FdbArgs['state'] };
      return fdbState(entry, args);
    }),
  );
  return { args, fdb, neigh: neighbors.map((ip) => ({ dev: name, ip, mac })), vnis: [] };
}

type Generated = typeof link extends fc.Arbitrary<infer T> ? T : never;

/** Any of the names, each with another VNI: rings and renamings are among them. */
const configs = fc
  .tuple(
    fc.shuffledSubarray(NAMES),
    fc.shuffledSubarray([1, 2, 3, 4, 5], { minLength: 4 }),
    fc.array(link, { minLength: 4, maxLength: 4 }),
  )
  .map(([names, ids, links]) => new Map(names.map((name, at) => [name, stateOf(name, ids[at], links[at])])));

function carryOut(on: Model, steps: readonly Step[]): void {
  for (const { order } of steps) on.carry(order);
}

const NOTHING: States = new Map();

describe('the steps from one configuration to another', () => {
  it('lead there', () => {
    fc.assert(
      fc.property(configs, configs, (a, b) => {
        const model = new Model(a);
        carryOut(model, diff(new Model(a).links, b, a));
        expect(model.content).toEqual(new Model(b).content);
      }),
      { numRuns: 300 },
    );
  });

  it('are none where all is so already, whoever made it', () => {
    fc.assert(
      fc.property(configs, fc.boolean(), (a, isOwned) => {
        expect(diff(new Model(a).links, a, isOwned ? a : NOTHING)).toEqual([]);
      }),
    );
  });

  it('are undone from any of them back, so that all is as it was', () => {
    fc.assert(
      fc.property(configs, configs, fc.nat(), (a, b, cut) => {
        const model = new Model(a);
        const steps = diff(new Model(a).links, b, a);
        const done = steps.slice(0, cut % (steps.length + 1));
        carryOut(model, done);
        for (const { undo } of done.reverse()) for (const each of undo) model.carry(each);
        expect(model.content).toEqual(new Model(a).content);
      }),
      { numRuns: 300 },
    );
  });

  it('leave alone what verbs made: links, and what was added to those of the file', () => {
    fc.assert(
      fc.property(configs, configs, (mine, b) => {
        const states = [...mine.values()].filter(({ args }) => !b.has(args.name));
        const others = states.map(
          (state, at) => [state.args.name, { ...state, args: { ...state.args, id: 100 + at } }] as const,
        );
        const model = new Model(new Map([...b, ...others]));
        for (const name of b.keys()) {
          model.carry({ verb: 'neigh replace', args: { dev: name, ip: '10.9.9.9', mac: MACS[0] } });
          model.carry({ verb: 'fdb append', args: { dev: name, mac: '02:99:00:00:00:01', dst: IPS[0] } });
        }
        const before = model.content;
        carryOut(model, diff(new Model(model.links).links, b, b));
        expect(model.content).toEqual(before);
      }),
    );
  });

  const one = (args: Partial<LinkArgs>): States =>
    new Map([['vx0', { args: { name: 'vx0', id: 1, ...args }, fdb: [], neigh: [], vnis: [] }]]);
  const verbs = (running: States, wanted: States) =>
    diff(new Model(running).links, wanted, running).map(({ order }) => order.verb);

  it.each([
    ['another TTL', { ttl: 5 }, {}, ['link put']],
    ['a default that is said', { dstport: 4789, learning: true }, {}, []],
    ['one who is silent about the TAP leaves it as it is', { up: true, mtu: 1400 }, {}, []],
    ['up', {}, { up: true }, ['link put']],
    ['another family', { remotes: ['192.0.2.1'] }, { remotes: ['fd00::1'] }, ['link del', 'link add']],
    ['the same address, written otherwise', { remotes: ['fd00::1'] }, { remotes: ['fd00:0::1'] }, []],
  ])('%s', (_, from, to, expected) => {
    expect(verbs(one(from), one(to))).toEqual(expected);
  });

  it('make a default destination again that a verb took away', () => {
    const wanted = one({ remotes: ['192.0.2.1', '192.0.2.2'] });
    const model = new Model(wanted);
    model.carry({ verb: 'fdb del', args: { dev: 'vx0', mac: '00:00:00:00:00:00', dst: '192.0.2.2' } });
    carryOut(model, diff(new Model(wanted).links.size ? model.links : NOTHING, wanted, wanted));
    expect(model.content).toEqual(new Model(wanted).content);
  });
});
