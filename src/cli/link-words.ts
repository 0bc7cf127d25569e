/**
 * The words of a link: those of `ip link add NAME type vxlan`, of `ip link set`, and ours. `run`, `link add` and
 * `link set` read them by this one table.
 */

import type { LinkArgs } from '../control/protocol.ts';
import { MAX_VNI } from '../wire/vxlan.ts';
import { Grammar, RefusedWord, UsageError, type Words } from './grammar.ts';
import { INTERFACE_WORDS } from './interface-words.ts';
import { device, newDevice } from './values.ts';
import { type LinkReading, NO_METADATA, VXLAN_WORDS } from './vxlan-words.ts';

export const LINK_WORDS: Words<LinkReading> = { ...VXLAN_WORDS, ...INTERFACE_WORDS };
export const LINK_GRAMMAR = new Grammar(LINK_WORDS);

/** The one word that is none of the table: the name. */
export function takeName({ args }: LinkReading, word: string): void {
  if (args.name !== '' || word.startsWith('-')) throw new UsageError(`the word "${word}" is not known`);
  args.name = device(word, 'NAME');
}

function parse(words: readonly string[]): LinkArgs {
  const reading: LinkReading = { args: { name: '' }, typed: false, running: false };
  LINK_GRAMMAR.read(
    words,
    reading,
    (word) => takeName(reading, word),
    () => reading.typed,
  );
  checkName(reading.args);
  return reading.args;
}

export function checkName({ name, group, remotes }: LinkArgs): void {
  if (name === '') throw new UsageError('NAME is missing: what the TAP is to be called');
  if (group && remotes && remotes.length > 0) {
    throw new UsageError(
      `group "${group}" and remote "${remotes[0]}" exclude each other: a link has one or the other`,
    );
  }
}

/** What a new link cannot do without. */
export function checkNew({ id, external, vnifilter }: LinkArgs): void {
  if (id === undefined && !external) {
    throw new UsageError(`the VNI is missing: id VNI, from 0 to ${MAX_VNI}`);
  }
  if (external && !vnifilter) {
    throw new RefusedWord(
      `"external" without "vnifilter" is refused: ${NO_METADATA}; with vnifilter, \`vtep vni add\` says which VLAN is which VNI`,
    );
  }
  if (vnifilter && !external) throw new UsageError('"vnifilter" goes with "external" only');
  if (external && id)
    throw new UsageError(`"external" and id ${id} exclude each other: the VNIs come by \`vtep vni add\``);
}

export function parseLinkAdd(words: readonly string[]): LinkArgs {
  const args = parse(words);
  newDevice(args.name, 'NAME');
  checkNew(args);
  return args;
}

export function parseLinkSet(words: readonly string[]): LinkArgs {
  const args = parse(words);
  if (args.index !== undefined) throw new UsageError('"index" is said of a link when it is made');
  if (Object.keys(args).length === 1) throw new UsageError(`nothing is said of what ${args.name} should be`);
  return args;
}
