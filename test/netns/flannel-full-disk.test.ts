/**
 * The state folder and subnet.env on a disk that is full.
 *
 *   node ─▶ tmpfs of 64 KB, in a mount namespace of its own, with nothing free
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const FLANNEL = join(import.meta.dirname, '..', '..', 'dist', 'flannel');

/** In the folder DISK: writes two files, fills the disk, writes again; prints what became of them. */
const SCRIPT = `
  import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
  const { State } = await import('${FLANNEL}/state.js');
  const { writeAtomically } = await import('${FLANNEL}/atomic-file.js');
  const said = [];
  const state = () => new State(DISK, (level, sentence) => said.push(level + ': ' + sentence));
  const before = state().macOf('flannel.1');
  writeAtomically(DISK + '/subnet.env', 'old');
  let full = '';
  try {
    for (let file = 0; ; file++) writeFileSync(DISK + '/full' + file, 'x'.repeat(4096));
  } catch (error) {
    full = error.code;
  }
  let refused = '';
  try {
    writeAtomically(DISK + '/subnet.env', 'new'.repeat(2000));
  } catch (error) {
    refused = error.code;
  }
  const late = state();
  const result = {
    full, refused, said, before,
    after: state().macOf('flannel.1'),
    fresh: [late.macOf('flannel-v6.1'), late.macOf('flannel-v6.1')],
    env: readFileSync(DISK + '/subnet.env', 'utf8'),
    files: readdirSync(DISK).filter((name) => !name.startsWith('full')).sort(),
  };
  console.log(JSON.stringify(result));
`;

describe('on a full disk', () => {
  it('what was written stays, what cannot be written is said, and life goes on', () => {
    const mount = 'mount -t tmpfs -o size=64k tmpfs /mnt && exec "$0" --input-type=module -e "$1"';
    const words = ['--mount', 'sh', '-c', mount, process.execPath, SCRIPT.replaceAll('DISK', "'/mnt'")];
    const result = JSON.parse(execFileSync('unshare', words, { encoding: 'utf8' }));
    expect(result).toMatchObject({ full: 'ENOSPC', refused: 'ENOSPC', env: 'old', after: result.before });
    expect(result.files).toEqual(['flannel.1.mac', 'subnet.env']);
    expect(result.fresh[0]).toBe(result.fresh[1]);
    expect(result.said).toEqual([
      expect.stringMatching(
        /^warn: cannot write \/mnt\/flannel-v6\.1\.mac: flannel-v6\.1 has the MAC \S+ only until the next start \(ENOSPC\)$/,
      ),
    ]);
  });
});
