/** `vtep flannel status`: what a node knows, and what is programmed against what should be. */

import { askNode } from '../flannel/node-socket.ts';
import type { NodeStatus, PeerStatus, TunnelStatus } from '../flannel/node-status.ts';
import { readStatus } from './flannel-reading.ts';
import { json } from './json.ts';
import type { CliOptions } from './options.ts';

/** Of leases that are not used; -j has all of them. */
const SHOWN = 10;

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

export async function status(words: readonly string[], options: CliOptions): Promise<number> {
  const reading = readStatus(words);
  const told = (await askNode(reading.state, 'status')) as NodeStatus | undefined;
  if (told === undefined) {
    process.stderr.write(
      `vtep: no node of the state folder ${reading.state} runs; --state names another (ENOENT)\n`,
    );
    return 1;
  }
  const isJson = options.json || reading.json;
  process.stdout.write(`${isJson ? json(told, options.pretty) : statusText(told)}\n`);
  return 0;
}

export function statusText(status: NodeStatus): string {
  return [
    ownLine(status),
    ...(status.own.problem === undefined ? [] : [`    ${status.own.problem}`]),
    registryLine(status),
    ...status.tunnels.flatMap(tunnelLines),
    ...status.peers.map(peerLine),
    ...refusedLines(status),
    ...status.problems.map((problem) => `problem: ${problem}`),
  ].join('\n');
}

/** How many of each reason, and the first ones. */
function refusedLines({ refused }: NodeStatus): string[] {
  if (refused.length === 0) return [];
  const counts = new Map<string, number>();
  for (const { reason } of refused) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const all = Array.from(counts, ([reason, count]) => `${reason} ${count}`).join(', ');
  const some = refused.slice(0, SHOWN).map(({ key, sentence }) => `    ${json(key, false)}: ${sentence}`);
  return [
    `${refused.length} ${refused.length === 1 ? 'lease is' : 'leases are'} not used (${all}):`,
    ...some,
  ];
}

function ownLine({ own, external }: NodeStatus): string {
  const subnets = own.subnets.length > 0 ? own.subnets.join(' and ') : 'no subnet yet';
  const left = own.secondsLeft === undefined ? '' : `, ${span(own.secondsLeft)} left`;
  const where = external ? ` at ${external.publicIps.join(' and ')} dev ${external.dev}` : '';
  return `${subnets}${where}: ${own.standing}${left}`;
}

function registryLine({ registry, network }: NodeStatus): string {
  const networks = [network?.ipv4, network?.ipv6].filter((each) => each !== undefined).join(' and ');
  const of = networks === '' ? 'no network yet' : `network ${networks}`;
  const heard =
    registry.lastContact === undefined ? 'never heard' : `heard ${span(registry.lastContact)} ago`;
  return `${of} from ${registry.name}: ${registry.away ?? heard}`;
}

function tunnelLines(tunnel: TunnelStatus): string[] {
  const { device, vni, port, local, mtu, mac, wanted, programmed, looked, problem } = tunnel;
  const when = looked === undefined ? '' : `, looked at ${span(looked)} ago`;
  const first =
    `${device} vni ${vni} dstport ${port} local ${local} mtu ${mtu} lladdr ${mac}: ` +
    `${programmed} of ${wanted} peers programmed${when}`;
  return problem === undefined ? [first] : [first, `    ${problem}`];
}

function peerLine({ subnet, remote, mac, age, programmed, problem }: PeerStatus): string {
  const since = age === undefined ? '' : ` age ${span(age)}`;
  const state = programmed ? 'programmed' : 'not programmed';
  return `${subnet} via ${remote} lladdr ${mac}${since} ${state}${problem === undefined ? '' : `: ${problem}`}`;
}

/** In the two largest units: `23 h 10 min`. */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)} min ${whole % MINUTE} s`;
  if (whole < DAY) return `${Math.floor(whole / HOUR)} h ${Math.floor((whole % HOUR) / MINUTE)} min`;
  return `${Math.floor(whole / DAY)} d ${Math.floor((whole % DAY) / HOUR)} h`;
}
