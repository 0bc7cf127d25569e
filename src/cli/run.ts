/** `vtep run`: one link in the foreground. */

import type { Link } from '../control/link.ts';
import { type Log, logTo } from '../control/log.ts';
import { type OpenLink, openLink } from '../control/open-link.ts';
import { FormError, RefusedWord, UsageError } from './grammar.ts';
import { parseRun, RUN_FORM, type RunOptions } from './run-words.ts';
import { describe } from './show.ts';
import { signalled } from './signalled.ts';
import { version } from './version.ts';
import { carryOnUnheard } from './written.ts';

export async function run(words: string[]): Promise<number> {
  try {
    return await carry(words);
  } catch (error) {
    if (!(error instanceof UsageError) || error instanceof RefusedWord) throw error;
    throw new FormError(error.message, RUN_FORM);
  }
}

async function carry(words: string[]): Promise<number> {
  const options = parseRun(words);
  const log = logTo(process.stderr, { level: options.logLevel });
  const asked = signalled().then(() => undefined);
  let show = () => {};
  process.on('SIGUSR2', () => show());
  carryOnUnheard();
  const opened = await openLink(options, log);
  const { name, mtu, workers, link, carried, ended } = opened;
  show = () => void process.stderr.write(describe(link, carried?.offloads ?? []));
  tellEvents(name, link, log);
  const verbs = await listen(options, opened);
  const destinations = `${options.remotes.length} default destination${options.remotes.length === 1 ? '' : 's'}`;
  process.stdout.write(
    `vtep: ${name} ready: vni ${options.vni}, port ${options.port}, mtu ${mtu}, ${destinations}${workers > 1 ? `, ${workers} workers` : ''}\n`,
  );
  const failure = await Promise.race([asked, ended, ...(verbs ? [verbs.stopped] : [])]);
  show();
  show = () => {};
  await opened.close();
  await verbs?.close();
  if (failure) log('error', failure);
  return failure ? 1 : 0;
}

/** In the form of `bridge monitor fdb`. */
function tellEvents(name: string, link: Link, log: Log): void {
  link.on('learn', ({ mac, dst }) => log('debug', `${mac} dev ${name} dst ${dst} self`));
  link.on('move', ({ mac, dst }) => log('debug', `${mac} dev ${name} dst ${dst} self`));
  link.on('expire', ({ mac, dst }) => log('debug', `Deleted ${mac} dev ${name} dst ${dst} self`));
  link.on('miss', (what) => log('debug', `miss ${'mac' in what ? what.mac : what.ip} dev ${name}`));
}

/** Verbs about the one link, where a socket was asked for. */
async function listen(
  { socket, args }: RunOptions,
  { plane, carried, close }: OpenLink,
): Promise<{ stopped: Promise<undefined>; close(): Promise<void> } | undefined> {
  if (socket === undefined || !plane || !carried) return undefined;
  try {
    const [{ Daemon }, { serve }] = await Promise.all([
      import('../daemon/daemon.ts'),
      import('../daemon/server.ts'),
    ]);
    const daemon = new Daemon(plane, false);
    daemon.links.adopt(args, carried);
    const server = await serve(socket, version(), (verb, words, gone) => daemon.dispatch(verb, words, gone));
    const end = async () => {
      daemon.end();
      await server.close();
    };
    return { stopped: daemon.stopped, close: end };
  } catch (error) {
    await close();
    throw error;
  }
}
