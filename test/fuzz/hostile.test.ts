/** The same properties as in the unit suite, for a long time: `npm run fuzz`. */
import fc from 'fast-check';
import { it } from 'vitest';
import { fromTheTap, fromTheUnderlay } from '../support/hostile.ts';

const RUNS = 100_000;

it('any datagrams from the underlay', () => fc.assert(fromTheUnderlay, { numRuns: RUNS }));
it('any frames from the TAP', () => fc.assert(fromTheTap, { numRuns: RUNS }));
