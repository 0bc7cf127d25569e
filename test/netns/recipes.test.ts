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
import { RECIPES, type Recipe, read, type Section } from './recipes/recipes.ts';

const CASES = RECIPES.map((recipe) => ({ recipe, name: recipe.name }));

async function machines(lab: Lab, recipe: Recipe): Promise<Map<string, Machine>> {
  const folder = mkdtempSync(join(tmpdir(), 'vtep-recipe-'));
  lab.folders.push(folder);
  const made = Object.entries(recipe.hosts).map(([name, address]) => ({
    name,
    address,
    host: lab.host(name),
  }));
  lab.switch(made.map(({ host, address }) => [host, address] as const));
  const all = new Map<string, Machine>();
  for (const { name, host } of made) {
    if (recipe.card !== 'eth0')
      host.ip('link set eth0 down', `link set eth0 name ${recipe.card}`, `link set ${recipe.card} up`);
    all.set(name, await Machine.open(host, folder));
  }
  return all;
}

describe.each(CASES)('$name, on the kernel', ({ recipe }) => {
  const lab = new Lab();
  afterAll(() => lab.close());

  it('carries what it says', async () => {
    const all = await machines(lab, recipe);
    const at = (name: string) => all.get(name) as Machine;
    const type = async (sections: Section[]) => {
      for (const { host, lines } of sections) await at(host).script(lines);
    };
    const [before, after] = read(recipe);
    await type(before);
    for (const { from, netns, to } of recipe.pings) {
      expect({ from, to, replies: await at(from).ping(to, netns) }).toEqual({ from, to, replies: 2 });
    }
    await type(after);
  });
});
