/** `vtep flannel`: a node of a flannel network; `init`, `status` and `leave` beside it. */

import { flannelForm } from './flannel-words.ts';
import { FormError } from './grammar.ts';
import type { CliOptions } from './options.ts';

export async function flannel(words: readonly string[], options: CliOptions): Promise<number> {
  const [verb = '', ...rest] = words;
  if (verb === '' || verb.startsWith('-')) return (await import('./flannel-node.ts')).node(words, options);
  if (verb === 'init') return (await import('./flannel-init.ts')).init(rest);
  if (verb === 'status') return (await import('./flannel-status.ts')).status(rest, options);
  if (verb === 'leave') return (await import('./flannel-leave.ts')).leave(rest, options);
  throw new FormError(`the word "${verb}" is not known; there is init, status, leave`, flannelForm(''));
}
