/** `vtep run --help`. */

import { OFFLOAD_MEANINGS } from '../control/offloads.ts';
import { wrapped } from './grammar.ts';
import { RUN_FORM } from './run-words.ts';

export const RUN_HELP = `${wrapped(RUN_FORM)}

Carries the frames of the TAP NAME in VXLAN until SIGINT, SIGTERM or SIGHUP; SIGUSR2 prints the tables and counters.

--offload takes auto, off, some of these words with commas between, or some not to use (nogso,nolro):
${Object.entries(OFFLOAD_MEANINGS)
  .map(([word, meaning]) => `  ${word}  ${meaning}`)
  .join('\n')}
`;
