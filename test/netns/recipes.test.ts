/**
 * The notes that people keep of `ip`, `bridge` and `brctl`, typed in as they stand: on hosts of their own, all on one
 * switch, each with the addresses that the notes give it.
 *
 *   host1 [ bridge, veth, namespaces, vxlan ]── card ──┐
 *   host2 [ ...                             ]── card ──┤ switch
 *   host3 [ ...                             ]── card ──┘
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Machine } from '../support/machine.ts';
import { Lab } from '../support/netns.ts';
import { type Recipe, read, type Section } from '../support/recipe.ts';
import { transfer } from '../support/transfer.ts';
import { MAIN } from '../support/vtep-process.ts';
import { RECIPES } from './recipes/recipes.ts';

/** Where vtep takes the kernel's place. */
const MIXTURES: Record<string, (ends: string[]) => string[]> = {
  'the kernel everywhere': () => [],
  'vtep everywhere': (ends) => ends,
  'vtep on one host': (ends) => ends.slice(0, 1),
};

const CASES = RECIPES.flatMap((recipe) => {
  const ends = recipe.ends ?? Object.keys(recipe.hosts);
  const mixtures = Object.entries(MIXTURES).map(([with_, pick]) => ({ with: with_, ours: pick(ends) }));
  const all = ends.length > 1 ? mixtures : mixtures.slice(0, 2); // one end is no mixture
  return all.map((mixture) => ({ ...mixture, recipe, name: recipe.name, ends }));
});

const EXEC = [process.execPath, MAIN, 'exec', '--'];

async function machines(lab: Lab, recipe: Recipe): Promise<Map<string, Machine>> {
  const folder = mkdtempSync(join(tmpdir(), 'vtep-recipe-'));
  lab.folders.push(folder);
  const made = Object.entries(recipe.hosts).map(([name, address]) => ({
    name,
    address,
    host: lab.host(name),
  }));
  lab.switch(made.map(({ host, address }) => [host, address] as const));
  // Open vSwitch drops what comes with a checksum that a veth leaves unfinished
  await lab.wire(...made.map(({ host }) => host));
  const all = new Map<string, Machine>();
  for (const { name, host } of made) {
    if (recipe.card !== 'eth0')
      host.ip('link set eth0 down', `link set eth0 name ${recipe.card}`, `link set ${recipe.card} up`);
    all.set(name, await Machine.open(host, folder));
  }
  for (const name of recipe.ovs ?? []) await all.get(name)?.startOvs();
  return all;
}

/** What the kernel merges out of its tunnel, a switch in user space cannot read. */
async function mergeNothing(machine: Machine, card: string): Promise<void> {
  const links = await machine.json<{ ifname: string }[]>('ip', '-j', 'link', 'show', 'type', 'vxlan');
  for (const name of [card, ...links.map(({ ifname }) => ifname)]) {
    await machine.run('ethtool', '-K', name, 'gro', 'off');
  }
}

describe.each(CASES)('$name, $with', ({ recipe, ours, ends }) => {
  const lab = new Lab();
  afterAll(() => lab.close());

  it('carries what it says', async () => {
    const all = await machines(lab, recipe);
    const at = (name: string) => all.get(name) as Machine;
    const type = async (sections: Section[]) => {
      for (const { host, lines } of sections) await at(host).script(lines, ours.includes(host) ? EXEC : []);
    };
    const [before, after] = read(recipe);
    await type(before);
    for (const name of recipe.ovs ?? []) if (!ours.includes(name)) await mergeNothing(at(name), recipe.card);
    for (const [from, to] of recipe.pings) {
      const replies = await at(from.host).ping(to.address, from.netns);
      expect({ from, to, replies }).toEqual({ from, to, replies: 2 });
    }
    const isOurs = ours.length === ends.length;
    for (const [from, to] of [...(recipe.tcp ?? []), ...((isOurs && recipe.tcpOfOurs) || [])]) {
      const [a, b] = [from, to].map(({ host, netns }) => at(host).inside(netns));
      const [sent, came] = await transfer({
        from: a,
        to: b,
        address: to.address,
        protocol: 'tcp',
        size: 1 << 20,
      });
      expect(came).toBe(sent);
    }
    for (const end of ends) {
      const links = await at(end).run('ip', 'link', 'show', 'type', 'vxlan');
      expect({ end, isKernels: links !== '' }).toEqual({ end, isKernels: !ours.includes(end) });
    }
    await type(after);
  });
});
