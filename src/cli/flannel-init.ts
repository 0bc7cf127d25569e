/** `vtep flannel init`: the config of a network, written once for all its nodes. */

import { formatNetwork } from '../flannel/contract/network.ts';
import { Unusable } from '../flannel/contract/unusable.ts';
import { RegistryError } from '../flannel/registry/registry.ts';
import { readInit } from './flannel-reading.ts';
import { openRegistry } from './flannel-registry.ts';
import { flannelForm, type InitReading } from './flannel-words.ts';
import { FormError } from './grammar.ts';

export async function init(words: readonly string[]): Promise<number> {
  const reading = readInit(words);
  const text = configOf(reading);
  const registry = openRegistry(reading);
  try {
    const isWritten = await registry.writeConfig(text, reading.force);
    if (!isWritten)
      return refuse(`${registry.name} has a config already, and it stays: --force replaces it (EEXIST)`);
    process.stdout.write(`${text}\n`);
    return 0;
  } catch (error) {
    if (error instanceof RegistryError) return refuse(error.message);
    throw error;
  } finally {
    registry.close();
  }
}

function configOf(reading: InitReading): string {
  const form = flannelForm('init');
  if (reading.network === undefined && reading.ipv6Network === undefined) {
    throw new FormError('--network is missing, such as --network 10.5.0.0/16', form);
  }
  try {
    return formatNetwork(reading);
  } catch (error) {
    if (error instanceof Unusable) throw new FormError(error.message, form);
    throw error;
  }
}

function refuse(sentence: string): number {
  process.stderr.write(`vtep: ${sentence}\n`);
  return 1;
}
