/** Links of ours made, changed, renamed and deleted by the words of `ip link`. */

import { setTimeout as pause } from 'node:timers/promises';
import { NoDaemon } from '../../control/client.ts';
import type { LinkArgs } from '../../control/protocol.ts';
import { Refusal } from '../../control/refusal.ts';
import { Grammar, UsageError } from '../grammar.ts';
import { checkNew } from '../link-words.ts';
import { VXLAN_WORDS } from '../vxlan-words.ts';
import { Daemon } from './daemon.ts';
import { Here } from './here.ts';
import { changesOf, checkFamily, checkWords, Misspoken } from './kernel-link.ts';
import type { Meant } from './meant.ts';
import * as real from './real.ts';
import { HAND_OVER } from './shim.ts';

type Of<K extends Meant['kind']> = Extract<Meant, { kind: K }>;

/** What iproute2 says where no port is named. */
const NO_PORT = `vxlan: destination port not specified
Will use Linux kernel default (non-standard value)
Use 'dstport 4789' to get the IANA assigned value
Use 'dstport 0' to get default and quiet this message
`;
const KERNEL_PORT = 8472;

/** A device is in its place by then, or something is wrong with the daemon. */
const PATIENCE_MS = 5_000;

export interface Where {
  /** Path of the real `ip`. */
  ip: string;
  netns?: string;
}

/** What `ip link` takes behind `type vxlan`; the interface's own words stand before it. */
const GRAMMAR = new Grammar(VXLAN_WORDS);

function argsOf(name: string, given: readonly string[], isNew: boolean): LinkArgs {
  const reading = { args: { name } as LinkArgs, typed: true, running: false };
  const { args } = GRAMMAR.read(given.map(ofIproute2), reading, (word) => {
    throw new Misspoken(`vxlan: unknown command "${word}"?`);
  });
  checkWords(args, isNew);
  return args;
}

/** As C reads numbers: what stands behind the digits is no matter. */
function indexIn(general: readonly string[]): number | undefined {
  const [word, more] = general.filter((_, at) => general[at - 1] === 'index');
  if (word === undefined) return undefined;
  const index = Number.parseInt(word, 10);
  if (!(index > 0 && index < 2 ** 31))
    throw new UsageError(`argument "${word}" is wrong: Invalid "index" value`);
  if (more !== undefined) throw new UsageError(`duplicate "index": "${more}" is the second value.`);
  return index;
}

/** To iproute2 the unspecified address is none; what we call `any` it does not take. */
function ofIproute2(word: string): string {
  if (word === 'any') throw new UsageError('"any" is no address of a host or a group');
  return word === '0.0.0.0' || word === '::' ? 'any' : word;
}

/** As the kernel has it where nothing else is said. */
export async function add(where: Where, { name = 'vxlan%d', general, vxlan }: Of<'add'>): Promise<number> {
  if (name === '' || /[\s/]/.test(name)) {
    throw new UsageError(`argument "${name}" is wrong: "name" not a valid ifname`);
  }
  const index = indexIn(general);
  // iproute2 checks what is said of vxlan, if anything is
  if (vxlan.length === 0) throw new Refusal('EINVAL', `nothing is said of what ${name} should be: id VNI`);
  const args = { ...argsOf(name, vxlan, true), index };
  checkNew(args);
  checkFamily(args);
  if (args.dstport === undefined) process.stderr.write(NO_PORT);
  args.dstport ||= KERNEL_PORT;
  args.ageing ||= undefined;
  args.reserved_bits ??= 'kernel';
  if (args.external) args.learning ??= false;
  for (let tries = 3; ; tries--) {
    try {
      return await addOnce(where, args, general);
    } catch (error) {
      // one that ends with its last link may do so at this moment
      if (!(error instanceof NoDaemon) || tries === 1) throw error;
    }
  }
}

