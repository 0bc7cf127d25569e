/**
 * Packets that leave the network for elsewhere have this host's address, as flannel's `--ip-masq` has it: in a table of
 * rules of our own, one for each family, so that nobody else's are touched.
 */

import { spawn } from 'node:child_process';
import { MARK } from './mark.ts';

export interface Masqueraded {
  /** Of all nodes, and of this one: `10.5.0.0/16`, `10.5.52.0/24`. */
  readonly network: string;
  readonly subnet: string;
}

const WORDS = {
  ip: { multicast: '224.0.0.0/4' },
  ip6: { multicast: 'ff00::/8' },
} as const;
type Table = keyof typeof WORDS;

/** What kube-proxy marks it masquerades itself. */
const KUBE_PROXY = '0x4000';

export class Masquerade {
  /** What nft makes of what it was told: anything else is somebody's doing. */
  private told = new Map<Table, { rules: string; listed: string }>();

  /** The rules are there from here on. Throws a sentence where they cannot be. */
  async ensure(families: { readonly ipv4?: Masqueraded; readonly ipv6?: Masqueraded }): Promise<void> {
    await this.put('ip', families.ipv4);
    await this.put('ip6', families.ipv6);
  }

  /** Where there is no nft, there are no rules either. */
  async remove(): Promise<void> {
    this.told.clear();
    for (const table of Object.keys(WORDS) as Table[]) {
      await nft(['-f', '-'], gone(table)).catch((error) => {
        if (!(error instanceof NoNft)) throw error;
      });
    }
  }

  private async put(table: Table, what: Masqueraded | undefined): Promise<void> {
    if (!what) return;
    const rules = rulesOf(table, what);
    const before = this.told.get(table);
    if (before?.rules === rules && before.listed === (await list(table))) return;
    await nft(['-f', '-'], `${gone(table)}${rules}`);
    this.told.set(table, { rules, listed: await list(table) });
  }
}

/** All at once; a table that is not there cannot be deleted. */
function gone(table: Table): string {
  return `table ${table} ${MARK}\ndelete table ${table} ${MARK}\n`;
}

function rulesOf(table: Table, { network, subnet }: Masqueraded): string {
  const { multicast } = WORDS[table];
  const rules = [
    `meta mark & ${KUBE_PROXY} == ${KUBE_PROXY} return`,
    `${table} saddr ${subnet} ${table} daddr ${network} return`,
    `${table} saddr ${network} ${table} daddr ${subnet} return`,
    // what comes from outside for one of our containers keeps its sender
    `${table} saddr != ${network} ${table} daddr ${subnet} return`,
    `${table} saddr ${network} ${table} daddr != ${multicast} masquerade fully-random`,
    // what this host itself sends to others' containers finds its way back
    `${table} saddr != ${network} ${table} daddr ${network} masquerade fully-random`,
  ];
  const head = 'type nat hook postrouting priority srcnat; policy accept;';
  return `table ${table} ${MARK} {\n chain postrouting {\n  ${[head, ...rules].join('\n  ')}\n }\n}\n`;
}

/** Empty where there is none. */
function list(table: Table): Promise<string> {
  return nft(['-s', 'list', 'table', table, MARK]).catch((error) => {
    if (error instanceof NftRefusal) return '';
    throw error;
  });
}

class NftRefusal extends Error {}
class NoNft extends Error {}

function nft(words: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('nft', words, { stdio: ['pipe', 'pipe', 'pipe'] });
    let [said, complaint] = ['', ''];
    child.stdout.on('data', (chunk) => {
      said += chunk;
    });
    child.stderr.on('data', (chunk) => {
      complaint += chunk;
    });
    child.on('error', ({ code }: NodeJS.ErrnoException) => {
      reject(new NoNft(`--ip-masq needs the command nft, which cannot be run: install nftables (${code})`));
    });
    child.on('close', (status) => {
      const [why] = complaint.split('\n');
      if (status === 0) resolve(said);
      else reject(new NftRefusal(`--ip-masq: nft has refused the rules: ${why}`));
    });
    child.stdin.on('error', () => {}); // it ended before it had read all
    child.stdin.end(input);
  });
}
