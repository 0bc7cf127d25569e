/**
 * What the kernel's own tests of vxlan look at, as scripts of `ip` and `bridge` that check themselves: each holds on the
 * kernel, and by `vtep exec` on vtep, as much of it. Each draws the hosts that it makes.
 *
 *   machine [ bash scenario.sh ]              [ vtep exec -- bash scenario.sh ]
 */
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Machine } from '../support/machine.ts';
import { Lab } from '../support/netns.ts';
import { MAIN } from '../support/vtep-process.ts';

interface Scenario {
  /** The script, and its words. */
  script: string;
  /** Hosts that keep the real tools, where vtep is to meet the kernel. */
  kernels?: string;
}

const SCENARIOS: Scenario[] = [
  { script: 'link-changes' },
  { script: 'default-destinations' },
  { script: 'flush' },
  { script: 'vnis' },
  { script: 'inherit' },
  { script: 'reserved' },
  { script: 'neighbours' },
  { script: 'path-mtu 4' },
  { script: 'path-mtu 6' },
  { script: 'routed', kernels: 'b' },
  { script: 'bridge 4 4789', kernels: 'b' },
  { script: 'bridge 6 8472', kernels: 'a' },
];

describe.each(SCENARIOS)('$script', ({ script, kernels }) => {
  const lab = new Lab();
  afterAll(() => lab.close());

  /** How much held; it throws at the first that does not. */
  async function run(by: readonly string[], env: Record<string, string>): Promise<number> {
    const machine = await Machine.open(lab.host('machine'), lab.folder());
    const [name, ...words] = script.split(' ');
    const path = join(import.meta.dirname, 'kernel-scenarios', `${name}.sh`);
    const settings = Object.entries(env).map(([key, value]) => `${key}=${value}`);
    const said = await machine.run('env', ...settings, ...by, 'bash', path, ...words);
    return Number(/(\d+) held/.exec(said)?.[1]);
  }

  const EXEC = [process.execPath, MAIN, 'exec', '--'];
  const REAL_PATH = process.env.PATH ?? '';
  const VTEP = `${process.execPath} ${MAIN}`;

  it('holds on the kernel', async () => {
    expect(await run([], {})).toBeGreaterThan(0);
  });

  it('holds on vtep', async () => {
    expect(await run(EXEC, { REAL_PATH, VTEP })).toBeGreaterThan(0);
  });

  it.runIf(kernels)('holds on both', async () => {
    expect(await run(EXEC, { REAL_PATH, VTEP, KERNELS: kernels ?? '' })).toBeGreaterThan(0);
  });
});
