/** `vtep stop`: the daemon ends, and its links with it. */

import { FormError } from './grammar.ts';
import type { CliOptions } from './options.ts';
import { ask } from './plan.ts';
import { carryOutVerb } from './verb.ts';

export async function stop([word]: readonly string[], options: CliOptions): Promise<number> {
  if (word !== undefined) throw new FormError(`the word "${word}" is not known`, 'vtep stop');
  return carryOutVerb({ requests: [ask('stop', undefined)] }, { ...options, start: false });
}
