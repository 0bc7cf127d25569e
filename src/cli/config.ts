/** `vtep config schema`: what a file may say, for editors. */

import { configSchema } from '../config/shapes.ts';
import { FormError } from './grammar.ts';
import type { CliOptions } from './options.ts';

const FORM = 'vtep config { schema }';

export async function config([verb = '', ...more]: readonly string[], _: CliOptions): Promise<number> {
  if (verb !== 'schema' || more.length > 0) {
    throw new FormError(`"${[verb, ...more].join(' ')}" is not known; there is schema`, FORM);
  }
  process.stdout.write(`${JSON.stringify(configSchema(), null, 2)}\n`);
  return 0;
}
