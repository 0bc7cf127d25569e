// `npm run demo`: a VXLAN seen working in a minute. As root three hosts in network namespaces, two on vtep and one on
// the kernel's vxlan; without root the same story on the in-memory LAN. Whatever it makes is gone when it ends.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { memoryStage } from './demo/memory-stage.mjs';
import { namespaceStage } from './demo/namespace-stage.mjs';
import { tell } from './demo/story.mjs';

const DEADLINE_MS = 55_000;

/** Why there can be no namespaces here, as the end of a sentence; empty when there can. */
function obstacle() {
  if (process.getuid() !== 0) return 'not root';
  if (spawnSync('ip', ['-V']).error) return 'the command `ip` is missing: install iproute2';
  if (!existsSync('/dev/net/tun')) return '/dev/net/tun is missing: `modprobe tun`';
  if (!existsSync(join(import.meta.dirname, '..', 'build', 'vtep.node')))
    return 'the native addon is missing: `npm run build`';
  const probe = `vtep-demo-probe-${process.pid}`;
  const made = spawnSync('ip', ['netns', 'add', probe], { encoding: 'utf8' });
  if (made.status !== 0) return `network namespaces cannot be made: ${made.stderr.trim()}`;
  spawnSync('ip', ['netns', 'del', probe]);
  return '';
}

const why = obstacle();
if (why) console.log(`No hosts in network namespaces (${why}): the same story on a LAN in memory.\n`);
const stage = why ? memoryStage() : namespaceStage();
let interrupted = false;
const interrupt = (signal) => {
  interrupted = true;
  console.error(`\n${signal}: taking everything away again.`);
  stage.abort();
};
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => interrupt(signal));
const deadline = setTimeout(() => interrupt('It took too long'), DEADLINE_MS);
try {
  const failures = await tell(stage);
  process.exitCode = failures === 0 && !interrupted ? 0 : 1;
} catch (error) {
  if (!interrupted) console.error(`\nThe demo failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  clearTimeout(deadline);
  await stage.close();
}
