/** `bridge vni` of a trunk of ours: said as our own verb, which has the same words. */

import { findVerb, planOf } from '../objects.ts';
import { parseOptions } from '../options.ts';
import { carryOutVerb } from '../verb.ts';
import { VNI } from '../vni.ts';
import type { CommandLine } from './command-line.ts';
import { withOurs } from './links.ts';
import type { Meant } from './meant.ts';
import { HAND_OVER } from './shim.ts';

export async function act(line: CommandLine, { verb, dev, words }: Meant & { kind: 'vni' }): Promise<number> {
  if (dev === undefined) return HAND_OVER;
  return withOurs(line, dev, async (daemon) => {
    const { options } = parseOptions([]);
    const { json, details, netns } = line;
    const plan = planOf(findVerb('vni', VNI, [verb, ...words]), options);
    if (plan.kind) return carryOutVerb(plan, { ...options, json, details, namespace: netns });
    for (const { verb, args } of plan.requests) await daemon.ask(verb, args as never);
    return 0;
  });
}
