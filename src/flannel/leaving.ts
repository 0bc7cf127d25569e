/** How a node leaves: its lease is given back, what it made is taken down. What cannot be done is told, and the rest is done. */

import { rmSync } from 'node:fs';
import type { Client } from '../control/client.ts';
import type { Clock } from './clock.ts';
import { takeDown } from './host/host.ts';

export interface Leaving {
  /** False: there was no lease of ours any more. */
  readonly giveBack: () => Promise<boolean>;
  /** To the daemon, if one runs. */
  readonly connect: () => Promise<Client>;
  readonly clock: Clock;
  /** Undefined: nobody knows. */
  readonly subnetFile: string | undefined;
}

export interface Left {
  /** What was done, and what could not be: sentences. */
  readonly done: readonly string[];
  readonly failed: readonly string[];
}

/** First nobody sends to us any more, as far as that can be said; then nothing is sent from here. */
export async function leave({ giveBack, connect, clock, subnetFile }: Leaving): Promise<Left> {
  const done: string[] = [];
  const failed: string[] = [];
  const attempt = async (work: () => Promise<string>, otherwise: string) => {
    try {
      done.push(await work());
    } catch (error) {
      failed.push(`${otherwise}: ${(error as Error).message}`);
    }
  };
  await attempt(
    async () => ((await giveBack()) ? 'the lease was given back' : 'there was no lease to give back'),
    'the lease was not given back and ends by itself',
  );
  await attempt(async () => {
    await takeDown(connect, clock);
    return 'what the node made here was taken down';
  }, 'not all of what the node made here was taken down');
  if (subnetFile === undefined) return { done, failed };
  await attempt(async () => {
    rmSync(subnetFile, { force: true });
    return `${subnetFile} is gone`;
  }, 'the subnet file stays');
  return { done, failed };
}
