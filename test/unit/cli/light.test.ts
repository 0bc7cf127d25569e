/** A verb is a short process: what it loads knows neither the engine nor the addon. */
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const SRC = join(import.meta.dirname, '..', '..', '..', 'src');

/** All that is loaded with a file: what it imports, and what those import, but for types and what waits to be asked. */
function loadedWith(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  const text = readFileSync(join(SRC, file), 'utf8');
  for (const [, type, specifier] of text.matchAll(/^(?:import|export)\s+(type\s)?[^;'"]*?from '([^']+)'/gm)) {
    if (!type && specifier.startsWith('.'))
      loadedWith(relative(SRC, join(SRC, dirname(file), specifier)), found);
  }
  return found;
}

const LIGHT = [
  'main',
  'verb',
  'link',
  'fdb',
  'neigh',
  'vni',
  'monitor',
  'help',
  'completion',
  'start-daemon',
  'stop',
  'config',
  'drop-in/main',
];

describe('what a verb loads', () => {
  it.each(LIGHT.map((name) => `cli/${name}.ts`))('with %s is light', (file) => {
    const loaded = [...loadedWith(file)];
    expect(loaded.filter((each) => /^(engine|datapath|daemon)\/|^io\/(?!source-ports)/.test(each))).toEqual(
      [],
    );
    expect(loaded.length).toBeLessThan(30);
  });

  it('is found where there is something: `run` is heavy', () => {
    expect([...loadedWith('cli/run.ts')]).toContain('io/native.ts');
  });
});
