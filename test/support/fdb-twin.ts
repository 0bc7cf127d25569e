/**
 * The kernel's forwarding table as the judge of ours: the same verb to both, then both tables and both answers.
 *
 *   kernel [ vx0 ]  by `bridge fdb`          ours: LinkFdb, in this process, over tables in memory
 */
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { ALL_ZERO } from '../../src/control/fdb.ts';
import type { FdbChange } from '../../src/control/fdb-entry.ts';
import type { FdbItem } from '../../src/control/protocol.ts';
import { Refusal } from '../../src/control/refusal.ts';
import type { FDB_DIFFERENCES } from './differences.ts';
import type { Host } from './netns.ts';
import { type World, world } from './world.ts';

export const ADDRESSES_MOST = 5;
const GROUP = '01:00:5e:00:00:01';
const MACS = [ALL_ZERO, GROUP, 'ff:ff:ff:ff:ff:ff', ...[1, 2, 3, 4].map((last) => `02:00:00:00:00:0${last}`)];
const DESTINATIONS = ['192.0.2.1', '192.0.2.2', '239.1.1.1'];
const OF_ANOTHER_FAMILY = '::1';

export type Step =
  | { verb: 'add' | 'append' | 'replace' | 'del'; change: FdbChange }
  | { verb: 'flush'; words: string[] };

const seldom = <T>(often: T, ...others: T[]) =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constant(often) },
    { weight: 2, arbitrary: fc.constantFrom(...others) },
  );
const change = fc.record({
  mac: fc.constantFrom(...MACS),
  dst: fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom(...DESTINATIONS) },
    { weight: 1, arbitrary: fc.constantFrom(undefined, OF_ANOTHER_FAMILY) },
  ),
  port: seldom(undefined, 4789, 8472),
  vni: seldom(undefined, 42, 77),
  via: seldom(undefined, 'lo'),
  state: fc.constantFrom(undefined, 'permanent', 'static', 'dynamic'),
  flags: fc.subarray(['router', 'use', 'extern_learn', 'sticky']),
}) as fc.Arbitrary<FdbChange>;
const FLUSH_WORDS = ['permanent', 'static', 'dynamic', 'extern_learn', 'sticky'].flatMap((word) => [
  word,
  `no${word}`,
]);

/** `del` names no state, and mostly the destination of an entry only. */
const deletion = fc.tuple(change, fc.boolean()).map(
  ([{ mac, dst, port, vni, via }, isWhole]): Step => ({
    verb: 'del',
    change: isWhole ? { mac } : { mac, dst, port, vni, via },
  }),
);
export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({ verb: fc.constantFrom('add', 'append', 'replace'), change }) as fc.Arbitrary<Step>,
  },
  { weight: 4, arbitrary: deletion },
  {
    weight: 1,
    arbitrary: fc.record({
      verb: fc.constant('flush' as const),
      words: fc.subarray(FLUSH_WORDS, { maxLength: 2 }),
    }),
  },
);

export type Row = Pick<FdbItem, 'mac' | 'dst' | 'port' | 'vni' | 'via'> & { state: string; flags: string[] };

export const SENTENCES: Record<string, string> = {
  'File exists': 'EEXIST',
  'No such file or directory': 'ENOENT',
  'No space left on device': 'ENOSPC',
  'Invalid argument': 'EINVAL',
  'Unsupported fdb flush ndm flag bits': 'EINVAL',
  'Operation not supported': 'EOPNOTSUPP',
  'Cannot replace non-unicast fdb entries': 'EOPNOTSUPP',
  'Address family not supported by protocol': 'EAFNOSUPPORT',
};

/** The words of `bridge fdb` for a step. */
export function wordsOf(step: Step): string[] {
  if (step.verb === 'flush') return ['flush', 'dev', 'vx0', ...step.words];
  const { mac, state, flags = [], ...places } = step.change;
  const named = Object.entries(places).flatMap(([word, value]) =>
    value === undefined ? [] : [word, `${value}`],
  );
  return [step.verb, mac, 'dev', 'vx0', ...named, ...(state ? [state] : []), ...flags];
}

interface Outcome {
  code: string;
  table: Row[];
}

export class FdbTwin {
  readonly met = new Set<keyof typeof FDB_DIFFERENCES>();
  private readonly host: Host;
  private ours: World;

  constructor(host: Host) {
    this.host = host;
    this.ours = this.empty();
  }

