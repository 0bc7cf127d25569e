/** `bridge vni`: said of a trunk of ours as our own verb, which has the same words; shown among those of the kernel. */

import type { VniArgs } from '../../control/protocol.ts';
import { UsageError } from '../grammar.ts';
import { json } from '../json.ts';
import { VNIS } from '../print-vni.ts';
import { parseVniAdd, parseVniDel } from '../vni-words.ts';
import { type CommandLine, showOf } from './command-line.ts';
import { Here } from './here.ts';
import { withOurs } from './links.ts';
import type { Meant } from './meant.ts';
import * as real from './real.ts';
import { HAND_OVER } from './shim.ts';

type Vni = Meant & { kind: 'vni' };

export async function act(line: CommandLine, { verb, dev, words }: Vni): Promise<number> {
  if (dev === undefined) return HAND_OVER;
  return withOurs(line, dev, async (daemon) => {
    if (verb === 'add') for (const args of parseVniAdd(words)) await daemon.ask('vni add', args);
    else if (verb === 'delete') for (const args of parseVniDel(words)) await daemon.ask('vni del', args);
    else throw new UsageError(`the verb "${verb}" of vni is not known`);
    return 0;
  });
}

export async function show(
  bridge: string,
  line: CommandLine,
  all: readonly string[],
  what: Vni,
): Promise<number> {
  const daemon = await Here.find(line.netns);
  if (!daemon) return HAND_OVER;
  try {
    const trunks = (await daemon.links(what.dev)).filter(({ vnifilter }) => vnifilter || what.dev);
    if (trunks.length === 0) return HAND_OVER;
    if (!trunks[0].vnifilter) {
      process.stderr.write(
        `RTNETLINK answers: Invalid argument\nvtep: ${what.dev} has one VNI, and is no trunk\n`,
      );
      return 1;
    }
    const theirs = what.dev === undefined ? real.capture(bridge, all) : undefined;
    process.stderr.write(theirs?.error ?? '');
    process.stdout.write(await together(daemon, line, what, theirs?.out));
    return theirs?.status ?? 0;
  } finally {
    daemon.close();
  }
}

/** Behind those of the kernel; iproute2 has an empty line behind each device. */
async function together(daemon: Here, line: CommandLine, { dev }: Vni, theirs?: string): Promise<string> {
  const show = showOf(line);
  const items = await daemon.ask('vni show', { dev, stats: show.stats || undefined });
  const ours = VNIS.gather?.(items.map(withoutVlan) as never[], show) ?? [];
  if (!show.json) {
    const texts = ours.map((each) => `${VNIS.text(each as never, show, false)}\n\n`);
    return [theirs ?? VNIS.head, ...texts].join('');
  }
  const before = theirs?.trim() ? (JSON.parse(theirs) as object[]) : [];
  return `${json([...before, ...ours.map((each) => VNIS.json(each as never, show, false))], show.pretty)}\n`;
}

function withoutVlan({ vlan: _, ...item }: VniArgs): VniArgs {
  return item;
}
