/** Any bytes from either side, for a moment; `npm run fuzz` takes its time. */
import fc from 'fast-check';
import { it } from 'vitest';
import { fromTheTap, fromTheUnderlay } from '../../support/hostile.ts';

const RUNS = 300;

it('any datagrams from the underlay', () => fc.assert(fromTheUnderlay, { numRuns: RUNS }));
it('any frames from the TAP', () => fc.assert(fromTheTap, { numRuns: RUNS }));
