/**
 * What people's notes say that one types, line by line as it stands, and what has to be repaired there for it to work
 * at all: each with its reason. A repair that meets nothing is a mistake, so the table cannot outlive its recipe.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Repair {
  why: string;
  /** Only there. */
  host?: string;
  /** Whole lines, or parts of lines, that are replaced by these lines. Without: they are added at the end. */
  instead?: string | RegExp;
  lines: string[];
  /** Of the sections of this host, the one that lines are added to; the first one is 0. */
  section?: number;
}

/** Who is to be reached by the others. */
export interface Seat {
  host: string;
  netns?: string;
  address: string;
}

export interface Recipe {
  name: string;
  /** The file with the lines, where it is not called as the recipe is. */
  notes?: string;
  /** Underlay addresses. */
  hosts: Record<string, string>;
  /** What the network card is called. */
  card: string;
  /** Open vSwitch runs on these. */
  ovs?: string[];
  /** Where the tunnel ends in a vxlan link; everywhere, unless given. */
  ends?: string[];
  repairs: Repair[];
  pings: [Seat, Seat][];
  /** Who sends a megabyte to whom. */
  tcp?: [Seat, Seat][];
  /** The same where it is vtep's alone to do: the kernel drops what is too long for the tunnel, and says nothing. */
  tcpOfOurs?: [Seat, Seat][];
}

export interface Section {
  host: string;
  lines: string[];
}

/** Sections before the check, and after it. */
export function read(recipe: Recipe): [Section[], Section[]] {
  const text = readFileSync(
    join(import.meta.dirname, '..', 'netns', 'recipes', `${recipe.notes ?? recipe.name}.txt`),
    'utf8',
  );
  const sections: Section[] = [];
  for (const line of text.split('\n').filter((each) => each.trim() !== '')) {
    if (line.startsWith('@')) sections.push({ host: line.slice(1), lines: [] });
    else sections[sections.length - 1].lines.push(line);
  }
  for (const repair of [PROMPTS, ...recipe.repairs]) apply(repair, sections, repair !== PROMPTS);
  const check = sections.findIndex(({ host }) => host === 'check');
  return check < 0 ? [sections, []] : [sections.slice(0, check), sections.slice(check + 1)];
}

const PROMPTS: Repair = { why: 'a prompt is no part of a line', instead: /^(\[.*?\])?# +/, lines: [''] };

function apply({ why, host, instead, lines, section = 0 }: Repair, sections: Section[], must: boolean): void {
  const concerned = sections.filter((each) => host === undefined || each.host === host);
  if (instead === undefined) return void concerned[section].lines.push(...lines);
  let met = 0;
  for (const each of concerned) {
    each.lines = each.lines.flatMap((line) => {
      const repaired = line.replace(instead, lines.join('\n'));
      if (repaired === line) return [line];
      met++;
      return repaired.split('\n').filter((part) => part !== '');
    });
  }
  if (must && met === 0) throw new Error(`this repair repairs nothing: ${why}`);
}
