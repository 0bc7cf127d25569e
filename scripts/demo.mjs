// `npm run demo`: a VXLAN seen working in a minute. As root three hosts in network namespaces, two on vtep and one on
// the kernel's vxlan; without root the same story on the in-memory LAN. Whatever it makes is gone when it ends.
import { MemoryStage } from './demo/memory-stage.mjs';
import { NamespaceStage } from './demo/namespace-stage.mjs';
import { tell } from './demo/story.mjs';

const DEADLINE_MS = 50_000;

let stage = new NamespaceStage();
let ended = '';

/** Stops the story where it is; what was made is taken away at the end of the file. */
function end(why) {
  if (ended) return;
  ended = why;
  console.error(`\n${why}: taking everything away again.`);
  stage.abort();
}

// Every time, not once: an impatient second Ctrl-C must not end us in the middle of tidying up.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']) process.on(signal, () => end(signal));
// A reader of stdout that has left (`npm run demo | head`) comes here too.
process.on('uncaughtException', (error) => end(error.message));
const deadline = setTimeout(() => end(`It took longer than ${DEADLINE_MS / 1000} s`), DEADLINE_MS);

try {
  const obstacle = await stage.lay();
  if (obstacle && !ended) {
    console.log(`No hosts in network namespaces here (${obstacle}): the same story on a LAN in memory.`);
    await stage.close();
    stage = new MemoryStage();
  }
  const failures = await tell(stage);
  process.exitCode = failures === 0 && !ended ? 0 : 1;
} catch (error) {
  if (!ended) console.error(`\nThe demo failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  clearTimeout(deadline);
  await stage.close();
}