async function addOnce(where: Where, given: LinkArgs, general: readonly string[]): Promise<number> {
  const daemon = await Daemon.findOrStart(where.ip, where.netns);
  try {
    const args = given.name.includes('%d') ? { ...given, name: firstFree(where, given.name) } : given;
    if (isThere(where, args.name)) throw new Refusal('EEXIST', `there is an interface ${args.name} already`);
    await withDevice(where, args, () => daemon.ask('link add', args));
    const status = setGeneral(where, args.name, general);
    if (status !== 0) await daemon.ask('link del', { name: args.name });
    return status;
  } finally {
    daemon.close();
  }
}

/** A device that is not there is iproute2's to miss. */
async function withDevice<T>(where: Where, { dev }: LinkArgs, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (dev && error instanceof Refusal && !isThere(where, dev))
      throw new UsageError(`Cannot find device "${dev}"`);
    throw error;
  }
}

/** The daemon would take a TAP that somebody made for it; the kernel takes none. */
function isThere({ ip, netns }: Where, name: string): boolean {
  return real.capture(ip, [...inNamespace(netns), 'link', 'show', 'dev', name]).status === 0;
}

function inNamespace(netns: string | undefined): string[] {
  return netns === undefined ? [] : ['-n', netns];
}

/** The kernel's own way of naming: vxlan0, vxlan1, ... */
function firstFree(where: Where, template: string): string {
  for (let i = 0; ; i++) {
    const name = template.replace('%d', `${i}`);
    if (!isThere(where, name)) return name;
  }
}

/** What is not of vxlan is set on the TAP; a device to lie on (`link`) and queues are no matter of vxlan's. */
function setGeneral({ ip, netns }: Where, name: string, general: readonly string[]): number {
  const words: string[] = [];
  for (let at = 0; at < general.length; at++) {
    if (/^(link|num[tr]xqueues|index)$/.test(general[at])) at++;
    else words.push(general[at]);
  }
  if (words.length === 0) return 0;
  return real.run(ip, [...inNamespace(netns), 'link', 'set', 'dev', name, ...words]);
}

export async function change(where: Where, { name, newName, general, vxlan }: Of<'change'>): Promise<number> {
  if (name === undefined) return HAND_OVER;
  return withOurs(where, name, async (daemon) => {
    if (general.includes('mtu'))
      throw new Refusal('EOPNOTSUPP', 'the kernel changes no mtu with `type vxlan`');
    if (vxlan.length === 0) throw new Refusal('EINVAL', `nothing is said of what ${name} should be`);
    const args = changesOf(argsOf(name, vxlan, false), await daemon.link(name));
    await withDevice(where, args, () => daemon.ask('link set', args));
    const words = [...inNamespace(where.netns), 'link', 'set', 'dev', name, 'name', newName ?? name];
    return (
      (newName && (await renameBy(where, words, newName))) || setGeneral(where, newName ?? name, general)
    );
  });
}

export async function remove(where: Where, { name }: Of<'delete'>): Promise<number> {
  return withOurs(where, name, async (daemon) => {
    await daemon.ask('link del', { name });
    return 0;
  });
}

export async function rename(
  where: Where,
  words: readonly string[],
  { name, newName }: Of<'rename'>,
): Promise<number> {
  return withOurs(where, name, () => renameBy(where, words, newName));
}

/** By the real tool; waits until the daemon knows the new name. */
async function renameBy(where: Where, words: readonly string[], newName: string): Promise<number> {
  const status = real.run(where.ip, words);
  const until = Date.now() + PATIENCE_MS;
  const isKnown = async () => (await withOurs(where, newName, async () => 0)) === 0;
  while (status === 0 && Date.now() < until && !(await isKnown())) await pause(2);
  return status;
}

export async function refuse(where: Pick<Where, 'netns'>, { dev, why }: Of<'refused'>): Promise<number> {
  return withOurs(where, dev, async () => {
    throw new Refusal('EOPNOTSUPP', `${dev}: ${why}`);
  });
}

/** Only if the link is ours; else it is the real tool's. */
export async function withOurs(
  { netns }: Pick<Where, 'netns'>,
  name: string,
  act: (daemon: Here) => Promise<number>,
): Promise<number> {
  const daemon = await Here.find(netns);
  if (!daemon) return HAND_OVER;
  try {
    return (await daemon.link(name)) ? await act(daemon) : HAND_OVER;
  } finally {
    daemon.close();
  }
}
