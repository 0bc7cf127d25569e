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

export interface Ping {
  from: string;
  netns?: string;
  to: string;
}

export interface Recipe {
  name: string;
  /** Underlay addresses. */
  hosts: Record<string, string>;
  /** What the network card is called. */
  card: string;
  repairs: Repair[];
  pings: Ping[];
}

export interface Section {
  host: string;
  lines: string[];
}

/** Sections before the check, and after it. */
export function read(recipe: Recipe): [Section[], Section[]] {
  const text = readFileSync(join(import.meta.dirname, `${recipe.name}.txt`), 'utf8');
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

/** Everybody in a list of [host, netns, address] to everybody else. */
function mesh(all: readonly (readonly [string, string | undefined, string])[]): Ping[] {
  return all.flatMap(([from, netns]) =>
    all.filter(([other]) => other !== from).map(([, , to]) => ({ from, netns, to })),
  );
}

const COUNTS: Repair = {
  why: 'two pings a tenth of a second apart tell as much as four',
  instead: /ping -c\s?\d/,
  lines: ['ping -i 0.1 -c 2'],
};

const COMPUTE = {
  host1: '10.128.147.181/24',
  host2: '10.128.147.182/24',
  host3: '10.128.147.177/24',
};

export const RECIPES: Recipe[] = [
  {
    name: 'point-to-point',
    hosts: { host1: COMPUTE.host1, host2: COMPUTE.host2 },
    card: 'eth0',
    repairs: [],
    pings: mesh([
      ['host1', undefined, '10.0.0.181'],
      ['host2', undefined, '10.0.0.182'],
    ]),
  },
  {
    name: 'simplest',
    hosts: { vm1: '172.31.0.106/16', vm2: '172.31.0.107/16' },
    card: 'eth0',
    repairs: [{ ...COUNTS, instead: /-c 3$/, lines: ['-i 0.1 -c 2'] }],
    pings: mesh([
      ['vm1', undefined, '10.0.0.106'],
      ['vm2', undefined, '10.0.0.107'],
    ]),
  },
  {
    name: 'three-hosts',
    hosts: COMPUTE,
    card: 'eth0',
    repairs: [],
    pings: mesh([
      ['host1', undefined, '192.168.200.1'],
      ['host2', undefined, '192.168.200.2'],
      ['host3', undefined, '192.168.200.3'],
    ]),
  },
  {
    name: 'layer-2-containers',
    hosts: COMPUTE,
    card: 'eth0',
    repairs: [COUNTS],
    pings: mesh([
      ['host1', 'net100', '192.168.100.2'],
      ['host2', 'net100', '192.168.100.3'],
      ['host3', 'net100', '192.168.100.4'],
    ]),
  },
  {
    name: 'layer-3-containers',
    hosts: COMPUTE,
    card: 'eth0',
    repairs: [
      COUNTS,
      {
        why: 'the text says in a sentence that the hosts forward, and has no line for it',
        instead: /^(iptables .* -s .*)$/,
        lines: ['sysctl -qw net.ipv4.ip_forward=1', '$1'],
      },
    ],
    pings: mesh([
      ['host1', 'net100', '192.169.1.2'],
      ['host2', 'net100', '192.169.2.2'],
      ['host3', 'net100', '192.169.3.2'],
    ]),
  },
  {
    name: 'group',
    hosts: { node1: '10.206.67.96/24', node2: '10.206.67.15/24' },
    card: 'eth2',
    repairs: [
      {
        why: 'the second host makes no tunnel',
        host: 'node2',
        section: 0,
        lines: [
          'ip link add vxlan0 type vxlan id 1 group 239.1.1.1 dev eth2 dstport 4789',
          'ip link set dev vxlan0 master vxlan-br0',
        ],
      },
      { why: 'the tunnel stays down', host: 'node1', lines: ['ip link set up vxlan0'] },
      { why: 'the tunnel stays down', host: 'node2', lines: ['ip link set up vxlan0'] },
    ],
    pings: mesh([
      ['node1', undefined, '100.1.1.2'],
      ['node2', undefined, '100.1.1.3'],
    ]),
  },
];
