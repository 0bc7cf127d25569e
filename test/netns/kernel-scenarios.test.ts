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
  /** A host that keeps the real tools, so that vtep meets the kernel. */
  kernel?: string;
}

const SCENARIOS: Scenario[] = [
  { script: 'link-changes' },
  { script: 'default-destinations' },
  { script: 'flush' },
  { script: 'refused' },
  { script: 'vnis' },
  { script: 'inherit' },
  { script: 'reserved' },
  { script: 'neighbours' },
  { script: 'path-mtu 4' },
  { script: 'path-mtu 6' },
  { script: 'routed', kernel: 'b' },
  { script: 'bridge 4 4789' },
  { script: 'bridge 6 8472', kernel: 'a' },
];

const EXEC = [process.execPath, MAIN, 'exec', '--'];
const ENV = [`REAL_PATH=${process.env.PATH}`, `VTEP=${process.execPath} ${MAIN}`];
const CASES = SCENARIOS.flatMap(({ script, kernel }) => [
  { script, on: 'the kernel', by: [] },
  kernel
    ? { script, on: `vtep, and the kernel at ${kernel}`, by: [`KERNELS=${kernel}`, ...ENV, ...EXEC] }
    : { script, on: 'vtep', by: [...ENV, ...EXEC] },
]);

describe('a scenario', () => {
  const lab = new Lab();
  afterAll(() => lab.close());

  it.each(CASES)('$script holds on $on', async ({ script, by }) => {
    const machine = await Machine.open(lab.host('machine'), lab.folder());
    const [name, ...words] = script.split(' ');
    const path = join(import.meta.dirname, 'kernel-scenarios', `${name}.sh`);
    // it ends with 1, and says why, at the first thing that does not
    const said = await machine.run('env', ...by, 'bash', path, ...words);
    expect(Number(/(\d+) held/.exec(said)?.[1])).toBeGreaterThan(0);
  });
});
