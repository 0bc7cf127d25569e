/** The etcd that was named, by words or by an earlier run. */

import { readFileSync } from 'node:fs';
import { EtcdRegistry } from '../flannel/registry/etcd/registry.ts';
import { readTls } from '../flannel/registry/etcd/tls-files.ts';
import type { Registry } from '../flannel/registry/registry.ts';
import type { EtcdReading } from './flannel-words.ts';

const ENDPOINT = 'http://127.0.0.1:2379';
const PREFIX = '/coreos.com/network';

/** Throws a sentence about a file. */
export function openRegistry(reading: EtcdReading): Registry {
  const { endpoints = [ENDPOINT], prefix = PREFIX, cafile, certfile, keyfile, username } = reading;
  const password = reading.password ?? readPassword(reading.passwordFile);
  return new EtcdRegistry({
    endpoints,
    prefix,
    tls: readTls({ ca: cafile, cert: certfile, key: keyfile }),
    ...(username !== undefined && { login: { name: username, password: password ?? '' } }),
  });
}

function readPassword(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw new Error(`--etcd-password-file ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** Those that a later process may know: no password stands in a file that we write. */
export function rememberedWords(reading: EtcdReading): EtcdReading {
  const { endpoints, prefix, cafile, certfile, keyfile, username, passwordFile } = reading;
  return { endpoints, prefix, cafile, certfile, keyfile, username, passwordFile };
}
