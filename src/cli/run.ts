/** `vtep run`: one link in the foreground. */

import { type OpenLink, openLink } from '../control/link.ts';
import { describe } from '../observe/show.ts';
import { parseRun } from './words.ts';

export async function run(words: string[]): Promise<number> {
  const options = parseRun(words);
  const link: OpenLink = openLink(options);
  const show = () => process.stderr.write(describe(link));
  const signalled = new Promise<undefined>((resolve) => {
    process.once('SIGINT', () => resolve(undefined));
    process.once('SIGTERM', () => resolve(undefined));
  });
  process.on('SIGUSR2', show);
  process.stdout.write(
    `vtep: ${options.name} ready: vni ${options.vni}, port ${options.port}, mtu ${link.mtu}, ` +
      `${options.remotes.length} default destination${options.remotes.length === 1 ? '' : 's'}\n`,
  );
  const failure = await Promise.race([signalled, link.engine.ended]);
  await link.engine.stop();
  show();
  link.close();
  process.removeListener('SIGUSR2', show);
  if (failure) process.stderr.write(`vtep: ${failure}\n`);
  return failure ? 1 : 0;
}