  /** Does it to both, from empty tables on; throws what differs, unless that is meant: then ours becomes as the kernel's. */
  compare(steps: readonly Step[]): void {
    const theirs = this.doTheirs(steps);
    this.ours = this.empty();
    let before: readonly Row[] = [];
    for (const [i, step] of steps.entries()) {
      const ours = this.doOurs(step);
      if (JSON.stringify(ours) !== JSON.stringify(theirs[i])) {
        const meant = differenceOf(step, before);
        if (!meant) throw new Error(JSON.stringify({ step, before, theirs: theirs[i], ours }, null, 1));
        this.met.add(meant);
        this.adopt(theirs[i].table);
      }
      before = theirs[i].table;
    }
  }

  private empty(): World {
    const made = world({ name: 'vx0', maxAddresses: ADDRESSES_MOST });
    made.vtep.interfaces = { index: (name) => (name === 'lo' ? 1 : undefined), name: () => 'lo' };
    return made;
  }

  /** One process for all of them; the table is shown after each. */
  private doTheirs(steps: readonly Step[]): Outcome[] {
    const verbs = [['flush', 'dev', 'vx0'], ...steps.map(wordsOf)];
    const input = verbs.map((words) => `fdb ${words.join(' ')}\nfdb show dev vx0\n`).join('');
    const words = ['-n', this.host.netns, '-force', '-j', '-batch', '-'];
    const { stdout, stderr } = spawnSync('bridge', words, { encoding: 'utf8', input, timeout: 20_000 });
    const tables = stdout.trim().split('\n').slice(1);
    const codes = new Map<number, string>();
    for (const [, sentence, line] of stderr.matchAll(
      /(?:RTNETLINK answers|Error): ([^\n]*)\nCommand failed -:(\d+)/g,
    )) {
      const code = Object.entries(SENTENCES).find(([known]) => sentence.startsWith(known))?.[1];
      codes.set((Number(line) - 3) / 2, code ?? sentence);
    }
    if (tables.length !== steps.length) throw new Error(`bridge showed ${tables.length} tables: ${stderr}`);
    return tables.map((table, i) => ({ code: codes.get(i) ?? '', table: rowsOf(JSON.parse(table)) }));
  }

  private doOurs(step: Step): Outcome {
    const { fdb } = this.ours.vtep;
    let code = '';
    try {
      if (step.verb === 'flush') fdb.flush({ words: step.words });
      else fdb[step.verb](step.change);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      code = error.code;
    }
    const table = Array.from(fdb.list(), ({ mac, dst, port, vni, via, state, flags = [] }) => {
      return { mac, dst, port, vni, via, state: state === 'dynamic' ? '' : state, flags };
    });
    return { code, table: inOrder(table) };
  }

  private adopt(table: readonly Row[]): void {
    this.ours = this.empty();
    for (const row of table) {
      if (row.dst === '0.0.0.0') continue;
      this.ours.vtep.fdb.append({ ...row, state: row.state === '' ? 'dynamic' : row.state } as FdbChange);
    }
  }
}

export type Shown = Row & { viaIf?: string };

export function rowsOf(shown: readonly Shown[]): Row[] {
  const rows = shown.map(({ mac, dst, port, vni, viaIf, state, flags }) => {
    return { mac, dst, port, vni, via: viaIf, state, flags: flags.filter((flag) => flag !== 'self') };
  });
  return inOrder(rows);
}

export function inOrder(rows: Row[]): Row[] {
  const key = ({ mac, dst, port = 0, vni = 0, via = '' }: Row) => [mac, dst, port, vni, via].join();
  return rows.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** Which of the intended differences a step may show, by what was there before. */
function differenceOf(step: Step, before: readonly Row[]): keyof typeof FDB_DIFFERENCES | undefined {
  if (step.verb === 'flush')
    return step.words.some((word) => word.endsWith('sticky')) ? 'flushSticky' : undefined;
  const { mac, dst, port, vni, via, src_vni } = step.change;
  const known = before.filter((row) => row.mac === mac);
  if (src_vni !== undefined) return 'sourceVni';
  if (step.verb === 'del') {
    if (known.length === 0) return undefined;
    const isNamed = [port, vni, via].some((word) => word !== undefined);
    if (dst === undefined || dst === '0.0.0.0') return isNamed || dst ? 'delWithoutDst' : undefined;
    return 'delElsewhere';
  }
  if (dst === '0.0.0.0') return 'anyDestination';
  const isGroup = mac === ALL_ZERO || Number.parseInt(mac.slice(0, 2), 16) % 2 === 1;
  if (known.length === 0) return undefined;
  if (step.verb === 'append' && !isGroup) return 'appendUnicast';
  if (step.verb === 'replace' && isGroup) return 'replaceGroup';
  return undefined;
}
