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
import { RECIPES } from './recipes/recipes.ts';

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
    for (const [from, to] of recipe.pings) {
      const replies = await at(from.host).ping(to.address, from.netns);
      expect({ from, to, replies }).toEqual({ from, to, replies: 2 });
    }
    const kernels = await Promise.all(
      [...all.values()].map((each) => each.run('ip', 'link', 'show', 'type', 'vxlan')),
    );
    expect(kernels.some((each) => each !== '')).toBe(true);
    for (const [from, to] of recipe.tcp ?? []) {
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
    await type(after);
  });
});
